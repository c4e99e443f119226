"""The pages say what the tests do."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from exporters.audit.findings import CHECKS, PUBLISHED, REPLAY
from exporters.audit.format import note
from exporters.audit.types import RECORDS
from tests.support.tampering import said
from tests.unit.exporters.audit.lives import Life
from tests.unit.exporters.audit.logs import judged, number

DOCS = Path(__file__).parents[4] / "docs"
KNOWN = {
    code
    for checks in (CHECKS, PUBLISHED, REPLAY)
    for _, of_check in checks.values()
    for code in of_check
}


@pytest.mark.parametrize(
    ("page", "script"),
    [
        ("audit.md", "write_tamperings.py"),
        ("verify-without-us.md", "write_verify_without_us.py"),
    ],
)
def test_what_is_generated_is_up_to_date(page: str, script: str) -> None:
    made = runpy.run_path(str(DOCS / script))["page"]()
    assert (DOCS / page).read_text(encoding="utf-8") == made, f"run `python docs/{script}`"


def test_the_program_has_as_few_lines_as_the_page_says() -> None:
    page = (DOCS / "verify-without-us.md").read_text(encoding="utf-8")
    program = page.split("```go\n")[1].split("```")[0]
    code = program.split("\n)\n")[1]
    assert "## A program of forty lines" in page
    assert "import" in program
    assert "import" not in code
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    assert max(map(len, program.splitlines())) <= 120


def test_the_page_leads_from_epoch_to_epoch(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.next_epoch()
    life.exporter.export(number([judged(index) for index in range(300)]))
    life.next_epoch()
    life.exporter.stop(5.0)
    page = (DOCS / "verify-without-us.md").read_text(encoding="utf-8")
    commands = page.split("first() {")[1].split("\n}\n")[0]
    forwards = page.split('grep -ao \'"next"')[1].split("' ")[0]

    def first(log: Path, field: str) -> str:
        script = f'first() {{{commands}\n}}\nfirst "$1" "$2"'
        asked = ["sh", "-c", script, "sh", str(log), field]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()

    older = sorted((life.log / "epochs").iterdir())
    assert sorted(said(log)[1] > 256 for log in older) == [False, True]
    for before, log in pairwise([*older, life.log]):
        origin, size, root = (before / "checkpoint").read_text().splitlines()[:3]
        named = {"origin": origin, "root": root, "size": int(size)}
        assert json.loads("{" + first(log, "previous") + "}}") == {"previous": named}
        (vkey,) = json.loads("{" + first(log, "vkeys") + "]}")["vkeys"]
        found = subprocess.run(
            [
                "grep",
                "-aoh",
                f'"next"{forwards}',
                *map(str, (before / "tile/entries").rglob("*[0-9]")),
            ],
            check=False,
            capture_output=True,
            text=True,
        )
        assert f'"vkey":"{vkey}"' in found.stdout
        assert note.open((log / "checkpoint").read_bytes(), [note.parse_vkey(vkey)]).verified
    assert first(older[0], "previous").startswith('"previous":null')


def test_the_page_explains_every_finding_code() -> None:
    text = (DOCS / "audit.md").read_text(encoding="utf-8")
    assert {code for code in KNOWN if f"`{code}`" not in text} == set()


def test_the_page_explains_every_record_type() -> None:
    text = (DOCS / "audit.md").read_text(encoding="utf-8")
    assert {name for name in RECORDS if f"`{name}`" not in text} == set()


def test_every_code_that_is_used_belongs_to_a_check() -> None:
    """A finding of no check would be counted and never shown."""
    folder = DOCS.parent / "exporters" / "audit"
    used = set()
    for path in [folder / "verify_wal.py", *(folder / "read").glob("*.py")]:
        used |= set(re.findall(r'\.add\(\s*"([a-z_]+)"', path.read_text(encoding="utf-8")))
    assert used <= KNOWN
    assert len(used) > 25

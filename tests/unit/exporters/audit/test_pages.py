"""The pages say what the tests do."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from exporters.audit.findings import CHECKS, PUBLISHED, REPLAY
from exporters.audit.types import RECORDS

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

"""What is kept, for how long, and what becomes of it."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.clock import SystemClock
from agent.config.load import load
from agent.config.model import Evidence
from agent.evidence.child import Child, Limits
from agent.evidence.cite import Found
from agent.evidence.compare import SUFFIX, Origin, question
from agent.evidence.folder import Folder
from agent.evidence.from_file import drawn_once, write_sample
from agent.evidence.keeper import Keeper
from agent.evidence.reservoir import columns_of
from agent.evidence.sample import Sample, add, decode, digest, encode
from agent.run import make_keeper
from exporters.agent_metrics import AgentMetrics
from exporters.audit.types import RECORDS
from exporters.deadline import Deadline
from exporters.log import configure
from policies.model import Notice, Window
from tests.support.events import SCHEMA, batch
from tests.unit.cli import stream

WELL = """
import json, pathlib, sys
folder = pathlib.Path(sys.argv[1])
asked = json.loads((folder / "question.json").read_text())
(folder / "report.html").write_text("<html>")
(folder / "report.json").write_text(json.dumps(sorted(asked["current"])))
"""
COLUMNS = tuple(columns_of(SCHEMA, attributes=False))
DAY = 86_400


def body(seed: int, **more: Any) -> bytes:
    sample = Sample(50, COLUMNS)
    rows = [{"id": f"{seed}-{i}", "time": 1.0, "income": float(i), **more} for i in range(30)]
    add(sample, batch(rows), np.arange(30))
    return encode(sample)


def found(number: int, *rules: str, content: bytes | None = None) -> Found:
    content = body(number) if content is None else content
    window = Window(number * 3_600, (number + 1) * 3_600, "1h")
    return Found("loans", window, 0, rules, digest(content), content)


class Kept:
    """A keeper on a clock that the test sets, with a renderer of the test's own."""

    def __init__(
        self, folder: Path, script: str = WELL, origin: Origin | None = None, **options: Any
    ) -> None:
        (folder / "script.py").write_text(script)
        self.now = 1_000_000.0
        self.metrics = AgentMetrics("test")
        self.folder = Folder(folder / "evidence")
        self.profile = folder / "ref.json"
        self.options = Evidence(enabled=True, **options)
        limits = Limits(1_024, self.options.free_mb, 30.0)
        self.keeper = Keeper(
            self.options,
            self.folder,
            self.metrics,
            references={"loans": origin or self.profile},
            child=Child(Path(sys.executable), limits, folder / "script.py"),
            clock=lambda: self.now,
        )

    def with_reference(self) -> Kept:
        write_sample(self.profile.with_name(self.profile.name + SUFFIX), body(999))
        return self

    def counted(self) -> dict[str, float]:
        return {
            sample.labels["result"]: sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == "pantau_evidence_reports_total"
        }

    def told(self) -> list[Notice]:
        notices = self.keeper.told()
        for notice in notices:
            import msgspec

            msgspec.convert(notice.data, RECORDS[notice.name])  # What the audit log would refuse.
        return notices


def test_a_breach_has_a_report_that_the_audit_log_names(tmp_path: Path) -> None:
    kept = Kept(tmp_path).with_reference()
    one = found(1, "DR-1", "FA-1")
    kept.keeper.keep([one, found(2)])
    kept.keeper.look()
    files = kept.folder.report(one.digest)
    (notice,) = kept.told()
    assert (notice.name, notice.system) == ("evidence.made", "loans")
    assert notice.data == {
        "evidence": one.digest,
        "result": "made",
        "window": {
            "start": "1970-01-01T01:00:00Z",
            "end": "1970-01-01T02:00:00Z",
            "length": "1h",
        },
        "rules": ["DR-1", "FA-1"],
        "against": "reference",
        "html": files["report.html"],
        "json": files["report.json"],
    }
    assert kept.counted() == {"made": 1}
    kept.keeper.look()
    assert kept.told() == [], "once is enough"


def test_only_the_owner_may_read_any_of_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path).with_reference()
    kept.keeper.keep([found(1, "DR-1")])
    kept.keeper.look()
    everything = [kept.folder.path, *kept.folder.path.rglob("*"), Path(f"{kept.profile}{SUFFIX}")]
    assert len(everything) == 7
    assert [p for p in everything if stat.S_IMODE(p.stat().st_mode) & 0o077] == []


def test_without_a_reference_an_earlier_window_without_a_breach_serves(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keeper.keep([found(1), found(2), found(3, "DR-1")])
    kept.keeper.look()
    (notice,) = kept.told()
    assert notice.data["against"] == found(2).digest


def test_reference_data_are_sampled_when_first_needed_and_then_kept(tmp_path: Path) -> None:
    data = tmp_path / "train.csv"
    origin = drawn_once(data, SCHEMA, 20, attributes=False)
    kept = Kept(tmp_path, origin=origin)
    one, two, three = found(1, "DR-1"), found(2, "DR-1"), found(3, "DR-1")
    kept.keeper.keep([one])
    kept.keeper.look()
    failed = kept.folder.failure(one.digest)
    assert failed is not None
    assert "reference.data cannot be read" in failed.detail
    lines = [f"{i},2026-01-01T00:00:{i:02}Z,1,{i}" for i in range(30)]
    data.write_text("\n".join(["id,time,approve,income", *lines]) + "\n", encoding="utf-8")
    kept.keeper.keep([two])
    kept.keeper.look()
    data.unlink()
    kept.keeper.keep([three])
    kept.keeper.look()
    against = [notice.data.get("against") for notice in kept.told()]
    assert against == [None, "reference", "reference"]


def test_the_agent_compares_with_the_data_that_its_reference_is_built_from(
    tmp_path: Path,
) -> None:
    config = stream.write(tmp_path)
    enabled = config.read_text(encoding="utf-8") + "evidence: {enabled: true, sample: 40}\n"
    config.write_text(enabled, encoding="utf-8")
    keeper = make_keeper(load(config, env={}), AgentMetrics("test"), SystemClock())
    assert keeper is not None
    origin = keeper._references["loan"]
    assert callable(origin)
    assert len(decode(origin()).rows) == 40


def test_without_anything_to_compare_with_it_says_what_to_do(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    one = found(3, "DR-1")
    kept.keeper.keep([one, found(4)])
    kept.keeper.look()
    failure = kept.folder.failure(one.digest)
    assert failure is not None
    assert "pantau reference build --sample" in failure.detail
    assert kept.told()[0].data["result"] == "failed"


def test_time_and_number_are_bounded(tmp_path: Path) -> None:
    kept = Kept(tmp_path, ttl="1d", max_windows=3).with_reference()
    for number in range(1, 6):
        kept.keeper.keep([found(number, "DR-1")])
    kept.keeper.look()
    assert [e.window.start // 3_600 for e in kept.folder.entries()] == [3, 4, 5]
    kept.now += DAY + 1
    kept.keeper.look()
    assert kept.folder.entries() == []
    assert list(kept.folder.path.iterdir()) == []


def test_of_windows_without_a_breach_only_the_newest_is_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    kept.keeper.keep([found(1), found(2), found(3)])
    kept.keeper.look()
    assert [e.window.start // 3_600 for e in kept.folder.entries()] == [3]


def test_an_erasure_is_told_once(tmp_path: Path) -> None:
    kept = Kept(tmp_path).with_reference()
    one = found(1, "DR-1")
    kept.keeper.keep([one])
    kept.keeper.look()
    kept.told()
    kept.folder.erase(one.digest)
    kept.keeper.look()
    (notice,) = kept.told()
    assert (notice.name, notice.data) == (
        "privacy.erasure",
        {"what": "evidence", "evidence": one.digest},
    )
    kept.keeper.look()
    assert kept.told() == []
    assert len(kept.folder.erased()) == 1, "until its record is durable"
    kept.keeper.committed()
    assert list(kept.folder.path.iterdir()) == []


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("raise SystemExit('value 4711 of Mallory')", "failed"),
        ("x = []\nwhile True: x.append(bytearray(50 << 20))", "out_of_memory"),
        ("import os; os.kill(os.getpid(), 9)", "failed"),
        ("pass", "failed"),
    ],
)
def test_a_renderer_that_fails_is_noted_and_not_asked_again(
    tmp_path: Path, script: str, why: str
) -> None:
    lines = io.StringIO()
    configure(stream=lines)
    kept = Kept(tmp_path, script).with_reference()
    one = found(1, "DR-1")
    kept.keeper.keep([one])
    kept.keeper.look()
    kept.keeper.look()
    assert kept.counted() == {why: 1}
    (notice,) = kept.told()
    assert notice.data["result"] == why
    # What it said may quote an event: it stays with the sample.
    assert "Mallory" not in lines.getvalue() + json.dumps(notice.data)
    (line,) = (json.loads(t) for t in lines.getvalue().splitlines() if "evidence_failed" in t)
    assert line["why"] == why


def test_without_memory_it_waits(tmp_path: Path) -> None:
    kept = Kept(tmp_path, free_mb=10**9).with_reference()
    one = found(1, "DR-1")
    kept.keeper.keep([one])
    kept.keeper.look()
    assert kept.folder.failure(one.digest) is None
    assert kept.told() == []
    assert kept.counted() == {"no_memory": 1}


def test_a_folder_that_cannot_be_written_is_told_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file in its place")
    lines = io.StringIO()
    configure(stream=lines)
    kept = Kept(tmp_path)
    kept.keeper.keep([found(1, "DR-1")])
    assert kept.counted() == {"not_kept": 1}
    assert "evidence_not_kept" in lines.getvalue()


def test_what_a_killed_run_left_is_taken_up(tmp_path: Path) -> None:
    before = Kept(tmp_path).with_reference()
    one = found(1, "DR-1")
    before.keeper.keep([one])
    (before.folder.path / "work-abc").mkdir()
    (before.folder.path / ("f" * 64)).mkdir()  # Not a sample: it has no `window.json`.
    after = Kept(tmp_path)
    after.keeper.look()
    assert after.folder.report(one.digest)
    assert not (after.folder.path / "work-abc").exists()


def test_it_works_on_its_own_thread_and_stops_in_the_middle(tmp_path: Path) -> None:
    kept = Kept(tmp_path).with_reference()
    kept.keeper.start()
    one = found(1, "DR-1")
    kept.keeper.keep([one])
    assert kept.keeper.idle(60)
    assert kept.folder.report(one.digest)
    kept.keeper.stop(Deadline(30))

    hanging = Kept(tmp_path, "import time; time.sleep(600)").with_reference()
    hanging.keeper.start()
    other = found(2, "DR-1")
    hanging.keeper.keep([other])
    assert not hanging.keeper.idle(0.5)
    hanging.keeper.stop(Deadline(30))
    assert hanging.folder.failure(other.digest) is None, "the next start renders it"


def test_only_columns_that_both_have_are_compared() -> None:
    one, other = Sample(9, COLUMNS), Sample(9, COLUMNS)
    add(one, batch([{"id": "1", "time": 1.0, "income": 1.0}]), np.arange(1))
    add(other, batch([{"id": "1", "time": 1.0, "income": 2.0, "purpose": "x"}]), np.arange(1))
    assert question(one, other) == {
        "current": {"features.income": [1.0]},
        "reference": {"features.income": [2.0]},
        "numerical": ["features.income"],
        "categorical": [],
    }

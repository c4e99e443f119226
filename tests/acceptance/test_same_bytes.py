"""`pantau backtest`: the same records give the same bytes, however they come (contract C4)."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from agent.backtest import replay
from agent.cli.main import main
from agent.config.load import load
from policies.model import Report
from tests.support.decisions import SYSTEM, Row, as_lines, decisions, write_csv, write_lines

START = 1_767_225_600  # 2026-01-01T00:00:00Z
EVERY = 12
LATENESS = 600

CONFIG = (
    SYSTEM
    + """\
    reference: {data: past.jsonl}
    windows: [5m, 1h]
collectors:
  - {type: file, path: live.jsonl, batch_size: {size}}
"""
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    past = decisions(1_500, start=START, every=EVERY, seed=1)
    write_lines(tmp_path / "past.jsonl", as_lines(past))
    return tmp_path


def stream(*, contested: bool = True) -> list[Row]:
    """Return three hours of two versions, with repeats and with ids that have several bodies.

    `contested`: some of these bodies bear the same time.
    """
    rng = random.Random(4)
    rows = decisions(3 * 300, start=START, every=EVERY, seed=2, approved=(8, 5))
    for row in rows[450:]:
        row["version"] = "v2"
    found = list(rows)
    for i, row in enumerate(rows):
        if i % 20 == 0:
            found.append(dict(row))
        if contested and i % 15 == 0:
            found.append({**row, "approve": 1 - row["approve"], "income": rng.gauss(50, 9)})
        if i % 30 == 0 and i + 20 < len(rows):
            # The same id minutes later, so that two windows contend for it.
            found.append({**row, "at": rows[i + 20]["at"], "purpose": "home"})
    return sorted(found, key=lambda row: str(row["at"]))


def shuffled(rows: list[Row], seed: int) -> list[Row]:
    """Return the rows out of order by less than the lateness."""
    rng = random.Random(seed)
    number = {at: i for i, at in enumerate(sorted({str(row["at"]) for row in rows}))}
    width = LATENESS // EVERY - 1
    return sorted(rows, key=lambda row: number[str(row["at"])] + rng.uniform(0, width))


def output(folder: Path, capsys: pytest.CaptureFixture[str], *more: str, size: int = 5_000) -> str:
    (folder / "pantau.yaml").write_text(CONFIG.replace("{size}", str(size)))
    command = ["backtest", "-c", str(folder / "pantau.yaml"), "--output", "json"]
    assert main([*command, "--fail-on", "never", *more]) == 0
    return capsys.readouterr().out


def test_the_size_of_batches_does_not_show(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "live.jsonl", as_lines(shuffled(stream(), 1)))
    expected = output(folder, capsys)
    assert expected.count("\n") > 60
    coverage = [json.loads(line)["coverage"] for line in expected.splitlines()]
    assert sum(one["conflicts"] for one in coverage) > 100
    assert sum(one["late_dropped"] for one in coverage) == 0
    for size in (1, 7, 333, 100_000):
        assert output(folder, capsys, size=size) == expected, size
    revisions = output(folder, capsys, "--revisions")
    for size in (13, 333):
        assert output(folder, capsys, "--revisions", size=size) == revisions, size


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_arrival_within_the_lateness_does_not_show(
    seed: int, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = stream()
    write_lines(folder / "live.jsonl", as_lines(rows))
    expected = output(folder, capsys)
    write_lines(folder / "live.jsonl", as_lines(shuffled(rows, seed)))
    assert output(folder, capsys) == expected


def test_csv_json_lines_and_compressed_files_say_the_same(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Of bodies with one id and one time the least checksum counts, and CSV has other bytes.
    rows = stream(contested=False)
    write_lines(folder / "live.jsonl", as_lines(rows))
    expected = output(folder, capsys)
    for name in ("live.csv", "live.csv.gz"):
        path = write_csv(folder / name, rows)
        assert output(folder, capsys, "--input", str(path)) == expected, name
    for name in ("live.jsonl.gz", "live.ndjson"):
        path = write_lines(folder / name, as_lines(rows))
        assert output(folder, capsys, "--input", str(path)) == expected, name


def test_bad_records_between_good_ones_do_not_make_batches_show(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(9)
    lines = as_lines(stream())
    bad = [b"\xff", b'{"id"', b"[]", b'{"id": "x", "at": "2099-01-01T00:00:00Z"}', b"{}"]
    for _ in range(120):
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(bad))
    write_lines(folder / "live.jsonl", [*bad, *lines, *bad])
    expected = output(folder, capsys)
    assert "future" in expected
    for size in (3, 50):
        assert output(folder, capsys, size=size) == expected, size


def test_ids_contested_after_reports_were_told_show_neither_order_nor_batches(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = stream(contested=False)
    late = rows[-300:]
    clash = [{**row, "approve": 1 - row["approve"]} for row in late[::9]]
    found = set()
    for seed, size in ((3, 17), (4, 100), (5, 100_000)):
        write_lines(folder / "live.jsonl", as_lines(rows[:-300] + shuffled(late + clash, seed)))
        found.add(output(folder, capsys, size=size))
    assert len(found) == 1


def test_reports_are_told_while_the_file_is_read(folder: Path) -> None:
    rows = decisions(900, start=START, every=EVERY, seed=2)
    write_lines(folder / "live.jsonl", as_lines(rows))
    config = folder / "pantau.yaml"
    config.write_text(CONFIG.replace("{size}", "50"))
    loaded = load(config, env={})
    told: list[Report] = []
    by_record: list[int] = []
    replay(
        loaded,
        loaded.systems[0],
        folder / "live.jsonl",
        told.append,
        progress=lambda _: by_record.append(len(told)),
    )
    ends = [report.window.end for report in told]
    assert ends == sorted(ends)
    # All but the windows within the lateness, the horizon of duplicates and one batch of the end.
    behind = LATENESS + 600 + 50 * EVERY + 60
    assert by_record[-1] >= sum(end <= START + 900 * EVERY - behind for end in ends) > 50

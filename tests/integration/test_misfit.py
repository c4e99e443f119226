"""What only the first event can show is told like any other mistake, not as a defect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.run import RunError, run
from tests.support.agent_process import write_config

BUILD = """\
systems:
  - id: loans
    event: {id: id, time: at, prediction: approve}
    features: {income: numeric}
"""

RUN = """\
systems:
  - id: loans
    event: {id: id, time: at, prediction: approve}
    reference: {path: ref.json}
collectors:
  - {type: file, path: live.jsonl}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: 0}
  - {type: audit, path: audit}
"""


def rows(path: Path, income: object) -> None:
    """Write events whose income is of that kind."""
    made = (
        {
            "id": f"e{i}",
            "at": f"2026-03-02T00:{i // 60:02}:{i % 60:02}Z",
            "approve": 1,
            "income": income,
        }
        for i in range(200)
    )
    path.write_text("".join(json.dumps(row) + "\n" for row in made))


def test_a_reference_of_another_kind_is_told_with_what_to_set(tmp_path: Path) -> None:
    rows(tmp_path / "past.jsonl", 1.5)
    rows(tmp_path / "live.jsonl", "high")
    config = write_config(tmp_path, BUILD)
    past, out = str(tmp_path / "past.jsonl"), str(tmp_path / "ref.json")
    assert main(["reference", "build", "-c", str(config), "--input", past, "-o", out]) == 0
    write_config(tmp_path, RUN)
    expected = r"^feature 'income' is categorical in the events but numeric in the reference; set "
    with pytest.raises(RunError, match=expected):
        run(load(config))

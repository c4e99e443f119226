"""`pantau backtest` over records in a file, and what it prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.cli.main import main
from tests.support.decisions import Row, as_lines, write_lines


class Backtest:
    """Runs backtests in a folder.

    `config`: what they run by where nothing else is given; it reads `live.jsonl` in batches of
    `{size}` records.
    """

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], config: str) -> None:
        self.folder, self.config, self._capsys = folder, config, capsys

    def output(
        self, records: Sequence[Row], *more: str, size: int = 5_000, config: str | None = None
    ) -> str:
        """Return the reports on the records as they are printed, a line of JSON each."""
        self._prepare(records, size, config)
        assert self._run("--output", "json", *more) == 0
        return self._capsys.readouterr().out

    def told(self, records: Sequence[Row]) -> tuple[str, str]:
        """Return what is printed about the records for people, and what beside it as notes."""
        self._prepare(records, 5_000, None)
        self._run()
        return self._capsys.readouterr()

    def _prepare(self, records: Sequence[Row], size: int, config: str | None) -> None:
        write_lines(self.folder / "live.jsonl", as_lines(records))
        text = (config or self.config).replace("{size}", str(size))
        (self.folder / "pantau.yaml").write_text(text)

    def _run(self, *more: str) -> int:
        command = ["backtest", "-c", str(self.folder / "pantau.yaml"), "--fail-on", "never"]
        return main([*command, *more])


def reports(text: str) -> list[dict[str, Any]]:
    """Return the reports that were printed."""
    return [json.loads(line) for line in text.splitlines()]

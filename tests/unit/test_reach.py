"""A configuration by which nobody hears of a finding says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.reach import reaches_nobody

MANAGER = "{type: alertmanager, url: 'http://127.0.0.1:9'}"
METRICS = "{type: prometheus, host: 127.0.0.1, port: 0}"


def write(folder: Path, route: str, *exporters: str) -> Path:
    file = folder / "pantau.yaml"
    file.write_text(
        f"systems: [{{id: loan}}]\nalerts: {{route: {route}}}\n"
        f"collectors: [{{type: file, path: gone.csv}}]\nexporters: [{', '.join(exporters)}]\n"
    )
    return file


@pytest.mark.parametrize(
    ("route", "exporters", "said"),
    [
        ("agent", [METRICS], "findings reach nobody: add an `alertmanager`"),
        ("agent", [MANAGER], None),
        ("prometheus", [MANAGER], "findings reach nobody: `alerts.route` is prometheus, so the"),
        ("prometheus", [], "there is no `prometheus` exporter"),
        ("prometheus", [METRICS], None),
        ("prometheus", [METRICS, MANAGER], "so the `alertmanager` exporter sends nothing: load"),
    ],
)
def test_each_way_to_be_unheard_is_told(
    tmp_path: Path, route: str, exporters: list[str], said: str | None
) -> None:
    found = reaches_nobody(load(write(tmp_path, route, *exporters)), metrics_by_otlp=False)
    if said is None:
        assert found is None
    else:
        assert found is not None
        assert said in found


def test_metrics_may_leave_by_otlp(tmp_path: Path) -> None:
    assert reaches_nobody(load(write(tmp_path, "prometheus")), metrics_by_otlp=True) is None


def test_check_and_run_say_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path, "prometheus", MANAGER)
    main(["check", "-c", str(file), "--output", "json"])
    notes = [json.loads(line).get("text", "") for line in capsys.readouterr().out.splitlines()]
    assert [n for n in notes if n.startswith("findings reach nobody")]
    assert main(["run", "-c", str(file)]) == 3
    lines = [json.loads(x) for x in capsys.readouterr().err.splitlines() if x.startswith("{")]
    (told,) = [one for one in lines if one["event"] == "alerts_unheard"]
    assert told["level"] == "warning"
    assert "reach nobody" in told["problem"]

"""The rules on verdicts that the operations page gives to Prometheus, by a real promtool."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporters.signal_series import STATES
from tests.real.components import require_binary

pytestmark = pytest.mark.integration

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
LABELS = {"system": "loan", "model_version": "*", "principle": "P2"}


def series(
    rule: str, attribute: str, window: str, steps: int, *states: tuple[str, str]
) -> list[Any]:
    """Return the four series of a verdict for so many steps; what is not given is 0 throughout."""
    given = dict(states)
    assert set(given) <= set(STATES)
    labels = (
        'system="loan",model_version="*",principle="P2",'
        f'rule="{rule}",attribute="{attribute}",window="{window}"'
    )
    return [
        {
            "series": f'pantau_verdict_state{{{labels},state="{state}"}}',
            "values": given.get(state, f"0x{steps}"),
        }
        for state in STATES
    ]


def firing(at: str, name: str, *more: dict[str, str]) -> dict[str, Any]:
    alerts = [{"exp_labels": {"severity": "ticket", **one}} for one in more]
    return {"eval_time": at, "alertname": name, "exp_alerts": alerts}


def test_they_stand_while_something_breaches_or_cannot_be_judged(tmp_path: Path) -> None:
    blocks = re.findall(
        r"```yaml\n(groups:\n  - name: pantau-verdicts\n.*?)```", PAGE.read_text(), re.S
    )
    (tmp_path / "rules.yaml").write_text(blocks[0])
    breach = {**LABELS, "rule": "FA-1", "attribute": "gender"}
    blind = {**LABELS, "rule": "FA-2", "attribute": "age"}
    case = {
        "interval": "10m",
        "input_series": [
            # Breaches from 1 h to 3 h in its hours, never in its days; the agent goes after 30 h.
            *series(
                "FA-1", "gender", "1h", 180, ("breach", "0x5 1x11 0x162"), ("ok", "1x5 0x11 1x162")
            ),
            *series("FA-1", "gender", "1d", 180, ("ok", "1x180")),
            # Cannot be judged for long; days could be, in the beginning.
            *series("FA-2", "age", "1h", 1500, ("not_assessable", "1x1500")),
            *series(
                "FA-2", "age", "1d", 1500, ("not_assessable", "0x5 1x1500"), ("ok", "1x5 0x1500")
            ),
        ],
        "alert_rule_test": [
            firing("30m", "PantauBreach"),
            firing("2h", "PantauBreach", breach),
            firing("4h", "PantauBreach"),
            firing("6d", "PantauNotAssessable", {"system": "loan", "rule": "coverage"}),
            firing("20h", "PantauNotAssessable"),
            firing("8d", "PantauNotAssessable", blind, {"system": "loan", "rule": "coverage"}),
        ],
    }
    document = {"rule_files": ["rules.yaml"], "evaluation_interval": "10m", "tests": [case]}
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(document))
    done = subprocess.run(
        [str(require_binary("promtool")), "test", "rules", "test.yaml"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode()

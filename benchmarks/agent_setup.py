"""The configuration that Pantau is measured with: everything on that a deployment has on.

Features, one audit attribute, a reference, drift and fairness, the ASEAN pack, deduplication, the
durable store, the audit log and the metrics; windows of `5m` that hold 10,000 events each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from benchmarks.events import CATEGORICAL, NUMERIC

SYSTEM = "benchmark"


def write_config(
    directory: Path,
    reference: Path,
    collector: dict[str, Any],
    *,
    metrics_port: int = 0,
    versions: bool = False,
) -> Path:
    """Write `pantau.yaml` into `directory` and return its path; state and log go there too.

    With `versions` the model version is mapped, and every window is reported for it as well.
    """
    paths = {n: {"path": f"features.{n}", "type": "numeric"} for n in NUMERIC}
    paths |= {n: {"path": f"features.{n}", "type": "categorical"} for n in CATEGORICAL}
    config = {
        "systems": [
            {
                "id": SYSTEM,
                "owner": "benchmark@bank.example",
                "task": "classification",
                "event": {
                    "id": "event_id",
                    "time": "time",
                    "prediction": "prediction",
                    "score": "score",
                    **({"model_version": "model_version"} if versions else {}),
                },
                "favourable": 1,
                "features": paths,
                "audit_attributes": {
                    "gender": {
                        "path": "audit.gender",
                        "privileged": "male",
                        "lawful_basis": "legitimate-interest",
                        "purpose": "bias-monitoring",
                        "dpia_ref": "DPIA-0",
                        "expires": "2099-12-31",
                    }
                },
                "reference": {"data": str(reference.resolve())},
                "windows": ["5m"],
            }
        ],
        "collectors": [collector],
        "exporters": [
            {"type": "prometheus", "host": "127.0.0.1", "port": metrics_port},
            {"type": "audit", "path": "audit"},
        ],
        "agent": {"log_level": "warning"},
    }
    path = directory / "pantau.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path

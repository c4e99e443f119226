"""A small stream of decisions on disk, and a configuration that reads it."""

from __future__ import annotations

import random
from pathlib import Path

CONFIG = """systems:
  - id: loan
    owner: team@bank.example
    event: {id: id, time: at, prediction: approve}
    favourable: 1
    audit_attributes:
      gender:
        {privileged: male, lawful_basis: consent, purpose: p, dpia_ref: D, expires: 2099-12-31}
    features: {income: numeric, purpose: categorical}
    reference: {data: past.csv}
collectors:
  - {type: file, path: live.csv}
exporters:
  - {type: prometheus, host: 127.0.0.1, port: 0}
  - {type: audit}
"""


def rows(n: int, seed: int, *, income: float = 50.0, female_rate: float = 0.7) -> list[str]:
    """Return n events, one a minute; 40 % are of women, men are approved at 70 %."""
    rng = random.Random(seed)
    lines = ["id,at,income,purpose,gender,approve"]
    for i in range(n):
        gender = "female" if rng.random() < 0.4 else "male"
        approve = int(rng.random() < (female_rate if gender == "female" else 0.7))
        at = f"2026-01-{1 + i // 1440:02}T{i // 60 % 24:02}:{i % 60:02}:00Z"
        purpose = rng.choice(["car", "home", "study"])
        lines.append(f"{seed}-{i},{at},{rng.gauss(income, 10):.2f},{purpose},{gender},{approve}")
    return lines


def write(folder: Path, *, female_rate: float = 0.7, income: float = 50.0) -> Path:
    """Write past.csv (1,500 events), live.csv (1,440: a day) and pantau.yaml; return the last."""
    past = "\n".join(rows(1_500, 1))
    live = "\n".join(rows(1_440, 2, income=income, female_rate=female_rate))
    (folder / "past.csv").write_text(past + "\n", encoding="utf-8")
    (folder / "live.csv").write_text(live + "\n", encoding="utf-8")
    config = folder / "pantau.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    return config

"""The stationary lender with all that a stream can carry: labels, reviews, complaints, costs.

It goes through the backtest, as a file and a configuration do, so that labels wait and mature.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import agent.report
from agent.backtest import replay
from agent.clock import FrozenClock
from agent.config.load import load
from policies.effective import Policy
from policies.engine import evaluate
from tests.acceptance.stationary import CATEGORIES, DAY, GROUPS, START, Look, World, within

CONFIG = """\
systems:
  - id: loans
    owner: credit-risk@bank.example
    risk: {probability: medium, severity: high}
    impact_assessment: {date: 2025-12-01, reference: AIA-1, expires: 2027-01-01}
    review: {last: 2026-01-01}
    oversight_drill: {last: 2026-01-01, reference: DRILL-1}
    versions: [v1]
    task: classification
    event:
      id: id
      time: at
      prediction: approve
      score: score
      label: repaid
      model_version: version
      latency: latency
      status: status
      human: {decision: decision, reviewer: reviewer, seconds: review_seconds}
      feedback: feedback
      scores: {evaluation: evaluation, groundedness: groundedness, toxicity: toxicity}
      refused: refused
      tokens: tokens
      cost: cost
      energy: energy
    favourable: 1
    latency_slo: 0.5
    baselines: {complaint_rate: 200, appeal_rate: 100}
    country: MY
    features:
      {age: numeric, amount: numeric, income: numeric, months: numeric, channel: categorical,
       purpose: categorical, region: categorical}
    audit_attributes:
      gender: {lawful_basis: test, purpose: test, dpia_ref: T-1, expires: 2099-12-31}
      race: {lawful_basis: test, purpose: test, dpia_ref: T-1, expires: 2099-12-31}
    reference: {data: past.csv}
    time: {label_horizon: 1d}
    min_performance_n: 100
    windows: [$LENGTHS]
policies: {packs: [asean-guide]}
collectors:
  - {type: file, path: now.csv}
exporters: []
"""

NAMES = (
    *("id", "at", "approve", "score", "repaid", "version", "latency", "status", "decision"),
    *("reviewer", "review_seconds", "feedback", "evaluation", "groundedness", "toxicity"),
    *("refused", "tokens", "cost", "energy", "age", "amount", "income", "months"),
    *CATEGORIES,
    *GROUPS,
)


def looked_at_in_full(world: World, days: int, folder: Path) -> list[Look]:
    """Return the windows that end within `days` days, labels and optional fields included."""
    rng = np.random.default_rng(world.seed)
    _write(folder / "past.csv", world, rng, START - 30 * DAY, 30, world.past)
    _write(folder / "now.csv", world, rng, START, days, int(rng.poisson(days * world.events_a_day)))
    text = CONFIG.replace("$LENGTHS", ", ".join(world.lengths))
    (folder / "pantau.yaml").write_text(text, encoding="utf-8")
    config = load(folder / "pantau.yaml")
    seen: list[Look] = []

    def remember(policy: Policy, **arguments: object) -> object:
        if arguments["model_version"] == "*":
            seen.append(Look(dict(arguments, memory=None)))
        return evaluate(policy, **arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.report, "evaluate", remember)
        clock = FrozenClock(START + days * DAY)
        replay(config, config.systems[0], folder / "now.csv", lambda report: None, clock=clock)
    return within(seen, days)


def _write(
    file: Path, world: World, rng: np.random.Generator, start: int, days: int, n: int
) -> None:
    """Write `n` events spread evenly at random over `days` days."""
    score = rng.beta(2.0, 2.0, n)
    limit = np.quantile(np.random.default_rng(1).beta(2.0, 2.0, 200_000), 1 - world.approved)
    approved = score > limit
    agreed = rng.random(n) < 0.95
    said = rng.random(n)
    toxic = rng.random(n) < 0.001
    columns = {
        "id": [f"{start}-{i}" for i in range(n)],
        "at": np.sort(rng.integers(start, start + days * DAY, n)).astype(str),
        "approve": approved.astype(int).astype(str),
        "score": _text(score),
        "repaid": (rng.random(n) < score).astype(int).astype(str),
        "version": ["v1"] * n,
        "latency": _text(rng.lognormal(-2.0, 0.4, n)),
        "status": np.where(rng.random(n) < 0.999, "200", "503"),
        "decision": np.where(agreed, approved, ~approved).astype(int).astype(str),
        "reviewer": [f"r{i}" for i in rng.integers(0, 5, n)],
        "review_seconds": _text(rng.lognormal(4.0, 0.6, n)),
        "feedback": np.where(said < 0.02, "complaint", np.where(said > 0.99, "appeal", "")),
        "evaluation": _text(rng.beta(18, 2, n)),
        "groundedness": _text(rng.beta(19, 1, n)),
        "toxicity": np.where(toxic, "0.9", "0.01"),
        "refused": np.where(rng.random(n) < 0.03, "true", "false"),
        "tokens": rng.integers(100, 2_000, n).astype(str),
        "cost": _text(rng.lognormal(-5.0, 0.3, n)),
        "energy": _text(rng.lognormal(-8.5, 0.3, n), digits=8),
        "age": _text(rng.normal(40, 12, n)),
        "amount": _text(rng.gamma(2.0, 5_000, n)),
        "income": _text(rng.lognormal(8, 0.8, n)),
        "months": rng.integers(6, 61, n).astype(str),
    }
    for name, shares in (*CATEGORIES.items(), *world.groups.items()):
        columns[name] = [f"{name}{i}" for i in rng.choice(len(shares), n, p=shares)]
    rows = zip(*(columns[name] for name in NAMES), strict=True)
    text = "\n".join([",".join(NAMES), *(",".join(row) for row in rows)])
    file.write_text(text + "\n", encoding="utf-8")


def _text(values: np.ndarray, *, digits: int = 5) -> list[str]:
    return [f"{value:.{digits}f}" for value in values]

"""A lender whose world never changes: events of one population, as many a day as asked for.

`looked_at` runs the pipeline over so many days of it and returns what the engine would be given
for each window, so that many policies can judge the same windows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import pytest

import agent.report
from agent.dedup import DedupIndex
from agent.layout import build_layout
from agent.plan import Plan, TimeSettings
from agent.reference.build import build
from agent.signals.card import Inventory
from agent.signals.context import Settings
from agent.state import SystemState
from agent.system import finish, take
from collectors.batch import Categorical, EventBatch
from collectors.schema import EventSchema, FeatureField
from policies.alerts import Cause, Judged, alerts
from policies.effective import Policy
from policies.engine import Finding, evaluate
from policies.memory import Memory
from policies.model import Alert, subject_text

DAY = 86_400
START = 1_767_225_600  # 2026-01-01T00:00:00Z
LENGTHS = ("1h", "1d")

CATEGORIES: dict[str, tuple[float, ...]] = {
    "channel": (0.7, 0.3),
    "purpose": (0.3, 0.2, 0.15, 0.12, 0.1, 0.06, 0.05, 0.02),
    "region": tuple(float(x) for x in np.arange(20, 0, -1) / 210),
}
NUMERIC = ("age", "amount", "income", "months")
GROUPS: dict[str, tuple[float, ...]] = {"gender": (0.52, 0.48), "race": (0.6, 0.22, 0.14, 0.04)}
LARGE_GROUPS: dict[str, tuple[float, ...]] = {"gender": (0.52, 0.48), "race": (0.4, 0.35, 0.25)}

SCHEMA = EventSchema(
    id="id",
    time="time",
    prediction="approve",
    score="score",
    model_version="version",
    features={
        **{name: FeatureField(name, "numeric") for name in NUMERIC},
        **{name: FeatureField(name, "categorical") for name in CATEGORIES},
    },
    audit={name: name for name in GROUPS},
    task="classification",
)


@dataclass(frozen=True)
class World:
    """A population and how much of it comes: `approved` is the share of favourable decisions.

    `past` events of it are the reference.
    """

    events_a_day: int
    approved: float
    seed: int
    past: int = 10_000
    groups: Mapping[str, tuple[float, ...]] = field(default_factory=lambda: GROUPS)
    lengths: tuple[str, ...] = LENGTHS


@dataclass(frozen=True)
class Look:
    """What the engine is given for one window of all model versions together."""

    arguments: Mapping[str, Any]

    @property
    def end(self) -> int:
        return int(self.arguments["window"].end)


@dataclass
class Told:
    """What comes of a run.

    `findings`: what the engine raised as beyond a limit, also where nobody is alerted (`info`).
    `untold`: by rule and subject, how often it raised that it cannot tell, where that calls
    somebody.  `raised`: the alerts, by rule, attribute and severity.  `advice`: what people were
    told to do.
    """

    findings: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    untold: Counter[tuple[str, str]] = field(default_factory=Counter)
    raised: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    advice: set[str] = field(default_factory=set)

    def find(self, finding: Finding) -> None:
        """Count a finding that is raised."""
        verdict = finding.verdict
        if finding.action == "raise" and finding.kind in ("warn", "breach"):
            self.findings[verdict.rule, finding.kind, finding.severity] += 1
        elif finding.action == "raise" and finding.severity != "info":
            self.untold[verdict.rule, subject_text(verdict.subject)] += 1

    def add(self, alert: Alert) -> None:
        """Count an alert that was raised."""
        labels = alert.labels
        if alert.change == "raised":
            self.raised[labels["rule"], labels["attribute"], labels["severity"]] += 1
            self.advice.add(alert.annotations["recommended_action"])


def looked_at(world: World, days: int) -> list[Look]:
    """Return the windows that end within `days` days, in the order in which they are judged."""
    rng = np.random.default_rng(world.seed)
    past = _batch(world, rng, START - 30 * DAY, world.past, 0)
    reference = build([past], SCHEMA, favourable=("1",))
    plan = Plan(
        system="loans",
        time=TimeSettings(),
        lengths=world.lengths,
        schema=SCHEMA,
        layout=build_layout(SCHEMA, reference, favourable=("1",)),
        reference=reference,
        settings=Settings(
            registered=frozenset({"v1"}),
            inventory=Inventory(assessed_until=START + 365 * DAY, drilled_at=START),
            reviewed_at=START,
            owned=True,
        ),
        policy=Policy(id="none", rules=(), digest="sha256:0", text=b"{}"),
    )
    state = SystemState(dedup=DedupIndex(plan.time.dedup_horizon, 1_000_000))
    seen: list[Look] = []

    def remember(policy: Policy, **arguments: Any) -> Any:
        if arguments["model_version"] == "*":
            seen.append(Look(dict(arguments, memory=None)))
        return evaluate(policy, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(agent.report, "evaluate", remember)
        offset = 0
        for batch in _days(world, rng, days):
            take(plan, state, batch, batch.event_time[-1] / 1_000_000)
            offset += batch.n
        finish(plan, state, START + days * DAY)
    return within(seen, days)


def within(looks: Sequence[Look], days: int) -> list[Look]:
    """Return the windows that are over after `days` days."""
    return [look for look in looks if look.end <= START + days * DAY]


def judged_by(policy: Policy, looks: Sequence[Look]) -> Told:
    """Judge the windows by a policy, one after the other, and fold the findings into alerts."""
    memory: dict[str, Memory] = {}
    standing: dict[str, Cause] = {}
    told = Told()
    for _, together in groupby(looks, key=lambda look: look.end):
        judged = []
        for look in together:
            found = evaluate(policy, **{**look.arguments, "memory": memory})
            memory.update(found.memory)
            for finding in found.findings:
                told.find(finding)
            signals = look.arguments["signals"]
            judged.append(Judged(model_version="*", findings=found.findings, signals=signals))
        folded = alerts(judged, standing, system="loans", policy=policy)
        for key, cause in folded.changed.items():
            if cause is None:
                standing.pop(key, None)
            else:
                standing[key] = cause
        for alert in folded.alerts:
            told.add(alert)
    return told


def _days(world: World, rng: np.random.Generator, days: int) -> Iterator[EventBatch]:
    offset = 0
    for day in range(days):
        count = int(rng.poisson(world.events_a_day))
        batch = _batch(world, rng, START + day * DAY, count, offset)
        offset += count
        if count:
            yield batch


def _batch(
    world: World, rng: np.random.Generator, start: int, n: int, first_offset: int
) -> EventBatch:
    """Return `n` events spread over the day (or, for the past, over a month) from `start` on."""
    reach = DAY if first_offset or start >= START else 30 * DAY
    ids = np.arange(n, dtype=np.uint64) + np.uint64(first_offset + 1 + (start < START) * 10**12)
    score = rng.beta(2.0, 2.0, n)
    limit = np.quantile(np.random.default_rng(1).beta(2.0, 2.0, 200_000), 1 - world.approved)
    return EventBatch(
        source="test",
        partition="0",
        next_offset=first_offset + n,
        n=n,
        event_time=np.sort(rng.integers(start * 10**6, (start + reach) * 10**6, n)),
        offset=np.arange(first_offset, first_offset + n, dtype=np.int64),
        event_id=ids,
        body=np.zeros(n, np.uint32),
        model_version=Categorical(np.zeros(n, np.int32), ("v1",)),
        prediction=Categorical((score > limit).astype(np.int32), ("0", "1")),
        score=score,
        features={
            "age": rng.normal(40, 12, n),
            "amount": rng.gamma(2.0, 5_000, n),
            "income": rng.lognormal(8, 0.8, n),
            "months": rng.integers(6, 61, n).astype(np.float64),
            **{name: _drawn(rng, shares, n, name) for name, shares in CATEGORIES.items()},
        },
        audit={name: _drawn(rng, shares, n, name) for name, shares in world.groups.items()},
    )


def _drawn(rng: np.random.Generator, shares: tuple[float, ...], n: int, name: str) -> Categorical:
    codes = rng.choice(len(shares), n, p=shares).astype(np.int32)
    return Categorical(codes, tuple(f"{name}{i}" for i in range(len(shares))))

"""What would run for a system: its fields, windows, reference and rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.cli.check_sample import Sample
from agent.cli.check_windows import Need, Stream, need_of, smallest_window
from agent.config.model import Config
from agent.config.packs import chosen_packs, packs_of
from agent.config.resolve import brings_labels
from agent.config.system import System
from agent.config.values import format_duration
from agent.inventory import tier_of
from agent.layout import Layout
from agent.opening import make_plan
from agent.policy_of import policy_of
from agent.reference.profile import Reference
from collectors.schema import EventSchema, TimeRule
from policies.effective import Policy, Rule
from policies.guide import Tier
from policies.model import rfc3339
from policies.select import Chosen


@dataclass(frozen=True, slots=True)
class Planned:
    """A system as it would run; `schema` is None if its fields could not be found out.

    `labels_elsewhere`: a source of labels of their own is configured.
    """

    system: System
    sample: Sample
    schema: EventSchema | None
    policy: Policy
    reference: Reference | None
    layout: Layout | None = None
    chosen: tuple[Chosen, ...] = ()
    tier: Tier = "high"
    labels_elsewhere: bool = False

    @property
    def has_labels(self) -> bool:
        """Tell whether labels can come, as far as the fields are known."""
        return self.labels_elsewhere or self.schema is None or self.schema.label is not None


def planned(config: Config, system: System, sample: Sample) -> Planned:
    """Put together what would run.  Raises what starting the agent would raise."""
    chosen = tuple(chosen_packs(config, system))
    tier = tier_of(system, packs_of(config, system))
    apart = system.event.label is None and brings_labels(config, system)
    if sample.schema is None or not sample.schema.is_resolved():
        policy = policy_of(config, system)
        return Planned(system, sample, None, policy, None, None, chosen, tier, apart)
    plan = make_plan(config, system, sample.schema)
    schema, policy, reference = sample.schema, plan.policy, plan.reference
    return Planned(system, sample, schema, policy, reference, plan.layout, chosen, tier, apart)


def stream_of(plan: Planned) -> Stream:
    """Return how much comes in, from the sample or else from the reference."""
    sample, reference = plan.sample, plan.reference
    if sample.events > 1 and sample.seconds > 0:
        # No label in the sample: they come later or elsewhere, and nobody knows yet how many.
        labelled = sample.labelled / sample.events if sample.labelled else None
        decided = sample.decided / sample.events if sample.decided else None
        groups = {a: _shares(dict(c), sample.events) for a, c in sample.groups.items()}
        return Stream("sample", sample.events / sample.seconds, labelled, groups, decided)
    if reference is not None and reference.data_end > reference.data_start:
        rate = reference.rows / (reference.data_end - reference.data_start)
        counts = {a: {g: p.n for g, p in gs.items()} for a, gs in reference.groups.items()}
        groups = {a: _shares(c, reference.rows) for a, c in counts.items()}
        return Stream("reference", rate, None, groups)
    return Stream(None, None, None, {})


def plan_documents(plan: Planned) -> list[dict[str, Any]]:
    """Return the system and each of its rules as JSON-able documents."""
    stream = stream_of(plan)
    documents = [_system_document(plan, stream)]
    for rule in plan.policy.rules:
        need = need_of(
            rule.signal,
            plan.system,
            has_reference=plan.system.reference is not None,
            schema=plan.schema,
            threshold=rule.threshold,
            reference=plan.reference,
            layout=plan.layout,
            labels_elsewhere=plan.labels_elsewhere,
        )
        documents.append(_rule_document(plan.system, rule, need, stream))
    return documents


def _system_document(plan: Planned, stream: Stream) -> dict[str, Any]:
    system, schema, reference = plan.system, plan.schema, plan.reference
    return {
        "kind": "system",
        "system": system.id,
        "owner": system.owner,
        "risk": {
            "probability": system.risk.probability,
            "severity": system.risk.severity,
            "tier": plan.tier,
        },
        "oversight": system.oversight,
        "maturity": system.maturity,
        "task": schema.task if schema is not None else system.task,
        "event": _event(schema) if schema is not None else None,
        "features": {n: f.kind for n, f in (schema.features or {}).items()} if schema else None,
        "audit_attributes": sorted(system.audit_attributes),
        "intersections": ["*".join(parts) for parts in system.intersections],
        "inferred": list(plan.sample.notes),
        "problem": plan.sample.problem,
        "windows": list(system.windows),
        "fairness_window": system.fairness_window,
        "time": {name: format_duration(seconds) for name, seconds in dict(system.time).items()},
        "reference": None
        if reference is None
        else {"digest": reference.digest, "rows": reference.rows},
        "policy": {"packs": plan.policy.id, "digest": plan.policy.digest},
        "chosen": [{"pack": pack.name, "why": pack.why} for pack in plan.chosen],
        "events_per_hour": None if stream.rate is None else round(stream.rate * 3_600, 3),
        "events_per_hour_from": stream.source,
    }


def _rule_document(system: System, rule: Rule, need: Need, stream: Stream) -> dict[str, Any]:
    window = smallest_window(need, system, stream)
    limits = rule.threshold
    return {
        "kind": "rule",
        "system": system.id,
        "rule": rule.id,
        "principle": rule.principle,
        "signal": rule.signal,
        "threshold": {
            "op": limits.op,
            "warn": limits.warn,
            "breach": limits.breach if limits.can_breach else None,
        },
        "needs": need.text(),
        "smallest_window": window,
        "because": need.impossible,
        "never": need.never,
    }


def _event(schema: EventSchema) -> dict[str, str]:
    names = ("id", "prediction", "score", "label", "model_version", "recorded_time")
    paths = {name: getattr(schema, name) for name in names}
    time = schema.time
    if isinstance(time, TimeRule):
        time = f"row i at {rfc3339(time.start)} + i * {format_duration(time.every)}"
    return {name: path for name, path in {"time": time, **paths}.items() if path is not None}


def _shares(counts: dict[str, int], total: int) -> dict[str, float]:
    return {name: count / total for name, count in counts.items()} if total else {}

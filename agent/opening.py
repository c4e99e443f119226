"""From the configuration and a resolved schema to the plan a system runs by, and its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import msgspec

from agent.clock import Clock
from agent.config.intersections import attribute_names, with_groups, with_privileged
from agent.config.model import Config
from agent.config.packs import chosen_packs, packs_of, switched_off
from agent.config.resolve import (
    brings_labels,
    brings_reviews,
    event_schema,
    favourable_texts,
)
from agent.config.system import System
from agent.dedup import DedupIndex
from agent.evidence import stored as samples
from agent.field_settings import grid_of_system, meanings_of, midnight, uncertain_range
from agent.inventory import inventory_of
from agent.labels.kinds import REVIEWS
from agent.labels.settings import LabelSettings
from agent.layout import Layout, build_layout
from agent.notices import Announced, change
from agent.persist import restore
from agent.plan import Plan, TimeSettings
from agent.policy_of import policy_of
from agent.reference.build import Baseline
from agent.reference.from_file import build_from_file
from agent.reference.load import LoadError
from agent.reference.load import load as load_reference
from agent.reference.profile import Reference
from agent.retire import retire_rules
from agent.running import Opened
from agent.signals.card import Correction
from agent.signals.context import Settings
from agent.signals.measures import Ask
from agent.signals.outcome_profile import outcome_profile
from agent.silence import watch
from agent.state import SystemState
from agent.store import Document, Store
from agent.windows import by_length
from collectors.schema import EventSchema
from policies.effective import Policy, typed
from policies.model import Alert

WAIVERS_NAMED = 20
"""Most waivers that a record of a policy names; its text, kept beside the log, has all of them.

Who approved the others, and why, is in the sealed blob of what people typed.
"""


def make_plan(config: Config, system: System, schema: EventSchema) -> Plan:
    """Return what a system runs by.  Raises an error for a person when something does not fit."""
    reference = reference_of(system, schema)
    favourable = favourable_texts(system.favourable)
    layout = build_layout(
        schema,
        reference,
        favourable=favourable,
        attributes=attribute_names(schema.audit, system.intersections),
        meanings=meanings_of(system),
    )
    policy = policy_of(config, system)
    card = inventory_of(system, packs_of(config, system), policy)
    return Plan(
        system=system.id,
        time=TimeSettings(
            pane=system.time.pane,
            lateness=system.time.lateness,
            idle=system.time.idle,
            future_skew=system.time.future_skew,
            dedup_horizon=system.time.dedup_horizon,
            restate_horizon=system.time.restate_horizon,
        ),
        lengths=tuple(by_length(system.windows)),
        schema=schema,
        layout=layout,
        reference=reference,
        settings=replace(settings_of(system), inventory=card),
        policy=policy,
        max_lost_share=system.max_lost_share,
        max_versions=system.max_versions,
        max_empty_windows=system.max_empty_windows,
        labels=labels_of(config, system, schema, layout),
        reviews=reviews_of(config, system, schema),
    )


def labels_of(
    config: Config, system: System, schema: EventSchema, layout: Layout
) -> LabelSettings | None:
    """Return how a system's labels are joined; None where none can come, or nothing to join."""
    how = _joined(system, schema, system.time.label_horizon)
    if how is None or (schema.label is None and not brings_labels(config, system)):
        return None
    return replace(how, attributes=layout.attributes, min_coverage=system.min_label_coverage)


def reviews_of(config: Config, system: System, schema: EventSchema) -> LabelSettings | None:
    """Return how human decisions that come later are joined; None where none can."""
    how = _joined(system, schema, system.time.review_horizon)
    if how is None or not brings_reviews(config, system):
        return None
    return replace(how, kind=REVIEWS)


def _joined(system: System, schema: EventSchema, horizon: int) -> LabelSettings | None:
    """Return how whatever comes later is joined; None where there is no prediction to join."""
    if schema.prediction is None and schema.score is None:
        return None
    return LabelSettings(
        pane=system.time.pane,
        lateness=system.time.lateness,
        lengths=tuple(by_length(system.windows)),
        attributes=(),
        numeric=schema.task == "regression",
        horizon=horizon,
        pair_horizon=system.time.pair_horizon,
        max_pending=system.labels.max_pending,
    )


def settings_of(system: System) -> Settings:
    """Return what the signals need to know of a system's configuration."""
    attributes = system.audit_attributes
    grid = grid_of_system(system)
    return Settings(
        fairness_window=system.fairness_window or by_length(system.windows)[-1],
        min_drift_n=system.min_drift_n,
        min_group_n=system.min_group_n,
        min_performance_n=system.min_performance_n,
        k_display=system.k_display,
        share_threshold=system.drift.share_threshold,
        privileged=with_privileged(
            {n: a.privileged for n, a in attributes.items() if a.privileged is not None},
            system.intersections,
        ),
        groups=with_groups(
            {name: a.groups for name, a in attributes.items() if a.groups is not None},
            system.intersections,
        ),
        registered=None if system.versions is None else frozenset(system.versions),
        label_observed=system.label_observed,
        score_for=favourable_texts(system.event.score_for),
        min_field_n=system.min_field_n,
        uncertain=uncertain_range(system),
        latency_slo=system.latency_slo,
        complaint_rate=system.baselines.complaint_rate,
        appeal_rate=system.baselines.appeal_rate,
        owned=system.owner is not None,
        reviewed_at=None if system.review.last is None else midnight(system.review.last),
        review_cadence_days=system.review.cadence_days,
        corrections=tuple(
            Correction(m.rule, m.attribute, midnight(m.date)) for m in system.mitigations
        ),
        grid_intensity=None if grid is None else grid.kg_per_kwh,
        grid_origin=None if grid is None else grid.origin,
        silence_window=by_length(system.windows)[0],
    )


def require_references(config: Config) -> None:
    """Raise `LoadError` now for a reference that could not be loaded once events come."""
    for system in config.systems:
        if system.reference is None:
            continue
        if system.reference.data is None:
            load_reference(system.reference.path or "")
        elif not system.reference.data.is_file():
            raise LoadError(
                f"reference {system.reference.data}: there is no such file; check `reference.data`"
            )


def reference_of(system: System, schema: EventSchema) -> Reference | None:
    """Return the profile that a system is compared with: loaded, built on the fly, or none."""
    if system.reference is None:
        return None
    if system.reference.data is None:
        return load_reference(system.reference.path or "")
    return build_from_file(
        system.reference.data,
        schema,
        favourable=favourable_texts(system.favourable),
        attributes=attribute_names(system.audit_attributes, system.intersections),
        k_display=system.k_display,
        baseline=baseline_of(system),
    )


def baseline_of(system: System) -> Baseline:
    """Return what a reference keeps of the labels in its data."""
    ask = Ask(
        observed=system.label_observed,
        least=system.min_performance_n,
        score_for=favourable_texts(system.event.score_for),
    )
    return partial(outcome_profile, ask=ask)


def known_schema(config: Config, system: str, store: Store) -> EventSchema | None:
    """Return a system's schema if nothing is left to infer, or an earlier run has inferred it."""
    configured = event_schema(next(s for s in config.systems if s.id == system))
    if configured.is_resolved():
        return configured
    pinned = store.documents(system, "schema").get("")
    if pinned is None:
        return None
    # Optional fields are never inferred: what the configuration maps now is what holds.
    found = msgspec.json.decode(pinned, type=EventSchema)
    return msgspec.structs.replace(found, extra=configured.extra)


def opener(
    config: Config, system: System, store: Store, clock: Clock
) -> Callable[[EventSchema], Opened]:
    """Return what opens a system once its schema is known: see `agent.running.Running`."""

    def open_system(schema: EventSchema) -> Opened:
        plan = make_plan(config, system, schema)
        index = DedupIndex(plan.time.dedup_horizon, config.store.dedup_max_ids)
        state = restore(store, system.id, plan.layout, index, plan.labels, plan.reviews)
        state.reservoir = samples.restore(
            store,
            system.id,
            schema,
            plan.lengths,
            config.evidence,
            expires={name: a.expires for name, a in system.audit_attributes.items()},
        )
        now = clock.now()
        state.opened_at = state.silence_told_at = now
        for partition in state.partitions.values():
            # Nothing is known yet of what the sources hold; idleness starts anew.
            partition.active_at, partition.caught_up = now, False
        announced = Announced(
            documents=[Document(system.id, "schema", "", msgspec.json.encode(schema))]
        )
        announced.items += retire_rules(plan, state, int(now))
        policy, reference = plan.policy, plan.reference
        announced.add(
            change(
                store,
                "policy.change",
                system.id,
                policy.digest,
                int(now),
                policy.text,
                packs=[pack.name for pack in chosen_packs(config, system)],
                switched_off=switched_off(config, system),
                waivers=[msgspec.to_builtins(w) for w in policy.waivers[:WAIVERS_NAMED]],
                waivers_total=len(policy.waivers),
                words=typed(policy, WAIVERS_NAMED),
            )
        )
        if reference is not None:
            announced.add(
                change(
                    store,
                    "reference.change",
                    system.id,
                    reference.digest,
                    int(now),
                    rows=reference.rows,
                    features=len(reference.features),
                )
            )
        return Opened(plan, state, announced)

    return open_system


def unopened(config: Config, system: System) -> Callable[[SystemState, float], list[Alert]]:
    """Return what tells of silence while nothing has come that a schema could be inferred from."""
    policy: Policy | None = None

    def tell(state: SystemState, now: float) -> list[Alert]:
        nonlocal policy
        if state.opened_at is None:
            state.opened_at = state.silence_told_at = now
            return []
        policy = policy or policy_of(config, system)
        return watch(system.id, policy, by_length(system.windows)[0], state, now)

    return tell

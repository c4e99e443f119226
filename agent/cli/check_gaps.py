"""What a configuration leaves unwatched, and what to add."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from agent.cli.check_groups import group_gaps
from agent.cli.check_incidents import incident_gaps
from agent.cli.check_kept import kept_elsewhere
from agent.cli.check_plan import Planned, stream_of
from agent.cli.rejected_text import rejected_words
from agent.config.model import Config
from agent.config.packs import packs_of, switched_off
from agent.config.resolve import brings_reviews, favourable_texts
from agent.config.system import System
from agent.config.values import format_duration
from agent.inventory import inventory_of
from agent.reach import reaches_nobody
from agent.windows import LENGTHS
from exporters.telemetry.wanted import wanted
from policies.part import OVERSIGHT
from policies.select import unknown_sector

_SHOWN = 5
"""Most classes of the prediction for which a note names them."""


def gaps(config: Config, plan: Planned) -> Iterator[str]:
    """Give one sentence per gap, each with the key that closes it."""
    system = plan.system
    if plan.sample.problem is not None:
        yield f"the stream could not be read: {plan.sample.problem}"
    if plan.sample.rejected:
        rejected = plan.sample.rejected.total()
        why = rejected_words(plan.sample.rejected)
        yield f"{rejected} of {rejected + plan.sample.events} sampled records were rejected: {why}"
    if plan.schema is not None and plan.schema.prediction is None and plan.schema.score is None:
        yield (
            "no prediction and no score: neither fairness nor the drift of the output is assessed; "
            "name one in `event.prediction` or `event.score`"
        )
    if system.reference is None:
        yield "no reference: drift is not assessed; build one and name it in `reference.path`"
    if not plan.has_labels:
        yield (
            "no label: neither performance nor fairness by true outcomes is assessed; name one in "
            "`event.label`, or add a collector with `labels`"
        )
    yield from _fairness(plan)
    yield from group_gaps(plan)
    yield from _whom_the_score_is_for(plan)
    yield from _small_groups(plan)
    today = dt.datetime.now(dt.UTC).date()
    yield from _expired(plan, today)
    yield from _to_come(system, today)
    yield from _too_little_oversight(config, plan)
    yield from _card(plan)
    yield from kept_elsewhere(config, plan.policy)
    yield from _without_packs(config, system)
    yield from incident_gaps(config, system, plan.policy)
    yield from _optional_fields(system)
    yield from _decisions_apart(config, plan)
    if system.versions is None:
        yield "no registered model versions: strange ones go unnoticed; add `versions`"
    if system.owner is None:
        yield "nobody answers for this system; add `owner`"
    if system.time.dedup_horizon < system.time.lateness:
        yield (
            f"ids are kept for {format_duration(system.time.dedup_horizon)} but events may be "
            f"{format_duration(system.time.lateness)} late: a late repeat would count twice; raise "
            "`time.dedup_horizon`"
        )
    unheard = reaches_nobody(config, metrics_by_otlp=wanted().metrics)
    if unheard is not None:
        yield unheard


def _expired(plan: Planned, today: dt.date) -> Iterator[str]:
    """Give what has run out; the running agent says the same of each window as a verdict."""
    system = plan.system
    for name, attribute in system.audit_attributes.items():
        if attribute.expires < today:
            yield (
                f"the lawful basis of {name} expired on {attribute.expires}: renew it and set "
                f"`audit_attributes.{name}.expires`, or take the attribute out"
            )
    assessment = system.impact_assessment
    if assessment is not None and assessment.expires < today:
        yield (
            f"the impact assessment {assessment.reference} expired on {assessment.expires}: hold "
            "it again and set `impact_assessment`"
        )
    for name, attribute in system.audit_attributes.items():
        waiver = attribute.waiver
        if waiver is not None and waiver.expires < today:
            yield (
                f"the waiver of {waiver.by} for {name} expired on {waiver.expires}: renew it on "
                "advice, or take the attribute out"
            )
    for waived in plan.policy.waivers:
        if dt.date.fromisoformat(waived.expires) < today:
            yield (
                f"the waiver of {waived.by} for {waived.rule} in the pack {waived.pack} expired on "
                f"{waived.expires}: it still holds; renew it, or take the change out of the pack"
            )


def _to_come(system: System, today: dt.date) -> Iterator[str]:
    """Give the days of what is said to be done and lie ahead: a slip in the year, or a plan."""
    assessment, drill = system.impact_assessment, system.oversight_drill
    for what, key, day in (
        ("impact assessment", "impact_assessment.date", assessment.date if assessment else None),
        ("last governance review", "review.last", system.review.last),
        ("last drill", "oversight_drill.last", drill.last if drill else None),
        *((f"mitigation of {one.rule}", "mitigations", one.date) for one in system.mitigations),
    ):
        if day is not None and day > today:
            yield (
                f"the {what} is dated {day}, which is still to come: it does not count before; "
                f"correct `{key}`"
            )


def _without_packs(config: Config, system: System) -> Iterator[str]:
    """Say what `automatic: false` takes away, and what it does not."""
    off = switched_off(config, system)
    if off:
        yield (
            f"`policies.automatic` is false: rules, incident clocks and retention of "
            f"{' and '.join(off)} are not in force; what is forbidden and required there is. Name "
            "them in `policies.packs`, or take `automatic` out"
        )


def _too_little_oversight(config: Config, plan: Planned) -> Iterator[str]:
    system = plan.system
    card = inventory_of(system, packs_of(config, system), plan.policy)
    if card.shortfall:
        least = OVERSIGHT[OVERSIGHT.index(system.oversight) - card.shortfall]
        yield (
            f"the risk's tier is {card.tier}, which asks for {least}; this system has "
            f"{system.oversight}: bring a human in and set `oversight`, or assess the `risk` again"
        )


def _optional_fields(system: System) -> Iterator[str]:
    event = system.event
    if event.latency is None and event.status is None:
        yield "reliability is not watched; add `event.latency` and `event.status`"
    if event.human is None and system.oversight == "human_in_the_loop":
        yield "what humans decide is not watched; add `event.human`"
    if event.feedback is None:
        yield "complaints and appeals are not watched; add `event.feedback`"


def _decisions_apart(config: Config, plan: Planned) -> Iterator[str]:
    human, sample = plan.system.event.human, plan.sample
    if human is None or human.decision is None or brings_reviews(config, plan.system):
        return
    if sample.decided > sample.decided_apart == 0:
        return
    seen = (
        f"{sample.decided_apart} of {sample.decided} sampled human decisions came in records"
        " without their prediction"
        if sample.decided_apart
        else "no human decision is in the sample"
    )
    yield (
        f"{seen}: without `event.human.later` the signals `oversight.*` see only decisions in the "
        "same record as the prediction, and others only count in `oversight.unmatched_decisions`; "
        "set `event.human.later: true`, or add a collector with `reviews`, to have them joined"
    )


def _card(plan: Planned) -> Iterator[str]:
    system = plan.system
    for mitigation in system.mitigations:
        if plan.policy.rule(mitigation.rule) is None:
            yield (
                f"the rule {mitigation.rule} is not in force, so whether its entry in "
                "`mitigations` helped is not measured: `pantau policy explain` says why; raise "
                "`maturity`, or name a rule that is in force"
            )
    if system.impact_assessment is None and not system.risk.minimal():
        yield "no impact assessment is on record; add `impact_assessment`"
    drilled = {rule.id for rule in plan.policy.rules if rule.signal == "governance.drill_age_days"}
    if system.oversight_drill is None and drilled:
        yield "no drill of switching the system off is on record; add `oversight_drill`"
    if system.review.last is None:
        yield (
            "no governance review is on record, so nobody hears when one is due; add `review.last` "
            "and `review.cadence_days`"
        )
    elif system.review.cadence_days is None:
        yield "how often governance is reviewed is not said; add `review.cadence_days`"
    unknown = unknown_sector(system.sector)
    if unknown is not None:
        yield unknown


def _fairness(plan: Planned) -> Iterator[str]:
    system, classes = plan.system, plan.sample.predictions
    if not system.audit_attributes:
        yield "no protected attribute: fairness is not assessed; add `audit_attributes`"
    elif system.favourable is None:
        yield "no favourable outcome: fairness is not assessed; add `favourable`"
    elif classes and not classes & favourable_texts(system.favourable):
        # Many values are more likely a wrong field than classes, and could be anything.
        seen = f" ({', '.join(sorted(classes))})" if len(classes) <= _SHOWN else ""
        yield (
            f"`favourable: {system.favourable}` is none of the sampled predictions{seen}: fairness "
            "is not assessed until it occurs; correct `favourable` or `event.prediction`"
        )


def _whom_the_score_is_for(plan: Planned) -> Iterator[str]:
    """Say how a score is read where that could be the wrong way round."""
    system, schema = plan.system, plan.schema
    if schema is None or schema.score is None or not plan.has_labels or system.favourable is None:
        return
    texts = favourable_texts(system.favourable)
    if system.event.score_for is None and schema.task != "regression" and "1" not in texts:
        taken = 1 if "0" in texts else system.favourable
        yield (
            f"a high score is taken to speak for {taken}: if it speaks for the other class, ROC "
            "AUC and calibration come out turned around; name that class in `event.score_for`"
        )


def _small_groups(plan: Planned) -> Iterator[str]:
    system, stream = plan.system, stream_of(plan)
    if stream.rate is None or system.favourable is None:
        return
    longest = system.windows[-1]
    for attribute, groups in sorted(stream.groups.items()):
        expected = stream.rate * LENGTHS[longest]
        small = sum(1 for share in groups.values() if share * expected < system.min_group_n)
        if small:
            yield (
                f"{small} of {len(groups)} groups of {attribute} will have fewer than "
                f"{system.min_group_n} people even in the window {longest}: they will be "
                "`insufficient_data`; add a longer window to `windows`"
            )

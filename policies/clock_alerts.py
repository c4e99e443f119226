"""Alerts of incident clocks: one per incident and clock until a human closes it.  Pure.

They say what is due and what to do next, and nothing that a human wrote or who stated a moment.
The time left is told when an alert is posted: it is no part of the alert itself.
"""

from __future__ import annotations

from shlex import quote

from policies.alert_changes import Stands
from policies.clocks import DEFINITION_WORDS, Incident, Stage, Ticking, stage_of
from policies.model import ALL_VERSIONS, PRINCIPLES, Severity, rfc3339

CLOCK = "PantauIncidentClock"
"""`alertname` of a clock that waits or runs."""
OVERDUE = "PantauIncidentOverdue"
"""`alertname` of a clock whose time is over.

A name of its own: who was paged in time and let it pass is told anew.
"""
PRINCIPLE = "P6"
CLOSED = "a human closed it"
GONE = "the policy of this system no longer has this clock"
TURNED = "the clock went on: another alert stands for it"

_SEVERITY: dict[Stage, Severity] = {
    "waiting": "ticket",
    "running": "ticket",
    "due_soon": "page",
    "overdue": "page",
}


def key_of(incident: Incident, one: Ticking) -> str:
    """Return what stays the same of the alerts of a clock, whatever its stage."""
    return f"{one.clock.id}/{incident.id}"


def clock_alert(incident: Incident, one: Ticking) -> Stands | None:
    """Return the alert that should stand for a clock, None once it is closed."""
    stage = stage_of(one)
    if stage is None:
        return None
    labels = {
        "alertname": OVERDUE if stage == "overdue" else CLOCK,
        "system": incident.system,
        "model_version": ALL_VERSIONS,
        "principle": PRINCIPLE,
        "rule": key_of(incident, one),
        "attribute": "",
        "severity": _SEVERITY[stage],
    }
    return Stands(labels, _texts(incident, one, stage))


def _texts(incident: Incident, one: Ticking, stage: Stage) -> dict[str, str]:
    clock = one.clock
    texts = {
        "summary": _summary(incident, one, stage),
        "state": stage,
        "principle": f"{PRINCIPLE} {PRINCIPLES[PRINCIPLE]}",
        "incident": incident.id,
        "event": incident.event,
        "clock": clock.id,
        "starts": clock.starts,
        "recipient": clock.recipient,
        "source": clock.source,
        "verified_on": clock.verified_on,
        "confidence": clock.confidence,
        "recommended_action": _action(incident, one, stage),
    }
    if one.started is not None and one.due is not None:
        texts |= {"started": rfc3339(one.started), "due": rfc3339(one.due)}
    texts["description"] = (
        f"{texts['summary']} To: {clock.recipient}. Next step: {texts['recommended_action']} "
        "Whether anything must be notified is for a human to decide; nothing is sent. Source: "
        f"{clock.source}, looked up on {clock.verified_on}, confidence {clock.confidence}: check "
        "it before relying on it."
    )
    if not clock.calendar:
        texts["description"] += f" It has {clock.length}."
    note = DEFINITION_WORDS[one.definition]
    if note:
        texts["note"] = note
        texts["description"] += f" Note: {note}."
    return texts


def _summary(incident: Incident, one: Ticking, stage: Stage) -> str:
    what = f'Incident {incident.id} ({incident.event}) of {incident.system}: "{one.clock.title}"'
    if one.due is None:
        return f"{what} waits for {one.clock.starts}, which nobody has stated."
    due = rfc3339(one.due)
    if stage == "overdue":
        return f"{what} was due {due}, and nobody has closed it."
    hurry = ": little time is left" if stage == "due_soon" else ""
    return f"{what} is due {due}{hurry}."


def _action(incident: Incident, one: Ticking, stage: Stage) -> str:
    which = f"--clock {one.clock.id} --by ROLE --reason TEXT"
    closing = _command("close", quote(incident.id), which)
    if stage == "waiting":
        stating = _command(
            "state",
            quote(incident.id),
            f"--system {quote(incident.system)} --event {incident.event}",
            f"--at {one.clock.starts}=TIME --by ROLE",
        )
        return f"If it has happened, state when: {stating}. If it need not be awaited: {closing}."
    late = " Have the reasons for the delay ready." if stage == "overdue" else ""
    return (
        f"Have whoever answers for it decide whether to notify; incidents/{incident.id}.draft.md "
        f"in the agent's store is a draft.{late} Once that is done or decided against: {closing}."
    )


def _command(*words: str) -> str:
    return " ".join(["`pantau policy clock", *words, "-c FILE`"])

"""`pantau policy clock`: state when an incident was confirmed, see how long there is, draft."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.options import ConfigFile, Output, OutputForm, SystemId

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config.model import Config
    from agent.config.system import System
    from policies.clocks import Ended, Incident, Ticking
    from policies.effective import Policy

Event = Annotated[str, typer.Option("--event", metavar="KIND", help="ai_incident or data_breach.")]
At = Annotated[
    list[str],
    typer.Option(
        "--at",
        metavar="MOMENT=TIME",
        help="When what happened, such as confirmed_at=2026-11-22T08:00:00Z; also detected_at, "
        "aware_at, assessed_notifiable_at. May be given several times.",
    ),
]
By = Annotated[
    str, typer.Option("--by", metavar="WHO", help="Who says so; a pseudonym in the audit log.")
]
_SKEW = 300
"""Seconds that the clocks of whoever states a moment and of this machine may differ."""
Incidents = Annotated[str, typer.Argument(metavar="INCIDENT", help="The incident's id.")]
EndedAt = Annotated[
    str | None,
    typer.Option(
        "--at",
        metavar="TIME",
        help="When it was told, or found to need no telling, such as 2026-11-23T09:00:00Z; now if "
        "not given.",
    ),
]
OneClock = Annotated[
    str | None,
    typer.Option("--clock", metavar="CLOCK", help="End this clock only; all of them if not given."),
]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why the clocks end.")]


def clock_state(
    config: ConfigFile,
    incident: Incidents,
    at: At,
    by: By,
    event: Event = "ai_incident",
    system: SystemId = None,
    output: OutputForm = Output.table,
) -> int:
    """State when an incident was detected, known or confirmed; its clocks run from there.

    Writes the incident and a draft for the notification beside the agent's state. Whether anything
    must be notified is for a human to decide; nothing is sent.
    """
    from agent.cli.systems import choose_system
    from agent.config.load import load
    from agent.incidents import IncidentError, check, held, path_of
    from agent.incidents_known import find
    from policies.clocks import Incident as Stated
    from policies.clocks import stated
    from policies.visible import shown

    by = _who(by)
    loaded = load(config)
    chosen = choose_system(loaded, system)
    file = path_of(_folder(loaded), incident)
    moments = _moments(at)
    fresh = Stated(id=incident, system=chosen.id, event=event, moments={}, by={})
    check(stated(fresh, moments, by))
    with held(file.parent):
        known = find(loaded.store.path, incident)
        if known is not None and (known.system, known.event) != (chosen.id, event):
            whose = shown(f"the incident {incident} is {known.event} of {known.system}")
            raise IncidentError(f"{whose}; give another id")
        if known is not None and known.closed is not None:
            raise IncidentError(f"the incident {incident} is closed; give another id")
        before = known or fresh
        now = check(stated(before, moments, by))
        tell = _keep(loaded, chosen, now, file, output)
    _warn_of_the_future(moments)
    tell()
    _tell_what_changed(before, now)
    return 0


def clock_close(
    config: ConfigFile,
    incident: Incidents,
    by: By,
    reason: Reason,
    clock: OneClock = None,
    at: EndedAt = None,
    output: OutputForm = Output.table,
) -> int:
    """End the clocks of an incident, for a reason that a human answers for.

    With --clock only that one ends; the last one to end closes the incident.
    """
    from agent.cli.systems import choose_system
    from agent.config.load import load
    from agent.incidents import IncidentError, check, held, path_of, words
    from agent.incidents_known import require
    from agent.policy_of import policy_of
    from policies.clocks import Ended
    from policies.visible import shown

    by = _who(by)
    reason = words(reason, "--reason", "say why the clocks end, such as: told, receipt 118")
    loaded = load(config)
    file = path_of(_folder(loaded), incident)
    with held(file.parent):
        known = require(loaded.store.path, incident)
        if known.closed is not None:
            said = f"the incident {incident} was closed by {known.closed_by}: {known.reason}"
            raise IncidentError(shown(said))
        chosen = choose_system(loaded, known.system)
        ended = Ended(at=_ended(known, at), by=by, reason=reason)
        closed = _with_end(known, ended, clock, policy_of(loaded, chosen))
        tell = _keep(loaded, chosen, check(closed), file, output)
    tell()
    return 0


def clock_list(
    config: ConfigFile, system: SystemId = None, output: OutputForm = Output.table
) -> int:
    """List a system's incident clocks, and how long is left of those that run."""
    from agent.cli.systems import choose_system
    from agent.config.load import load
    from agent.incidents_known import known
    from agent.policy_of import policy_of

    loaded = load(config)
    chosen = choose_system(loaded, system)
    policy = policy_of(loaded, chosen)
    rows: list[dict[str, Any]] = []
    found = known(loaded.store.path)
    for problem in found.problems:
        print(problem, file=sys.stderr)
    for one in found.incidents.values():
        if one.system == chosen.id:
            rows += _rows(one, _ticking(policy, one))
    _print(policy, rows, output)
    return 0


def _who(by: str) -> str:
    from agent.incidents import words

    return words(by, "--by", "name who answers for it")


def _tell_what_changed(before: Incident, now: Incident) -> None:
    """Say which moments were stated before, and which cannot be as they are stated."""
    from policies.clocks import out_of_order
    from policies.model import rfc3339
    from policies.visible import shown

    for former in now.earlier[len(before.earlier) :]:
        moment = former.moment
        print(
            f"{moment} was stated before: {rfc3339(former.at)} by {shown(former.by)} -> "
            f"{rfc3339(now.moments[moment])} by {now.by[moment]}; clocks run from the new one, the "
            "former is kept",
            file=sys.stderr,
        )
    for problem in out_of_order(now):
        print(problem, file=sys.stderr)


def _folder(config: Config) -> Path:
    from agent.incidents import FOLDER

    return config.store.path / FOLDER


def _ended(incident: Incident, given: str | None) -> int:
    """Return when an incident ended; raises `IncidentError` for a time that cannot be meant."""
    from agent.clock import SystemClock
    from agent.incidents import IncidentError

    now = int(SystemClock().now())
    if given is None:
        return now
    at = _instant(given)
    if at > now + _SKEW:
        raise IncidentError(
            f"--at {given}: is in the future; an incident is closed when it is over"
        )
    first = min(incident.moments.values(), default=at)
    if at < first:
        raise IncidentError(f"--at {given}: is before the first moment that was stated of it")
    return at


def _with_end(incident: Incident, ended: Ended, clock: str | None, policy: Policy) -> Incident:
    """Return the incident with one clock ended, or closed as a whole once none is left."""
    import msgspec

    from agent.incidents import IncidentError
    from policies.nearest import did_you_mean
    from policies.visible import shown

    clocks = [one.clock.id for one in _ticking(policy, incident)]
    if clock is not None and clock not in clocks:
        hint = did_you_mean(clock, clocks)
        raise IncidentError(f"{clock!r} is no clock of the incident {incident.id}{hint}")
    if clock is not None and (before := incident.ended.get(clock)) is not None:
        said = f"the clock {clock} of {incident.id} was ended by {before.by}: {before.reason}"
        raise IncidentError(shown(said))
    by_clock = incident.ended if clock is None else {**incident.ended, clock: ended}
    if clock is not None and not set(clocks) <= by_clock.keys():
        return msgspec.structs.replace(incident, ended=by_clock)
    return msgspec.structs.replace(
        incident,
        ended=by_clock,
        closed=max([ended.at, *(one.at for one in by_clock.values())]),
        closed_by=ended.by,
        reason=ended.reason,
    )


def _instant(text: str, said: str | None = None) -> int:
    from agent.config.values import parse_instant
    from agent.incidents import IncidentError

    try:
        return parse_instant(text)
    except ValueError as error:
        raise IncidentError(f"--at {said or text}: {error}") from error


def _moments(given: list[str]) -> dict[str, int]:
    from agent.incidents import IncidentError

    moments: dict[str, int] = {}
    for text in given:
        name, _, at = text.partition("=")
        if name in moments:
            raise IncidentError(f"--at {text}: {name} is given twice; state each moment once")
        moments[name] = _instant(at, text)
    return moments


def _warn_of_the_future(moments: dict[str, int]) -> None:
    """Say which moments have not come yet: a slip in the year would hide that time is up."""
    from agent.clock import SystemClock
    from policies.model import rfc3339

    for name, at in moments.items():
        if at > SystemClock().now() + _SKEW:
            print(
                f"{name}={rfc3339(at)} is in the future; if that is a slip, state it again with "
                "the right time",
                file=sys.stderr,
            )


def _keep(
    config: Config, system: System, incident: Incident, file: Path, output: Output
) -> Callable[[], None]:
    """Write an incident and its draft, and return what prints how its clocks stand.

    Nothing is written before all that is made of it could be made.
    """
    from agent.incidents import check, encoded, write
    from agent.policy_of import policy_of
    from policies.clocks import draft, with_clocks

    policy = policy_of(config, system)
    if incident.closed is None:
        incident = check(with_clocks(incident, policy.clocks))
    clocks = _ticking(policy, incident)
    facts = [
        f"system {system.id}, owner {system.owner or 'not named'}",
        f"country {system.country or 'not named'}, sector {system.sector or 'not named'}",
        f"human involvement {system.oversight}",
        f"policy {policy.digest}",
    ]
    content, text = encoded(incident), draft(incident, clocks, facts).encode()
    rows = _rows(incident, clocks)
    write(file, content)
    write(file.with_suffix(".draft.md"), text)

    def tell() -> None:
        _print(policy, rows, output)
        if output is Output.table:
            print(f"draft: {file.with_suffix('.draft.md')}")

    return tell


def _ticking(policy: Policy, incident: Incident) -> list[Ticking]:
    from agent.clock import SystemClock
    from policies.clocks import ticking

    return ticking(policy.clocks, incident, SystemClock().now())


def _rows(incident: Incident, clocks: list[Ticking]) -> list[dict[str, Any]]:
    from policies.model import rfc3339

    return [
        {
            "incident": incident.id,
            "event": incident.event,
            "clock": one.clock.id,
            "state": one.state,
            "starts": one.clock.starts,
            "started": None if one.started is None else rfc3339(one.started),
            "due": None if one.due is None else rfc3339(one.due),
            "left_seconds": None if one.left is None else round(one.left),
            "recipient": one.clock.recipient,
            "source": one.clock.source,
            "verified_on": one.clock.verified_on,
            "confidence": one.clock.confidence,
            "length": one.clock.length,
            "definition": one.definition,
        }
        for one in clocks
    ]


def _print(policy: Policy, rows: list[dict[str, Any]], output: Output) -> None:
    from agent.cli.output import print_json, print_table
    from policies.clocks import DEFINITION_WORDS
    from policies.visible import shown

    if output is Output.json:
        for row in rows:
            print_json(row)
        return
    if not policy.clocks:
        print("the policy of this system has no incident clocks")
    for clock in policy.clocks:
        where = f"from {clock.starts} ({clock.event}), to {clock.recipient}"
        print(f"{clock.id}: {clock.length} {where}")
        print(
            f"  {clock.source}, verified {clock.verified_on}, confidence {clock.confidence}; check "
            "it before relying on it"
        )
    if rows:
        names = ("incident", "clock", "state", "started", "due")
        cells = [[*(str(row[name] or "-") for name in names), _left(row)] for row in rows]
        print_table([*(name.upper() for name in names), "LEFT"], cells)
    for row in rows:
        if row["state"] != "closed" and (why := DEFINITION_WORDS[row["definition"]]):
            print(shown(f"{row['incident']}, {row['clock']}: {why} ({row['source']})"))
    print("Whether something must be notified is for a human to decide; nothing is sent.")


def _left(row: dict[str, Any]) -> str:
    """Return how long there is, or what a waiting clock waits for."""
    from policies.clocks import left_words

    if row["state"] == "waiting":
        return f"waits for {row['starts']}"
    return "-" if row["left_seconds"] is None else left_words(row["left_seconds"])

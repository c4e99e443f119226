"""Two accounts of one incident made one: no time that was stated is lost, nothing newer undone.

The agent's store and the file beside it hold the same incident; either may be older, or may have
been begun anew after the other was lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from policies.clocks import Ended, Incident, Statement
from policies.effective import Clock


def merged(held: Incident, told: Incident) -> Incident:
    """Return the incident as it stands by both; `told` may be a newer account, or an older one.

    Who said something is as `told` has it, so that a name can be taken out.  A statement that
    `held` has as a former one is old and changes nothing.  What is closed is opened again only by a
    statement that `held` does not know: a clock that somebody started runs.  Merging `told` again
    changes nothing more.
    """
    known, news = _times(held), _times(told)
    whole = told if known <= news else _joined(_renamed(held, told), told)
    again = held.closed is not None and told.closed is None and not news <= known
    closing = told if again or held.closed in (None, told.closed) else held
    return msgspec.structs.replace(
        whole,
        closed=closing.closed,
        closed_by=closing.closed_by,
        reason=closing.reason,
        ended=told.ended if again else _ended(held, told),
        clocks=_clocks(held, told),
    )


def accounted(held: Incident, told: Incident) -> Incident | None:
    """Return what is to hold under an id that both have, None if they are two open incidents.

    An id whose incident is closed may be given to another one.
    """
    if (held.system, held.event) == (told.system, told.event):
        return merged(held, told)
    return None if held.closed is None else told


def by_id(incidents: Iterable[Incident]) -> dict[str, Incident]:
    """Return incidents by id; of two that share one, that which is open."""
    found: dict[str, Incident] = {}
    for one in incidents:
        before = found.get(one.id)
        if before is None or before.closed is not None:
            found[one.id] = one
    return found


def _joined(held: Incident, told: Incident) -> Incident:
    """Return the incident with every statement of both."""
    moments, by = {**told.moments, **held.moments}, {**told.by, **held.by}
    more = [one for one in told.earlier if one not in held.earlier]
    for moment in told.moments.keys() & held.moments.keys():
        said, before = _said(told, moment), _said(held, moment)
        if said != before and said not in held.earlier:
            moments[moment], by[moment] = said.at, said.by
            more += [before] if before not in more else []
    return msgspec.structs.replace(held, moments=moments, by=by, earlier=(*held.earlier, *more))


def _said(incident: Incident, moment: str) -> Statement:
    at, by = incident.moments[moment], incident.by.get(moment, "")
    return Statement(moment=moment, at=at, by=by)


def _all(incident: Incident) -> Iterable[Statement]:
    return (*incident.earlier, *(_said(incident, moment) for moment in incident.moments))


def _times(incident: Incident) -> Counter[tuple[str, int]]:
    return Counter((one.moment, one.at) for one in _all(incident))


def _renamed(held: Incident, told: Incident) -> Incident:
    """Return `held` with names that `told` alone has for the same statements."""
    known = set(_all(held))
    names = {(one.moment, one.at): one.by for one in _all(told) if one not in known}
    return msgspec.structs.replace(
        held,
        by={m: names.get((m, held.moments.get(m, 0)), by) for m, by in held.by.items()},
        earlier=tuple(
            msgspec.structs.replace(one, by=names.get((one.moment, one.at), one.by))
            for one in held.earlier
        ),
    )


def _ended(held: Incident, told: Incident) -> dict[str, Ended]:
    """Return the ends of clocks; one that was told with another time is not changed."""
    kept = {
        clock: one
        for clock, one in held.ended.items()
        if clock not in told.ended or told.ended[clock].at != one.at
    }
    return {**told.ended, **kept}


def _clocks(held: Incident, told: Incident) -> tuple[Clock, ...]:
    known = {clock.id for clock in held.clocks}
    return held.clocks + tuple(clock for clock in told.clocks if clock.id not in known)

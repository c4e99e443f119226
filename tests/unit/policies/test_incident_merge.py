"""Two accounts of an incident: whichever is older, no stated time is lost and no clock stops."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.clocks import MOMENTS, Ended, Incident, Statement, stated
from policies.effective import effective
from policies.incident_merge import merged
from policies.load import load_packs

CLOCKS = effective(
    load_packs(["country-my"]), oversight="human_in_the_loop", maturity="baseline"
).clocks
NOTHING = Incident(id="I", system="loan", event="data_breach", moments={}, by={})
LAN = stated(NOTHING, {"confirmed_at": 1_000}, "Lan")
AGAIN = stated(LAN, {"confirmed_at": 2_000}, "Minh")


def ended(at: int, by: str = "Lan") -> Ended:
    return Ended(at=at, by=by, reason="told")


def with_(incident: Incident, **fields: Any) -> Incident:
    return msgspec.structs.replace(incident, **fields)


CLOSED = with_(AGAIN, closed=3_000, closed_by="Lan", reason="told")


def test_a_newer_account_is_taken_as_it_is() -> None:
    for newer in (AGAIN, CLOSED, with_(AGAIN, ended={"c": ended(9)})):
        assert merged(LAN, newer) == newer


def test_an_older_account_changes_nothing() -> None:
    back = stated(AGAIN, {"confirmed_at": 1_000}, "Lan")
    for older in (NOTHING, LAN, AGAIN):
        for newer in (AGAIN, back, CLOSED, with_(back, clocks=CLOCKS)):
            assert merged(newer, older) == newer


def test_an_account_begun_anew_adds_to_what_is_known() -> None:
    found = merged(LAN, stated(NOTHING, {"detected_at": 500}, "Minh"))
    assert found.moments == {"confirmed_at": 1_000, "detected_at": 500}
    assert found.by == {"confirmed_at": "Lan", "detected_at": "Minh"}
    moved = merged(AGAIN, stated(NOTHING, {"confirmed_at": 4_000}, "Anh"))
    assert (moved.moments, moved.by) == ({"confirmed_at": 4_000}, {"confirmed_at": "Anh"})
    assert moved.earlier == (
        Statement(moment="confirmed_at", at=1_000, by="Lan"),
        Statement(moment="confirmed_at", at=2_000, by="Minh"),
    )


def test_what_is_closed_is_opened_by_a_new_statement_alone() -> None:
    late = ended(2_500)
    held = with_(CLOSED, ended={"c": late})
    assert merged(held, AGAIN) == held
    assert merged(held, with_(CLOSED, closed=9_000, closed_by="x")).closed == 3_000
    again = merged(held, stated(NOTHING, {"confirmed_at": 5_000}, "Anh"))
    assert (again.closed, again.closed_by, again.reason, again.ended) == (None, None, None, {})
    assert again.moments == {"confirmed_at": 5_000}
    assert len(again.earlier) == 2


def test_names_can_be_taken_out_and_times_cannot() -> None:
    held = with_(CLOSED, ended={"c": ended(9)})
    nameless = with_(
        held,
        by={"confirmed_at": "-"},
        earlier=(Statement(moment="confirmed_at", at=1_000, by="-"),),
        closed_by="-",
        reason="-",
        ended={"c": ended(9, "-")},
    )
    found = merged(held, nameless)
    assert found == nameless
    assert merged(held, with_(nameless, earlier=())).earlier == held.earlier
    assert merged(held, with_(nameless, ended={"c": ended(10, "-")})).ended == held.ended


def test_definitions_of_clocks_are_kept_as_they_were_first() -> None:
    held = with_(LAN, clocks=CLOCKS[:1])
    longer = with_(LAN, clocks=tuple(with_clock(c) for c in CLOCKS))
    assert merged(held, longer).clocks == (CLOCKS[0], *longer.clocks[1:])
    assert merged(held, LAN).clocks == CLOCKS[:1]


def with_clock(clock: Any) -> Any:
    return msgspec.structs.replace(clock, seconds=clock.seconds * 2)


words = st.lists(
    st.tuples(st.sampled_from(MOMENTS), st.integers(0, 3), st.sampled_from("ab")), max_size=5
)


def account(said: list[tuple[str, int, str]], close: int | None) -> Incident:
    incident = NOTHING
    for moment, at, by in said:
        incident = stated(incident, {moment: at}, by)
    return incident if close is None else with_(incident, closed=close, closed_by="x", reason="y")


def times(incident: Incident) -> Counter[tuple[str, int]]:
    earlier = ((one.moment, one.at) for one in incident.earlier)
    return Counter((*incident.moments.items(), *earlier))


@pytest.mark.filterwarnings("error")
@given(words, words, st.none() | st.integers(0, 9), st.none() | st.integers(0, 9))
def test_no_time_is_lost_and_merging_again_changes_nothing(
    first: list[tuple[str, int, str]],
    second: list[tuple[str, int, str]],
    ends: int | None,
    ended_too: int | None,
) -> None:
    held, told = account(first, ends), account(second, ended_too)
    found = merged(held, told)
    assert set(times(found)) == {*times(held), *times(told)}
    assert merged(found, told) == found
    assert set(found.by) == set(found.moments)
    if times(told) <= times(held) and held.closed is not None:
        assert found.closed == held.closed
    successor = account([*first, *second], ended_too if ends is None else ends)
    assert merged(held, successor) == successor
    assert merged(successor, held) == successor

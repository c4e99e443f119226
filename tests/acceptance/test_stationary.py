"""Where nothing changes, nobody is told that anything is wrong: 90 days, every stage and level.

A finding is whatever the engine raises as beyond a limit: pages, tickets and what only shows.
Where there are people enough, nothing at all is raised.  Where there are too few for a rule, it may
say once that it cannot tell, and has to say what can be done about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pytest

from policies.effective import effective
from policies.load import load_pack, load_packs
from policies.pack import MATURITY, OVERSIGHT, Maturity, Oversight
from policies.table import PACKS
from tests.acceptance.stationary import (
    LARGE_GROUPS,
    Look,
    Told,
    World,
    judged_by,
    looked_at,
)
from tests.acceptance.stationary_file import looked_at_in_full

DAYS = 90
SMALL = World(events_a_day=300, approved=0.4, seed=11)
LARGE = World(
    events_a_day=20_000,
    approved=0.6,
    seed=13,
    past=200_000,
    groups=LARGE_GROUPS,
    lengths=("1h", "1d", "7d"),
)
SMALL_IN_FULL = World(events_a_day=1_000, approved=0.3, seed=21, lengths=("12h", "1d"))
LARGE_IN_FULL = World(
    events_a_day=12_000,
    approved=0.6,
    seed=21,
    past=300_000,
    groups=LARGE_GROUPS,
    lengths=("1d", "7d"),
)
"""Lenders whose stream also carries labels and every optional field."""

Way = tuple[str, Oversight, Maturity]
"""A pack, and the level and stage that it is followed at."""

GUIDE: tuple[Way, ...] = tuple(
    ("asean-guide", level, stage) for stage, level in product(MATURITY, OVERSIGHT)
)
OVERLAYS = sorted(name for name in PACKS if load_pack(name).rules or load_pack(name).changes)
# A human in the loop is the tightest level.
OVERLAID: tuple[Way, ...] = tuple(
    (name, "human_in_the_loop", stage) for name, stage in product(OVERLAYS, MATURITY)
)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_with_people_enough_a_stream_that_does_not_change_raises_nothing_at_all() -> None:
    looks = looked_at(LARGE, DAYS)
    assert _days(looks) == DAYS
    for way in GUIDE:
        _nothing(looks, way)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_nor_do_labels_reviews_and_complaints_that_do_not_change_under_any_pack(
    tmp_path: Path,
) -> None:
    looks = looked_at_in_full(LARGE_IN_FULL, DAYS, tmp_path)
    assert _days(looks) == DAYS
    for way in (*GUIDE, *OVERLAID):
        _nothing(looks, way)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_with_too_few_people_a_rule_says_once_that_it_cannot_tell_and_what_to_do() -> None:
    looks = looked_at(SMALL, DAYS)
    assert _days(looks) == DAYS
    for way in GUIDE:
        _says_once_that_it_cannot_tell(looks, way)


@pytest.mark.slow
@pytest.mark.timeout(1_800)
def test_with_too_few_labels_too_and_under_any_pack(tmp_path: Path) -> None:
    looks = looked_at_in_full(SMALL_IN_FULL, DAYS, tmp_path)
    assert _days(looks) == DAYS
    for way in (*GUIDE, *OVERLAID):
        _says_once_that_it_cannot_tell(looks, way)


def _nothing(looks: Sequence[Look], way: Way) -> None:
    told = _told(looks, way)
    assert (told.findings, told.untold, told.raised) == ({}, {}, {}), way


def _says_once_that_it_cannot_tell(looks: Sequence[Look], way: Way) -> None:
    told = _told(looks, way)
    assert told.findings == {}, way
    assert told.untold, "a world this small has rules that cannot tell"
    assert set(told.untold.values()) == {1}, (way, told.untold)
    assert set(told.raised.values()) == {1}, (way, told.raised)
    assert {severity for _, _, severity in told.raised} == {"ticket"}
    assert all("judge it over a longer window" in advice for advice in told.advice)


def _told(looks: Sequence[Look], way: Way) -> Told:
    pack, level, stage = way
    return judged_by(effective(load_packs([pack]), oversight=level, maturity=stage), looks)


def _days(looks: Sequence[Look]) -> int:
    return len({look.end for look in looks if look.arguments["window"].length == "1d"})

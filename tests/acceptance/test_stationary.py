"""Where nothing changes, nobody is told that anything is wrong: 90 days, every stage and level.

A finding is whatever the engine raises as beyond a limit: pages, tickets and what only shows.
What stays allowed is what follows from too few people in a world that does not change: that a rule
cannot tell.  Such a ticket says so, and may not come again and again.
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
from tests.acceptance.stationary import Look, Told, World, judged_by, looked_at
from tests.acceptance.stationary_file import looked_at_in_full

DAYS = 90
WORLDS = {
    "a small lender": World(events_a_day=300, approved=0.4, seed=11),
    "a large lender": World(events_a_day=20_000, approved=0.4, seed=13),
}
FULL = World(events_a_day=1_000, approved=0.3, seed=21)
"""The lender whose stream also carries labels and every optional field, by half day and day."""

AGAIN = 13
"""How often in 90 days one rule may come back to say that it cannot tell: once a week."""

OVERLAYS = sorted(name for name in PACKS if load_pack(name).rules or load_pack(name).changes)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("world", WORLDS)
def test_a_stream_that_does_not_change_raises_no_finding(world: str) -> None:
    looks = looked_at(WORLDS[world], DAYS)
    assert _days(looks) == DAYS
    for stage, level in product(MATURITY, OVERSIGHT):
        _nothing_is_wrong(looks, ["asean-guide"], level, stage)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nor_do_labels_reviews_and_complaints_that_do_not_change_under_any_pack(
    tmp_path: Path,
) -> None:
    looks = looked_at_in_full(FULL, DAYS, tmp_path)
    assert _days(looks) == DAYS
    for stage, level in product(MATURITY, OVERSIGHT):
        assert _told(looks, ["asean-guide"], level, stage).findings == {}, (stage, level)
    # A human in the loop is the tightest level.
    for name, stage in product(["asean-guide", *OVERLAYS], MATURITY):
        _nothing_is_wrong(looks, [name], "human_in_the_loop", stage)


def _nothing_is_wrong(
    looks: Sequence[Look], packs: list[str], level: Oversight, stage: Maturity
) -> None:
    told = _told(looks, packs, level, stage)
    assert told.findings == {}, (packs, stage, level)
    assert all(n <= AGAIN for n in told.raised.values()), (packs, stage, level, told.raised)
    assert {severity for _, _, severity in told.raised} <= {"ticket"}


def _told(looks: Sequence[Look], packs: list[str], level: Oversight, stage: Maturity) -> Told:
    return judged_by(effective(load_packs(packs), oversight=level, maturity=stage), looks)


def _days(looks: Sequence[Look]) -> int:
    return len({look.end for look in looks if look.arguments["window"].length == "1d"})

"""Where nothing changes, nobody is told that anything is wrong: 90 days, every stage and level.

What stays allowed is what follows from too few people in a world that does not change: that a rule
cannot tell.  Such a ticket says so, and may not come again and again.
"""

from __future__ import annotations

from itertools import product

import pytest

from policies.effective import effective
from policies.load import load_packs
from policies.pack import MATURITY, OVERSIGHT
from tests.acceptance.stationary import World, judged_by, looked_at

DAYS = 90
WORLDS = {
    "a small bank": World(events_a_day=300, approved=0.4, seed=11),
    "a strict one": World(events_a_day=3_000, approved=0.12, seed=12),
    "a large one": World(events_a_day=20_000, approved=0.4, seed=13),
}
AGAIN = 6
"""How often in 90 days one rule may come back to say that it cannot tell."""


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS)
def test_a_stream_that_does_not_change_raises_no_finding(world: str) -> None:
    looks = looked_at(WORLDS[world], DAYS)
    days = {look.end for look in looks if look.arguments["window"].length == "1d"}
    assert len(days) == DAYS
    for stage, level in product(MATURITY, OVERSIGHT):
        policy = effective(load_packs(["asean-guide"]), oversight=level, maturity=stage)
        told = judged_by(policy, looks)
        assert told.findings == {}, (stage, level)
        assert all(n <= AGAIN for n in told.raised.values()), (stage, level, told.raised)
        assert {severity for _, _, severity in told.raised} <= {"ticket"}

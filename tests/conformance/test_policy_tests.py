"""The policy tests that are shipped: they pass, and miss no rule, oversight level or state."""

from __future__ import annotations

from collections import Counter
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

import policies
from agent.known_signals import known_signals
from policies.effective import Rule, effective
from policies.load import load_pack, load_packs
from policies.model import State
from policies.part import OVERSIGHT, Oversight
from policies.read_file import read_model
from policies.table import PACKS
from policies.trial import Case, TrialFile, try_file
from tests.support.policy_tests import written

FOLDER = Path(policies.__file__).parent / "tests"
FILES = sorted(FOLDER.glob("*.yaml"))
OUTCOMES = {*get_args(State), "inconclusive"}
"""Every state, and `not_assessable` for want of certainty apart from that for want of data."""


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_shipped_policy_test_passes(file: Path) -> None:
    tried = try_file(file, signals=known_signals())
    assert tried
    assert [(one.name, one.oversight, one.failures) for one in tried if one.failures] == []


@pytest.mark.parametrize("name", [name for name in PACKS if f"{name}.yaml" in written()])
def test_each_rule_is_tried_at_each_level_in_each_state(name: str) -> None:
    matrix = read_model(FOLDER / f"{name}.yaml", TrialFile)
    tried = Counter(
        (window.expect[0].rule, level, _outcome(window.expect[0].state, window.expect[0].reason))
        for case in matrix.tests
        for level, window in product(_levels(case), case.windows)
    )
    for level in OVERSIGHT:
        for rule in _own_rules(name, level):
            expected = OUTCOMES if rule.threshold.can_breach else OUTCOMES - {"breach"}
            missing = {o for o in expected if (rule.id, level, o) not in tried}
            assert not missing, (rule.id, level)


def test_every_pack_that_decides_something_ships_its_tests() -> None:
    deciding = {name for name in PACKS if load_pack(name).rules or load_pack(name).changes}
    assert {f"{name}.yaml" for name in deciding} <= {file.name for file in FILES}


def _own_rules(name: str, level: Oversight) -> list[Rule]:
    """Return the rules that a pack brings or changes and that run at a level."""
    pack = load_pack(name)
    if any(need.oversight not in (None, level) for need in pack.requires):
        return []
    policy = effective(load_packs([name]), oversight=level, maturity="advanced")
    own = {*(rule.id for rule in pack.rules), *(change.rule for change in pack.changes)}
    return [rule for rule in policy.rules if rule.id in own]


def _levels(case: Case) -> tuple[Oversight, ...]:
    assert isinstance(case.oversight, tuple)
    return case.oversight


def _outcome(state: str | None, reason: str | None) -> str | None:
    return "inconclusive" if reason == "inconclusive" else state

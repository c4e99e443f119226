"""Every signal of the table against an independent library, on at least two public data sets."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from agent.signals.table import SIGNALS
from tests.unit.statistics.cases import case
from tests.unit.statistics.referees import HELD_ELSEWHERE, REFEREES

ROOT = Path(__file__).resolve().parents[3]

PAIRS = [(name, of) for name, referee in REFEREES.items() for of in referee.sets]


def test_every_signal_has_a_referee() -> None:
    assert set(REFEREES).isdisjoint(HELD_ELSEWHERE)
    assert sorted([*REFEREES, *HELD_ELSEWHERE]) == sorted(SIGNALS), (
        "a signal needs a line in tests/unit/statistics/referees.py"
    )
    assert [name for name, referee in REFEREES.items() if len(set(referee.sets)) < 2] == []


@pytest.mark.parametrize("name", HELD_ELSEWHERE)
def test_what_no_rows_can_referee_is_held_by_a_test_that_names_it(name: str) -> None:
    path, _, function = HELD_ELSEWHERE[name].partition("::")
    text = (ROOT / path).read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert function in {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    assert name in text or name.partition(".")[2] in text


@pytest.mark.parametrize(("name", "of"), PAIRS)
def test_signals_equal_what_the_referee_computes(name: str, of: str) -> None:
    referee, data = REFEREES[name], case(of)
    found = {tuple(s.subject.values()): s for s in data.found if s.name == name}
    expected = referee.expected(data)
    assert expected
    for subject, value in expected.items():
        signal = found[subject]
        assert signal.status == "ok", signal
        assert signal.value == pytest.approx(value, rel=referee.rel, abs=referee.within), signal
    measured = {subject for subject, signal in found.items() if signal.status == "ok"}
    assert referee.some or measured == set(expected)

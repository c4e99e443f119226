"""Laws of judging and remembering, on any intervals and any row of windows."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from policies.alerts import Cause, Judged, alerts
from policies.effective import Rule
from policies.engine import Evaluation, Finding, evaluate
from policies.judge import judge
from policies.memory import Memory
from policies.model import (
    Coverage,
    Operator,
    Signal,
    SignalStatus,
    Threshold,
    measured,
    unmeasured,
)
from tests.unit.policies.samples import day, fairness_rule, policy, rule

NUMBERS = st.floats(-2, 2, allow_nan=False)
RANK = {"ok": 0, "warn": 1, "breach": 2}
FEATURE = {"feature": "income"}


@st.composite
def thresholds(draw: st.DrawFn) -> Threshold:
    op: Operator = draw(st.sampled_from(get_args(Operator)))
    low, high = sorted((draw(st.floats(0, 1)), draw(st.floats(0, 1))))
    return Threshold(op, high, low) if op == "<" else Threshold(op, low, high)


@st.composite
def intervals(draw: st.DrawFn) -> tuple[float, float]:
    low, high = sorted((draw(NUMBERS), draw(NUMBERS)))
    return low, high


@given(thresholds(), intervals(), st.floats(0, 1), st.floats(0, 1))
def test_a_wider_interval_never_says_more(
    threshold: Threshold, bounds: tuple[float, float], left: float, right: float
) -> None:
    low, high = bounds
    narrow, wide = judge(threshold, low, high), judge(threshold, low - left, high + right)
    if narrow == "not_assessable":
        assert wide == "not_assessable"
    elif narrow == "ok":
        assert wide in ("ok", "not_assessable")
    elif wide in RANK:
        assert 1 <= RANK[wide] <= RANK[narrow]


@given(thresholds(), NUMBERS)
def test_a_value_known_exactly_is_always_decided(threshold: Threshold, value: float) -> None:
    assert judge(threshold, value, value) != "not_assessable"


@given(thresholds(), intervals(), st.floats(0, 1))
def test_moving_towards_the_limit_never_makes_it_better(
    threshold: Threshold, bounds: tuple[float, float], shift: float
) -> None:
    low, high = bounds
    if threshold.op == "abs>" and low < 0:
        return
    by = -shift if threshold.op == "<" else shift
    before, after = judge(threshold, low, high), judge(threshold, low + by, high + by)
    if before in RANK and after in RANK:
        assert RANK[after] >= RANK[before]
    assert not (before in ("warn", "breach") and after == "not_assessable")


@given(thresholds(), intervals())
def test_abs_judges_both_signs_alike(threshold: Threshold, bounds: tuple[float, float]) -> None:
    low, high = bounds
    if threshold.op == "abs>":
        assert judge(threshold, low, high) == judge(threshold, -high, -low)


@given(
    st.sampled_from([s for s in get_args(SignalStatus) if s != "ok"]),
    st.text(max_size=20),
    st.booleans(),
    st.booleans(),
)
def test_nothing_but_a_measured_signal_of_a_complete_window_reads_as_ok(
    status: SignalStatus, reason: str, complete: bool, longest: bool
) -> None:
    missing = unmeasured("drift.psi", FEATURE, status, reason, n=0, method="m")
    fine = measured("drift.psi", FEATURE, 0, 0, 0, n=1000, method="m")
    for signals in ([missing], [], [fine]):
        coverage = Coverage(
            events=1, complete=complete, incomplete_because=None if complete else "offset_gap"
        )
        (verdict,) = evaluate(
            policy(rule()),
            model_version="*",
            window=day(0),
            signals=signals,
            coverage=coverage,
            memory={},
            longest=longest,
        ).verdicts
        if signals == [fine] and complete:
            assert verdict.state == "ok"
        else:
            assert verdict.state == "not_assessable"
            assert verdict.reason


RULES = (rule(), rule(persistence=(2, 3), clear_after=3, inconclusive_after=3), fairness_rule())
SEEN = st.sampled_from(["ok", "warn", "breach", "undecided", "missing", "absent", "incomplete"])
BOUNDS = {"ok": (0.0, 0.02), "warn": (0.15, 0.16), "breach": (0.3, 0.4), "undecided": (0.0, 0.4)}


def _signals(seen: str, judged: Rule) -> Sequence[Signal]:
    subject = FEATURE if judged.subjects == ("feature",) else {"attribute": "race"}
    if seen == "missing":
        return [unmeasured(judged.signal, subject, "insufficient_data", "few", n=1, method="m")]
    if seen in BOUNDS:
        low, high = BOUNDS[seen]
        return [measured(judged.signal, subject, low, low, high, n=100, method="m")]
    return []


def _evaluate(judged: Rule, number: int, seen: str, memory: dict[str, Memory]) -> Evaluation:
    whole = seen != "incomplete"
    return evaluate(
        policy(judged),
        model_version="*",
        window=day(number),
        signals=_signals(seen, judged),
        coverage=Coverage(events=9, complete=whole, incomplete_because=None if whole else "late"),
        memory=memory,
        longest=True,
    )


@given(st.sampled_from(RULES), st.lists(SEEN, max_size=25), SEEN)
def test_the_last_window_can_be_restated_any_number_of_times(
    judged: Rule, history: list[str], first: str
) -> None:
    """Whatever a window said at first, its last revision leaves the memory of a straight run."""
    straight: dict[str, Memory] = {}
    restated: dict[str, Memory] = {}
    for i, seen in enumerate(history):
        straight |= _evaluate(judged, i, seen, straight).memory
        restated |= _evaluate(judged, i, first, restated).memory
        restated |= _evaluate(judged, i, seen, restated).memory
        assert _evaluate(judged, i, seen, restated).memory == {}
    for key, entry in straight.items():
        assert _what_counts(restated[key]) == _what_counts(entry)
    for key in restated.keys() - straight.keys():
        assert restated[key].requirement is None
        assert restated[key].assessability is None


def _what_counts(entry: Memory) -> Memory:
    """Return an entry without traces of a revision that spoke of a subject in vain."""
    recent = tuple(seen for seen in entry.recent if seen != "gone")
    return msgspec.structs.replace(entry, recent=recent, before=None)


@given(st.sampled_from(RULES), st.lists(SEEN, max_size=25), st.data())
def test_an_older_window_changes_nothing_that_stands(
    judged: Rule, history: list[str], data: st.DataObject
) -> None:
    memory: dict[str, Memory] = {}
    for i, seen in enumerate(history):
        memory |= _evaluate(judged, i, seen, memory).memory
    if len(history) > 1:
        late = data.draw(st.integers(0, len(history) - 2))
        newest = {k: v for k, v in memory.items() if v.window_end == day(len(history) - 1).end}
        changed = _evaluate(judged, late, data.draw(SEEN), memory).memory
        assert not changed.keys() & newest.keys()


def _identity(finding: Finding) -> tuple[str, ...]:
    return (str(finding.verdict.subject), finding.kind, finding.severity, finding.scope)


@given(st.sampled_from(RULES), st.lists(SEEN, max_size=40))
def test_findings_tell_exactly_what_stands(judged: Rule, history: list[str]) -> None:
    """Raise only what does not stand, keep and clear only what does, and forget nothing."""
    memory: dict[str, Memory] = {}
    standing: set[tuple[str, ...]] = set()
    for i, seen in enumerate(history):
        found = _evaluate(judged, i, seen, memory)
        memory |= found.memory
        kept = set()
        for f in found.findings:
            what = _identity(f)
            if f.action == "raise":
                assert what not in standing
                kept.add(what)
            else:
                assert what in standing
                if f.action == "keep":
                    kept.add(what)
        assert standing <= {_identity(f) for f in found.findings}
        standing = kept


@given(st.sampled_from(RULES), st.lists(SEEN, max_size=40))
def test_alerts_open_and_close_in_turn_and_carry_everything(
    judged: Rule, history: list[str]
) -> None:
    memory: dict[str, Memory] = {}
    standing: dict[str, Cause] = {}
    open_labels: set[bytes] = set()
    for i, seen in enumerate(history):
        found = _evaluate(judged, i, seen, memory)
        memory |= found.memory
        published = tuple(_signals(seen, judged))
        step = Judged(model_version="*", findings=found.findings, signals=published)
        folded = alerts([step], standing, system="s", policy=policy(judged))
        standing = {k: v for k, v in {**standing, **folded.changed}.items() if v is not None}
        for alert in folded.alerts:
            labels = msgspec.json.encode(alert.labels, order="sorted")
            assert (alert.change == "raised") == (labels not in open_labels)
            assert (alert.change == "closed") == (alert.resolved_at is not None)
            assert {"summary", "description", "policy", "since"} <= alert.annotations.keys()
            (open_labels.discard if alert.change == "closed" else open_labels.add)(labels)
        stands = {msgspec.json.encode(c.alert.labels, order="sorted") for c in standing.values()}
        assert stands == open_labels


@given(st.sampled_from(RULES), st.lists(SEEN, min_size=1, max_size=15))
def test_a_run_says_since_when_it_lasts(judged: Rule, history: list[str]) -> None:
    memory: dict[str, Memory] = {}
    runs: list[tuple[str, int]] = []
    for i, seen in enumerate(history):
        if seen == "absent":
            continue
        found = _evaluate(judged, i, seen, memory)
        memory |= found.memory
        subject = FEATURE if judged.subjects == ("feature",) else {"attribute": "race"}
        for verdict in found.verdicts:
            if verdict.subject == subject and seen != "incomplete":
                runs.append((verdict.state, verdict.since))
    for (before, since), (state, now) in itertools.pairwise(runs):
        assert (now >= since) if before == state else (now > since)

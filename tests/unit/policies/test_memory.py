"""Persistence, hysteresis, repeats and late windows."""

from __future__ import annotations

import msgspec
import pytest

from policies.memory import Memory, memory_key, subjects_by_rule
from policies.model import Coverage, Signal, Window, subject_text
from tests.unit.policies.samples import (
    BREACH,
    DAY,
    OK,
    UNDECIDED,
    WARN,
    Watch,
    day,
    psi,
    rule,
    told,
    without,
)

LETTERS = {"B": BREACH, "W": WARN, "O": OK, "?": UNDECIDED}


def _signal(letter: str) -> Signal:
    if letter == "-":
        return without({"feature": "income"}, name="drift.psi")
    return psi(*LETTERS[letter])


def _story(letters: str, **how: object) -> list[list[str]]:
    """Return what each window of a row of states told, such as `raise breach`."""
    watch = Watch(rule(**how))
    return [
        [f"{action} {kind}" for action, kind, _ in told(watch.judge(i, _signal(letter)))]
        for i, letter in enumerate(letters)
    ]


def test_one_of_one_raises_at_once_keeps_and_clears_after_two_ok_windows() -> None:
    assert _story("OBBOO") == [
        [],
        ["raise breach"],
        ["keep breach"],
        ["keep breach"],
        ["clear breach"],
    ]


def test_two_of_three_wait_for_the_second_breach() -> None:
    assert _story("BOBO", persistence=(2, 3)) == [[], [], ["raise breach"], ["keep breach"]]


def test_two_of_three_do_not_raise_on_an_ok_window() -> None:
    assert _story("BOO", persistence=(2, 3)) == [[], [], []]


def test_breaches_behind_it_do_not_keep_a_finding_from_clearing() -> None:
    assert _story("BBO", persistence=(2, 3), clear_after=1) == [
        [],
        ["raise breach"],
        ["clear breach"],
    ]


def test_a_breach_and_a_warning_together_persist_as_a_warning() -> None:
    assert _story("BW", persistence=(2, 3)) == [[], ["raise warn"]]


def test_a_warning_becomes_a_breach_at_once_and_goes_back_after_clear_after() -> None:
    assert _story("WBWWOO") == [
        ["raise warn"],
        ["clear warn", "raise breach"],
        ["keep breach"],
        ["clear breach", "raise warn"],
        ["keep warn"],
        ["clear warn"],
    ]


@pytest.mark.parametrize("gap", ["?", "-"])
def test_what_cannot_be_judged_clears_nothing_and_interrupts_a_run_of_ok(gap: str) -> None:
    story = _story(f"BO{gap}O")
    assert all("keep breach" in window for window in story[1:])


def test_missing_values_are_told_at_once_beside_a_standing_breach() -> None:
    story = _story("B-BBB", inconclusive_after=3)
    assert story[:2] == [["raise breach"], ["keep breach", "raise not_assessable"]]
    assert story[3:] == [
        ["keep breach", "keep not_assessable"],
        ["clear not_assessable", "keep breach"],
    ]


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ("???????", "inconclusive"),
        ("-------", "not_assessable"),
        ("?-?-?-?", "inconclusive"),
        ("-?-?-?-", "not_assessable"),
    ],
)
def test_what_cannot_be_told_is_a_ticket_after_seven_windows_whatever_the_reasons(
    seen: str, kind: str
) -> None:
    story = _story(seen + "O-?" + "O" * 7)
    assert story[:6] == [[]] * 6
    assert story[6] == [f"raise {kind}"]
    assert story[7:16] == [[f"keep {kind}"]] * 9
    assert story[16:] == [[f"clear {kind}"]]


def test_a_value_that_hovers_about_the_fewest_that_are_needed_calls_nobody() -> None:
    assert _story("O--O---O------O" * 6) == [[]] * 90


def test_after_a_ticket_the_count_begins_anew() -> None:
    story = _story("-------OOOOOOO------", inconclusive_after=7)
    assert [i for i, told in enumerate(story) if "raise not_assessable" in told] == [6]


def test_an_incomplete_window_neither_counts_nor_starts_the_count_again() -> None:
    watch = Watch(rule(inconclusive_after=3))
    lost = Coverage(events=5, complete=False, incomplete_because="state_lost")
    first, second = (watch.judge(i, _signal("-")) for i in range(2))
    assert (told(first), told(second)) == ([], [])
    assert {f.scope for f in watch.judge(2, _signal("-"), coverage=lost).findings} == {"window"}
    third = watch.judge(3, _signal("-"))
    assert [(f.action, f.scope) for f in third.findings] == [("clear", "window"), ("raise", "rule")]
    broken = watch.judge(4, _signal("-"), coverage=lost)
    assert {(f.action, f.scope) for f in broken.findings} == {("keep", "rule"), ("raise", "window")}


def test_an_incomplete_window_is_told_at_once_whatever_the_persistence() -> None:
    watch = Watch(rule(persistence=(2, 3), shorter=(3, 3)))
    lost = Coverage(events=5, complete=False, incomplete_because="state_lost")
    assert told(watch.judge(0, coverage=lost)) == [("raise", "not_assessable", "ticket")]


def test_a_window_that_is_not_the_longest_any_more_lets_go_of_its_ticket() -> None:
    watch = Watch(rule())
    for i in range(7):
        watch.judge(i, _signal("-"))
    assert told(watch.judge(7, _signal("-"), longest=False)) == [
        ("clear", "not_assessable", "ticket")
    ]


@pytest.mark.parametrize("kind", ["unmeasured", "inconclusive", "window"])
def test_what_an_earlier_build_remembered_stands_on(kind: str) -> None:
    """Its entries have no `incomplete`, and count undecided windows alone."""
    subject = subject_text({"feature": "income"})
    stood = {"window_end": DAY, "state": "not_assessable", "since": 0, "recent": ["ok"]}
    old = {**stood, "assessability": kind, "decided_run": 9, "inconclusive_run": 6}
    watch = Watch(rule())
    watch.memory[memory_key("DR-1", "v1", "1d", subject)] = msgspec.convert(old, Memory)
    found = watch.judge(1, _signal("O"))
    if kind == "window":
        assert [(f.action, f.scope) for f in found.findings] == [("clear", "window")]
    else:
        assert [(f.action, f.scope) for f in found.findings] == [("keep", "rule")]


def test_the_count_of_an_earlier_build_goes_on() -> None:
    watch = Watch(rule())
    old = {"window_end": DAY, "state": "not_assessable", "since": 0, "inconclusive_run": 6}
    key = memory_key("DR-1", "v1", "1d", subject_text({"feature": "income"}))
    watch.memory[key] = msgspec.convert(old, Memory)
    assert told(watch.judge(1, _signal("?"))) == [("raise", "inconclusive", "ticket")]


def test_a_decision_starts_the_count_of_inconclusive_windows_again() -> None:
    assert _story("??????O??????") == [[]] * 13


def test_windows_shorter_than_the_longest_never_count_as_inconclusive_or_insufficient() -> None:
    watch = Watch(rule())
    for i, letter in enumerate("?" * 10 + "-" * 10):
        assert told(watch.judge(i, _signal(letter), longest=False)) == []


def test_since_is_the_first_window_of_the_run() -> None:
    watch = Watch(rule())
    starts = [watch.judge(i, _signal(s)).verdicts[0].since // DAY for i, s in enumerate("OBB-?O")]
    assert starts == [0, 1, 1, 3, 3, 5]


def test_the_same_window_judged_again_gives_the_same_memory() -> None:
    watch = Watch(rule(persistence=(2, 3)))
    watch.judge(0, _signal("B"))
    watch.judge(1, _signal("B"))
    again = watch.judge(1, _signal("B"))
    assert again.memory == {}
    assert told(again) == [("keep", "breach", "ticket")]


def test_a_restated_window_is_judged_from_the_memory_before_it() -> None:
    restated, straight = Watch(rule()), Watch(rule())
    for watch in (restated, straight):
        watch.judge(0, _signal("O"))
    restated.judge(1, _signal("B"))
    assert told(restated.judge(1, _signal("O"))) == [("clear", "breach", "ticket")]
    straight.judge(1, _signal("O"))
    assert restated.memory == straight.memory


def test_an_older_window_gets_verdicts_and_leaves_newer_memory_alone() -> None:
    watch = Watch(rule())
    for i, letter in enumerate("OBB"):
        watch.judge(i, _signal(letter))
    late = watch.judge(1, _signal("B"))
    assert (late.memory, late.findings) == ({}, ())
    assert late.verdicts[0].since == day(1).start
    changed = watch.judge(0, _signal("B")).verdicts[0]
    assert (changed.state, changed.since) == ("breach", day(0).start)


def test_an_older_window_is_not_asked_for_subjects_that_came_later() -> None:
    watch = Watch(rule())
    watch.judge(0, psi(*OK, feature="a"))
    watch.judge(1, psi(*OK, feature="a"), psi(*BREACH, feature="b"))
    late = watch.judge(0, psi(*WARN, feature="a"))
    assert [v.subject for v in late.verdicts] == [{"feature": "a"}]
    assert late.memory == {}


def test_memory_survives_json() -> None:
    watch = Watch(rule())
    for i, letter in enumerate("B-?O"):
        watch.judge(i, _signal(letter))
    (entry,) = watch.memory.values()
    assert msgspec.json.decode(msgspec.json.encode(entry), type=Memory) == entry
    assert entry.before is not None
    assert entry.before.before is None


def test_keys_keep_versions_and_lengths_apart_whatever_a_version_is_called() -> None:
    entry = Memory(window_end=0, state="ok", since=0)
    versions = ["a", "a|1d", "a%7C1d", "*"]
    memory = {memory_key("R", v, length, "{}"): entry for v in versions for length in ("1h", "1d")}
    assert len(memory) == 8
    for version in versions:
        assert subjects_by_rule(memory, version, "1d") == {"R": {"{}": entry}}


def test_lengths_are_remembered_apart() -> None:
    watch = Watch(rule())
    watch.judge(0, _signal("B"))
    hour = Window(DAY, DAY + 3600, "1h")
    assert told(watch.judge(1, _signal("O"), window=hour)) == []

"""Unit tests of policies: given signals, expect verdicts.  The files that `policy test` runs.

A file names packs and one or more oversight levels and stages; each test gives the signals of one
window, or of several in a row, and what must come of them.  Only what is written is compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import Field, Strict

from policies.complaint import PackError
from policies.effective import Policy, effective
from policies.engine import Evaluation, Finding, evaluate
from policies.load import is_path, load_packs
from policies.memory import Memory
from policies.model import (
    Coverage,
    Severity,
    Signal,
    SignalStatus,
    State,
    Subject,
    Verdict,
    Window,
    measured,
    subject_text,
    unmeasured,
)
from policies.nearest import did_you_mean
from policies.part import Maturity, Number, Oversight, Part, RuleId, SignalName, Text
from policies.read_file import read_model_and_lines
from policies.select import choose, unknown
from policies.subjects import SUBJECT_KEYS, KnownSignals, group_of, subject_kind
from policies.yaml_lines import Document

Value = TypeVar("Value")
DAY = 86_400
Standing = Literal["breach", "warn", "not_assessable", "inconclusive", "none"]


class SignalSpec(Part):
    """A signal: `value` alone is exact, `low` and `high` its interval; or a `status`."""

    name: SignalName
    subject: dict[str, str] = Field(default={})
    value: Number | None = None
    low: Number | None = None
    high: Number | None = None
    n: Annotated[int, Strict(), Field(ge=0)] = 1_000
    status: SignalStatus = "ok"
    reason: Text | None = None

    def signal(self) -> Signal:
        """Return the signal; raises `ValueError` when it is not well given."""
        if self.status != "ok":
            why = self.reason or self.status
            return unmeasured(self.name, self.subject, self.status, why, n=self.n, method="given")
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        if low is None or high is None or low > high:
            raise ValueError("needs `value`, or `low` and `high` with low <= high, or a `status`")
        value = (low + high) / 2 if self.value is None else self.value
        return measured(self.name, self.subject, value, low, high, n=self.n, method="given")


class Expected(Part):
    """What one verdict must be; `finding` is what stands of the rule after this window."""

    rule: RuleId
    subject: dict[str, str] | None = None
    state: State | None = None
    severity: Severity | None = None
    reason: str | None = None
    finding: Standing | None = None


class WindowSpec(Part):
    """A window's signals and what is expected of it; `times` windows in a row are like it."""

    signals: tuple[SignalSpec, ...] = ()
    complete: bool = True
    times: Annotated[int, Strict(), Field(ge=1, le=1_000)] = 1
    expect: tuple[Expected, ...] = ()
    exactly: bool = False


class Case(WindowSpec):
    """One test; what it does not say of the policy is what the file says."""

    name: Text
    oversight: Oversight | tuple[Oversight, ...] | None = None
    maturity: Maturity | tuple[Maturity, ...] | None = None
    windows: tuple[WindowSpec, ...] = ()


class TrialFile(Part):
    """A file of tests."""

    packs: Annotated[tuple[Text, ...], Field(min_length=1)]
    oversight: Oversight | tuple[Oversight, ...] = "human_in_the_loop"
    maturity: Maturity | tuple[Maturity, ...] = "advanced"
    country: Text | None = None
    sector: Text | None = None
    tests: Annotated[tuple[Case, ...], Field(min_length=1)]


class Tried(NamedTuple):
    """How one test at one oversight level and stage went; `failures` is empty when it passed.

    `judged`: the rules that its expectations name.
    """

    where: str
    name: str
    oversight: Oversight
    maturity: Maturity
    failures: tuple[str, ...]
    judged: frozenset[str]


def try_file(file: Path, *, signals: KnownSignals | None = None) -> list[Tried]:
    """Run every test of a file.  Raises `PackError` for a file or packs that cannot be used.

    `signals`: every one that a rule may judge; None leaves them unchecked.
    """
    spec, document = read_model_and_lines(file, TrialFile)
    names = [str(file.parent / name) if is_path(name) else name for name in spec.packs]
    chosen = choose(names, sector=spec.sector, country=spec.country)
    packs = load_packs([pack.name for pack in chosen])
    whose = unknown(spec.sector, spec.country, beside=[pack.id for pack in packs])
    if whose is not None:
        key, why = whose
        raise PackError(f"{file.name}:{document.line((key,))}: {why} (no such pack is tried)")
    policies: dict[tuple[Oversight, Maturity], Policy] = {}
    tried: list[Tried] = []
    for i, case in enumerate(spec.tests):
        levels: tuple[Oversight, ...] = _several(case.oversight or spec.oversight)
        stages: tuple[Maturity, ...] = _several(case.maturity or spec.maturity)
        for level, stage in product(levels, stages):
            if (level, stage) not in policies:
                policies[level, stage] = effective(
                    packs,
                    oversight=level,
                    maturity=stage,
                    country=spec.country,
                    sector=spec.sector,
                    signals=signals,
                )
            at = _Place(file.name, document, ("tests", i))
            failures, judged = _try(case, policies[level, stage], at)
            tried.append(Tried(at.text(), case.name, level, stage, tuple(failures), judged))
    return tried


class _Place(NamedTuple):
    where: str
    document: Document
    place: tuple[str | int, ...]

    def text(self) -> str:
        return f"{self.where}:{self.document.line(self.place)}"

    def inside(self, *steps: str | int) -> _Place:
        return self._replace(place=(*self.place, *steps))


def _several(value: Value | tuple[Value, ...]) -> tuple[Value, ...]:
    return value if isinstance(value, tuple) else (value,)


def _try(case: Case, policy: Policy, at: _Place) -> tuple[list[str], frozenset[str]]:
    """Return what is not as expected, and which rules were expected something of."""
    if case.windows and (case.signals or case.expect):
        raise PackError(f"{at.text()}: give `signals` and `expect`, or `windows`, not both")
    steps = [(w, at.inside("windows", j)) for j, w in enumerate(case.windows)] or [(case, at)]
    memory: dict[str, Memory] = {}
    standing: dict[tuple[str, str], set[Standing]] = {}
    failures: list[str] = []
    judged: set[str] = set()
    number = 0
    for window, place in steps:
        given = [_signal(policy, spec, place, j) for j, spec in enumerate(window.signals)]
        for _ in range(window.times):
            done = _judge(policy, window, given, memory, number)
            memory |= done.memory
            _stand(standing, done.findings)
            number += 1
        label = f"window {number}: " if case.windows else ""
        wrong = _compare(window, done, standing, policy, place)
        failures += [label + line for line in wrong]
        judged |= {expected.rule for expected in window.expect}
    if not any(window.expect or window.exactly for window, _ in steps):
        raise PackError(
            f"{at.text()}: the test {case.name!r} expects nothing, so it cannot fail; give "
            "`expect`, or `exactly: true` if no rule may be warn or breach"
        )
    return failures, frozenset(judged)


def _signal(policy: Policy, spec: SignalSpec, at: _Place, j: int) -> Signal:
    place = at.inside("signals", j)
    judged = {rule.signal for rule in policy.rules}
    if spec.name not in judged:
        hint = did_you_mean(spec.name, judged)
        raise PackError(f"{place.text()}: no rule in force judges the signal {spec.name!r}{hint}")
    _check_subject(spec.subject, place)
    try:
        return spec.signal()
    except ValueError as error:
        raise PackError(f"{place.text()}: signal {spec.name}: {error}") from error


def _check_subject(subject: Subject, at: _Place) -> None:
    if subject_kind(subject) == "other":
        for key in subject:
            if key not in SUBJECT_KEYS:
                hint = did_you_mean(key, SUBJECT_KEYS)
                raise PackError(f"{at.text()}: a subject has no key {key!r}{hint}")
        given = ", ".join(subject)
        raise PackError(f"{at.text()}: there is no subject with the keys {given} together")


def _judge(
    policy: Policy, window: WindowSpec, given: list[Signal], memory: dict[str, Memory], number: int
) -> Evaluation:
    why = None if window.complete else "state_lost"
    return evaluate(
        policy,
        model_version="*",
        window=Window(number * DAY, (number + 1) * DAY, "1d"),
        signals=given,
        coverage=Coverage(events=1_000, complete=window.complete, incomplete_because=why),
        memory=memory,
        longest=True,
    )


def _stand(standing: dict[tuple[str, str], set[Standing]], findings: Sequence[Finding]) -> None:
    for finding in findings:
        key = (finding.verdict.rule, subject_text(finding.verdict.subject))
        kinds = standing.setdefault(key, set())
        if finding.action == "clear":
            kinds.discard(finding.kind)
        else:
            kinds.add(finding.kind)


def _compare(
    window: WindowSpec,
    done: Evaluation,
    standing: dict[tuple[str, str], set[Standing]],
    policy: Policy,
    at: _Place,
) -> Iterator[str]:
    for j, expected in enumerate(window.expect):
        _check_subject(expected.subject or {}, at.inside("expect", j))
        if policy.rule(expected.rule) is None:
            hint = did_you_mean(expected.rule, [rule.id for rule in policy.rules])
            place = at.inside("expect", j).text()
            yield f"{place}: the rule {expected.rule!r} is not in force here{hint}"
            continue
        verdicts = [v for v in done.verdicts if v.rule == expected.rule]
        if expected.subject is not None:
            verdicts = [v for v in verdicts if v.subject == expected.subject]
        if len(verdicts) != 1:
            yield _not_one(expected, verdicts, done)
            continue
        yield from _differences(expected, verdicts[0], standing, policy)
    if window.exactly:
        named = {expected.rule for expected in window.expect}
        for verdict in done.verdicts:
            if verdict.state in ("warn", "breach") and verdict.rule not in named:
                yield f"{_title(verdict)}: is {verdict.state}, and is not expected at all"


def _not_one(expected: Expected, verdicts: Sequence[Verdict], done: Evaluation) -> str:
    if verdicts:
        subjects = ", ".join(subject_text(v.subject) for v in verdicts)
        return f"{expected.rule}: has several verdicts; name the subject out of {subjects}"
    subjects = ", ".join(subject_text(v.subject) for v in done.verdicts if v.rule == expected.rule)
    wanted = subject_text(expected.subject or {})
    return f"{expected.rule} {wanted}: has no such verdict; it has {subjects}"


def _differences(
    expected: Expected,
    verdict: Verdict,
    standing: dict[tuple[str, str], set[Standing]],
    policy: Policy,
) -> Iterator[str]:
    for name in ("state", "severity", "reason"):
        if name in expected.model_fields_set and getattr(expected, name) != getattr(verdict, name):
            wanted, found = getattr(expected, name), getattr(verdict, name)
            why = f" ({_limits(verdict)})" if name == "state" else ""
            yield f"{_title(verdict)}: {name}: expected {wanted}, got {found}{why}"
    if expected.finding is not None:
        stands = (subject_text(of) for of in (verdict.subject, group_of(verdict.subject)))
        kinds = set[Standing]().union(*(standing.get((verdict.rule, of), ()) for of in stands))
        kinds = kinds or {"none"}
        if expected.finding not in kinds:
            found = " and ".join(sorted(kinds))
            rule = policy.rule(verdict.rule)
            how = ""
            if rule is not None:
                k, m = rule.persistence
                how = f" (raised by {k} of {m} windows, cleared by {rule.clear_after})"
                if expected.finding in ("not_assessable", "inconclusive"):
                    how = f" (raised and cleared by {rule.inconclusive_after} windows in a row)"
            title = _title(verdict)
            yield f"{title}: finding: expected {expected.finding}, got {found}{how}"


def _title(verdict: Verdict) -> str:
    return f"{verdict.rule} {subject_text(verdict.subject)}"


def _limits(verdict: Verdict) -> str:
    limit = verdict.threshold
    reason = f"; {verdict.reason}" if verdict.reason else ""
    return f"warn {limit.op} {limit.warn:g}, breach {limit.breach_text}{reason}"

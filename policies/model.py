"""The report model: what one window of one system says (contract C1-C3, C5, C6, C10, C11).

Everything here is an immutable value.  Times are whole epoch seconds (UTC) inside the program and
become RFC 3339 text only in `report_document`, the single place that knows the wire form.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import sys
from typing import Any, Literal

import msgspec

REPORT_SCHEMA = "pantau.report/1"

SignalStatus = Literal["ok", "insufficient_data", "no_reference", "suppressed"]
State = Literal["ok", "warn", "breach", "not_assessable"]
Severity = Literal["page", "ticket", "info"]
Operator = Literal[">", "<", "abs>"]

Subject = dict[str, str]
"""Contract C5. `{}` is the system itself; keys and values are strings."""

ALL_VERSIONS = "*"
"""`model_version` of the pooled report."""

PRINCIPLES: dict[str, str] = {
    "P1": "Transparency and Explainability",
    "P2": "Fairness and Equity",
    "P3": "Security and Safety",
    "P4": "Human-centricity",
    "P5": "Privacy and Data Governance",
    "P6": "Accountability and Integrity",
    "P7": "Robustness and Reliability",
}


WINDOW_SECONDS: dict[str, int] = {
    "5m": 300,
    "1h": 3_600,
    "12h": 43_200,
    "1d": 86_400,
    "7d": 604_800,
    "30d": 2_592_000,
    "90d": 7_776_000,
}
"""Every window length there is (contract C2), short first; windows align to the Unix epoch."""


class Window(msgspec.Struct, frozen=True):
    """A tumbling window `[start, end)` in epoch seconds; `length` is its name, e.g. `1h`."""

    start: int
    end: int
    length: str


class Orphans(msgspec.Struct, frozen=True):
    """Halves whose other half did not come within its horizon.

    `review` is there only where human decisions may come later than their predictions.
    """

    request: int = 0
    response: int = 0
    label: int = 0
    review: int | msgspec.UnsetType = msgspec.UNSET


class Partitions(msgspec.Struct, frozen=True):
    """How many partitions of the source this agent reads, and how many there are."""

    assigned: int = 1
    total: int = 1


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """How much of what happened this report saw (contract C11).

    `incomplete_because` names why `complete` is false (`state_lost`, `input_failed`,
    `partial_assignment`, `rejected`, `late`, `audit_unavailable`), and is None when it is true.
    """

    events: int
    duplicates: int = 0
    conflicts: int = 0
    late_dropped: int = 0
    rejected: dict[str, int] = msgspec.field(default_factory=dict)
    orphans: Orphans = Orphans()
    labelled: int = 0
    label_coverage: float | None = None
    sampling: float = 1.0
    partitions: Partitions = Partitions()
    complete: bool = True
    incomplete_because: str | None = None


LOST_REASONS = ("not_seen", "single_group")
"""How reasons of signals begin of which nothing came at all: none is not just too few."""


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """One measured quantity with its interval (contract C6).

    Invariant, held by `measured` and `unmeasured`: `value`, `low` and `high` are finite numbers
    when `status` is `ok`, and None with a `reason` otherwise.  `n` is None when `suppressed`.
    """

    name: str
    subject: Subject
    value: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    method: str
    n: int | None
    status: SignalStatus
    reason: str | None = None
    reference: str | None = None


NO_LIMIT = sys.float_info.max
"""Size of a limit that no value passes: the largest double, since JSON has no infinity."""


class Threshold(msgspec.Struct, frozen=True):
    """Where `warn` and `breach` begin, on the side that `op` names.

    `breach` of the size `NO_LIMIT`: the rule only warns.
    """

    op: Operator
    warn: float
    breach: float

    @property
    def can_breach(self) -> bool:
        """Tell whether the rule has a breach limit at all."""
        return abs(self.breach) < NO_LIMIT

    @property
    def breach_text(self) -> str:
        """The breach limit for people, such as `> 0.2` or `never`."""
        return f"{self.op} {self.breach:g}" if self.can_breach else "never"


class Because(msgspec.Struct, frozen=True):
    """A pointer into the report's `signals`."""

    name: str
    subject: Subject


class Verdict(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A rule's judgement of one subject in one window (contract C10).

    `evidence`: digest of the sample of the window's events, where one is kept of a breach.
    """

    rule: str
    principle: str
    subject: Subject
    state: State
    severity: Severity
    threshold: Threshold
    because: tuple[Because, ...]
    reason: str | None
    since: int
    policy: str
    evidence: str | None = None


class AwaitedLabels(msgspec.Struct, frozen=True, kw_only=True):
    """How verdicts on labels were made: `policies.engine.LabelGate`, for who judges again.

    `signals` are those of the policy's rules that are made from labels.
    """

    signals: tuple[str, ...]
    mature: bool
    coverage: float | None
    needed: float
    of: str
    only: bool
    favourable: float | None = None


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """What verdicts hang on besides signals, coverage, policy and the windows before.

    `between`: signals whose rules are judged between windows, too, so that `since` of a verdict on
    them may be a moment that no window shows.  `reviews` is there only where human decisions may
    come later: how verdicts on them were made.
    """

    longest: bool
    labels: AwaitedLabels | None = None
    reviews: AwaitedLabels | msgspec.UnsetType = msgspec.UNSET
    between: tuple[str, ...] = ()


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything said about one (system, model version, window) at one revision (contract C1)."""

    system: str
    model_version: str
    window: Window
    revision: int
    final: bool
    coverage: Coverage
    signals: tuple[Signal, ...]
    verdicts: tuple[Verdict, ...]
    judging: Judging | None = None
    """For the audit log; it is no part of the report line."""
    withheld: tuple[Signal, ...] = ()
    """What verdicts were made from and contract C8 keeps out of reports: for the audit log alone,
    which seals it.  See `without_withheld`."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One cause that a human should know of, as it stands now.

    `labels` are exactly those of contract C15 and are the alert's identity; everything that
    changes from window to window (values, features, windows) is in `annotations`.
    """

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: int
    resolved_at: int | None = None
    change: Literal["raised", "updated", "closed"] = "raised"


class Human(msgspec.Struct, frozen=True):
    """A human by their pseudonym in the audit log, never by name, and how they proved who they are.

    `authn` is a word such as `oidc`.
    """

    pseudonym: str
    authn: str


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """Something the agent itself did or met that belongs in the audit log.

    `name` is a record name of contract C16, such as `agent.start` or `quarantine.summary`.
    `id` makes the record idempotent: the same notice sent twice is written once.  `human` did it,
    or, if None, the agent.
    """

    name: str
    id: str
    time: int
    system: str | None
    data: dict[str, Any]
    human: Human | None = None


Outgoing = Report | Alert | Notice
"""What the pipeline hands to exporters, in order, through the outbox."""


def without_withheld(item: Outgoing) -> Outgoing:
    """Return the item as everybody but the audit log may have it."""
    if isinstance(item, Report) and item.withheld:
        return msgspec.structs.replace(item, withheld=())
    return item


def measured(
    name: str,
    subject: Subject,
    value: float,
    low: float,
    high: float,
    *,
    n: int,
    method: str,
    reference: str | None = None,
    level: float = 0.95,
) -> Signal:
    """Return a signal with status `ok`. `value`, `low` and `high` must be finite."""
    numbers = (float(value), float(low), float(high))
    if not all(abs(x) < float("inf") for x in numbers):
        raise ValueError(f"signal {name} {subject}: {numbers} is not finite")
    return Signal(
        name=name,
        subject=subject,
        value=numbers[0],
        low=numbers[1],
        high=numbers[2],
        level=level,
        method=method,
        n=n,
        status="ok",
        reference=reference,
    )


def unmeasured(
    name: str,
    subject: Subject,
    status: SignalStatus,
    reason: str,
    *,
    n: int | None,
    method: str,
    reference: str | None = None,
    level: float = 0.95,
) -> Signal:
    """Return a signal that has no value, saying why. `suppressed` hides `n` too."""
    return Signal(
        name=name,
        subject=subject,
        value=None,
        low=None,
        high=None,
        level=level,
        method=method,
        n=None if status == "suppressed" else n,
        status=status,
        reason=reason,
        reference=reference,
    )


@functools.lru_cache(maxsize=10_000)
def rfc3339(epoch_seconds: int) -> str:
    """Return whole epoch seconds as `YYYY-MM-DDTHH:MM:SSZ`."""
    moment = dt.datetime.fromtimestamp(epoch_seconds, tz=dt.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def subject_text(subject: Subject) -> str:
    """Return the subject as sorted-key JSON: its identity and its sort key (contract C4)."""
    return _subject_text(tuple(sorted(subject.items())))


@functools.lru_cache(maxsize=10_000)
def _subject_text(items: tuple[tuple[str, str], ...]) -> str:
    # The same few hundred subjects are sorted by in every window, several times each.
    return json.dumps(dict(items), separators=(",", ":"), ensure_ascii=False)


def signal_order(signal: Signal) -> tuple[str, str]:
    """Sort key of signals in a report (contract C4)."""
    return (signal.name, subject_text(signal.subject))


def verdict_order(verdict: Verdict) -> tuple[str, str]:
    """Sort key of verdicts in a report (contract C4)."""
    return (verdict.rule, subject_text(verdict.subject))


def report_document(report: Report) -> dict[str, Any]:
    """Return the report as the JSON document of contract C1, keys in the contract's order."""
    window = report.window
    return {
        "schema": REPORT_SCHEMA,
        "system": report.system,
        "model_version": report.model_version,
        "window": {
            "start": rfc3339(window.start),
            "end": rfc3339(window.end),
            "length": window.length,
        },
        "revision": report.revision,
        "final": report.final,
        "coverage": msgspec.to_builtins(report.coverage),
        "signals": [signal_document(s) for s in report.signals],
        "verdicts": [verdict_document(v) for v in report.verdicts],
    }


def signal_document(signal: Signal) -> dict[str, Any]:
    """Return the signal as the JSON object of contract C6."""
    document: dict[str, Any] = msgspec.to_builtins(signal)
    return document


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as the JSON object of contract C10."""
    document: dict[str, Any] = msgspec.to_builtins(verdict)
    document["since"] = rfc3339(verdict.since)
    return document


def encode_report(report: Report) -> bytes:
    """Return the report as one line of JSON without the newline; equal reports, equal bytes."""
    return msgspec.json.encode(report_document(report))

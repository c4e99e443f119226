"""What would have fired under another policy, by the signals that the audit log holds.

Every report of the log is judged again in its order (`agent.judged_again`), so a log judged by
the policy that it was made under raises what it raised.  What the log does not hold is named: of
such a cause it is not said what would have been, unless its rule is the same in both policies.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from agent.judged_again import JudgedAgain, Untold
from agent.signals.card import Inventory
from exporters.audit import types
from exporters.audit.findings import Findings
from exporters.audit.read.reports import BlobText, LoggedReport, Reports, policy_of
from exporters.audit.read.sealed import Name, Seals
from exporters.audit.seal import ReplayKey
from policies.alerts import BREACH, COVERAGE_RULE, NOT_ASSESSABLE, cause_key
from policies.effective import Policy, Rule
from policies.model import rfc3339

UNKNOWN = "unknown"
"""Stands for the digest of a policy that the log does not name."""

SAME_RULE = "it is the same in both policies, and so are its alerts"


class Row(NamedTuple):
    """One cause: how often it was raised in the log, and how often it would have been.

    `would_fire` None: that cannot be told; `why` says why, or why it is as often as it was.
    """

    system: str
    alertname: str
    rule: str
    attribute: str
    model_version: str
    fired: int
    would_fire: int | None
    first: str | None
    why: str | None = None


class States(NamedTuple):
    """How often a rule's verdicts were in a state, in the log and under the new policy."""

    system: str
    rule: str
    logged: dict[str, int]
    new: dict[str, int]


class LeftOut(NamedTuple):
    """So many windows of a length could not be judged by a rule (`*`: by any), and why."""

    system: str
    rule: str
    window: str
    windows: int
    why: str


@dataclass(slots=True)
class Compared:
    """The outcome; of the `windows` judged, `not_final` may still change by labels or late events.

    `old`: by system the digest of each logged policy, oldest first, and the windows judged by it;
    `new`: by system the digest of the new one.
    """

    rows: list[Row] = field(default_factory=list)
    states: list[States] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    windows: int = 0
    not_final: int = 0
    old: dict[str, dict[str, int]] = field(default_factory=dict)
    new: dict[str, str] = field(default_factory=dict)


def compare(
    records: Iterable[tuple[types.Envelope, Any]],
    policies: Mapping[str, Policy],
    *,
    inventories: Mapping[str, Inventory] | None = None,
    blob_text: BlobText | None = None,
    keys: Mapping[str, ReplayKey] | None = None,
) -> Compared:
    """Judge the logged windows of the systems in `policies` by these, and compare with the log.

    `inventories`: each card as the packs of the new policy see it.  `blob_text` gives the texts of
    logged policies, `keys` open what the log seals.
    """
    cards = inventories or {}
    log = _Log(blob_text or _no_text)
    again = {
        system: JudgedAgain(system, policy, cards.get(system), Seals(Findings(), keys))
        for system, policy in policies.items()
    }
    for envelope, data in records:
        report = log.take(envelope, data)
        if report is not None:
            _judge(again, log, report)
        if log.alerted is not None and log.alerted in again:
            # The alerts of windows that end together come behind all of them.
            again[log.alerted].settle()
    report = log.reports.rest()
    if report is not None:
        _judge(again, log, report)
    compared = Compared()
    for system, policy in sorted(policies.items()):
        compared.new[system] = policy.digest
        again[system].settle()
        compared.old[system] = dict.fromkeys(log.digests(system), 0)
        _conclude(compared, log, again[system], system, policy)
    return compared


class _Log:
    """What of the log counts besides the reports: alerts raised, and the policies in force."""

    def __init__(self, blob_text: BlobText) -> None:
        self.reports = Reports()
        self.raised: list[dict[str, str]] = []
        self.alerted: str | None = None
        self._blob_text = blob_text
        self._digests: dict[str, list[str]] = {}
        self._rules: dict[str, list[dict[str, Rule] | None]] = {}

    def take(self, envelope: types.Envelope, data: Any) -> LoggedReport | None:
        """Take the next record; return the report that it completes.

        `alerted` is then the system whose alert the record tells of, if it does.
        """
        self.alerted = None
        name = types.record_name(envelope.type)
        if isinstance(data, types.AlertData) and data.labels.get("alertname") in _OURS:
            self.alerted = data.labels.get("system", "")
            if name == "alert.raised":
                self.raised.append({**data.labels, "starts": data.starts})
        elif name == "policy.change":
            policy = policy_of(data, self._blob_text)
            rules = None if isinstance(policy, str) else {r.id: r for r in policy.rules}
            self._digests.setdefault(data.system or "", []).append(data.digest)
            self._rules.setdefault(data.system or "", []).append(rules)
        return self.reports.take(envelope, data, "")

    def digest(self, system: str) -> str | None:
        """Return the digest of the policy that is in force for a system."""
        return next(reversed(self.digests(system)), None)

    def digests(self, system: str) -> list[str]:
        """Return the digests of all policies that were in force for a system, oldest first."""
        return self._digests.get(system) or self._digests.get("") or []

    def always_had(self, system: str, rule: Rule | None) -> bool:
        """Tell whether the rule was in force as it is in every logged policy of a system."""
        policies = self._rules.get(system) or self._rules.get("") or [None]
        return rule is not None and all(p is not None and p.get(rule.id) == rule for p in policies)


_OURS = frozenset({BREACH, NOT_ASSESSABLE})
"""Names of the alerts that rules raise; a human's word starts the others."""


def _judge(again: Mapping[str, JudgedAgain], log: _Log, report: LoggedReport) -> None:
    if report.system not in again:
        return
    digests = {verdict.policy for verdict in report.verdicts}
    digest = digests.pop() if len(digests) == 1 else log.digest(report.system)
    again[report.system].take(report, digest)


def _conclude(
    compared: Compared, log: _Log, again: JudgedAgain, system: str, policy: Policy
) -> None:
    windows = again.windows.values()
    compared.windows += len(windows)
    for window in windows:
        policies = compared.old[system]
        name = window.policy or UNKNOWN
        policies[name] = policies.get(name, 0) + 1
    compared.not_final += sum(not window.final for window in windows)
    compared.rows += _rows(log, again, system, policy)
    compared.left_out += [
        LeftOut(system, rule, length, n, why)
        for (rule, length, why), n in sorted(again.left_out.items())
    ]
    logged = _by_rule(window.logged for window in windows)
    new = _by_rule(window.new for window in windows)
    for rule in sorted(logged.keys() | new.keys()):
        before, after = logged.get(rule, Counter()), new.get(rule, Counter())
        compared.states.append(
            States(system, rule, dict(sorted(before.items())), dict(sorted(after.items())))
        )


def _rows(log: _Log, again: JudgedAgain, system: str, policy: Policy) -> Iterator[Row]:
    logged = [labels for labels in log.raised if labels.get("system") == system]
    fired = Counter(cause_key(labels) for labels in logged)
    would = Counter(cause_key(alert.labels) for alert in again.raised)
    labels = {cause_key(one): one for one in logged}
    labels |= {cause_key(alert.labels): alert.labels for alert in again.raised}
    did = {cause_key(one): one["starts"] for one in reversed(logged)}
    first = {cause_key(alert.labels): rfc3339(alert.starts_at) for alert in reversed(again.raised)}
    for key in sorted(fired.keys() | would.keys()):
        one = labels[key]
        cause: Untold = (one["rule"], one["attribute"])
        why = None if one["rule"] == COVERAGE_RULE else again.untold.get(cause)
        times: int | None = would[key]
        when = first.get(key)
        if why is not None and log.always_had(system, policy.rule(one["rule"])):
            times, when, why = fired[key], did.get(key), f"{why}; {SAME_RULE}"
        elif why is not None:
            times, when = None, None
        if times or fired[key] or times is None:
            yield Row(
                system,
                one["alertname"],
                one["rule"],
                one["attribute"],
                one["model_version"],
                fired[key],
                times,
                when,
                why,
            )


def _by_rule(windows: Iterable[Mapping[Name, str]]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = {}
    for states in windows:
        for (rule, _), state in states.items():
            found.setdefault(rule, Counter())[state] += 1
    return found


def _no_text(blob: str) -> bytes | None:
    """Give no text: the log was given without one."""
    return None

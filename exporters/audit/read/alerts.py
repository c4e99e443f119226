"""Do alerts agree with the verdicts that they are about, as far as a log shows those?"""

from __future__ import annotations

from typing import Any, NamedTuple

from exporters.audit import types
from exporters.audit.findings import Findings
from policies.alerts import BREACH

_Cause = tuple[str, str, str, str]
"""System, model version, rule, attribute: of each there is one alert."""


class _Raised(NamedTuple):
    """What a record says of an alert that was raised."""

    cause: _Cause
    severity: str
    state: str | None
    where: str


class AlertChecks:
    """Takes the records of all epochs in order; `conclude` compares.

    An alert may stand for what an earlier log shows.  So nothing is said of a log that does not
    begin with its first record, or in which something is missing; nor of rules that are judged
    between windows, too.
    """

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._complete: bool | None = None
        self._raised: list[_Raised] = []
        self._seen: dict[_Cause, set[tuple[str, str]]] = {}
        self._watched: set[str] = set()

    def interrupt(self) -> None:
        """Go on after records that could not be read."""
        self._complete = False

    def take(self, name: str, envelope: types.Envelope, data: Any, where: str) -> None:
        """Remember an alert, or the verdicts that one can be about."""
        if isinstance(data, types.GenesisData) and self._complete is None:
            self._complete = data.previous is None
        elif isinstance(data, types.GapData):
            self._complete = False
        elif isinstance(data, types.VerdictsData) and envelope.model is not None:
            self._verdicts(envelope.model, data)
        elif isinstance(data, types.AlertData):
            self._alert(name, data, where)

    def conclude(self) -> None:
        """Compare the alerts that were raised with all verdicts there are."""
        for raised in self._raised if self._complete else ():
            seen, rule = self._seen.get(raised.cause), raised.cause[2]
            if seen is None or rule in self._watched:
                continue
            severities, states = {one[0] for one in seen}, {one[1] for one in seen}
            if raised.severity not in severities:
                told = " or ".join(sorted(severities))
                detail = f"it is of severity {raised.severity}, the verdicts of {rule} are {told}"
                self._findings.add("alert_differs", raised.where, detail)
            elif raised.state not in states:
                told = " or ".join(sorted(states))
                detail = f"its state is {raised.state}, the verdicts of {rule} say {told}"
                self._findings.add("alert_differs", raised.where, detail)

    def _verdicts(self, model: types.Model, data: types.VerdictsData) -> None:
        between = [] if data.judging is None else data.judging.between
        for verdict in data.verdicts:
            if any(signal.name in between for signal in verdict.because):
                self._watched.add(verdict.rule)
            if verdict.state in ("breach", "warn"):
                cause = (
                    model.name,
                    model.version,
                    verdict.rule,
                    verdict.subject.get("attribute", ""),
                )
                self._seen.setdefault(cause, set()).add((verdict.severity, verdict.state))

    def _alert(self, name: str, data: types.AlertData, where: str) -> None:
        labels = data.labels
        severity, rule = labels.get("severity", ""), labels.get("rule", "")
        if severity == "info":
            detail = "what is of severity info alerts nobody"
            self._findings.add("alert_differs", where, detail)
        elif name == "alert.raised" and labels.get("alertname") == BREACH:
            system, version = labels.get("system", ""), labels.get("model_version", "")
            cause = (system, version, rule, labels.get("attribute", ""))
            self._raised.append(_Raised(cause, severity, data.annotations.get("state"), where))

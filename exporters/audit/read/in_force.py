"""Do records name the policy and the configuration that the log put in force?"""

from __future__ import annotations

from typing import Any

from exporters.audit import types
from exporters.audit.findings import Findings

_OWN = ("log.", "heartbeat")
"""Records that are never taken over from an earlier run: what they name is their own run's."""


class ForceChecks:
    """Takes the records of all epochs in order."""

    def __init__(self, findings: Findings) -> None:
        self._findings = findings
        self._policies: dict[str, str] = {}
        self._policy_lost = False
        self._config: str | None = None
        self._bootid = ""
        self._first: tuple[str, str] | None = None
        self._started: tuple[str, str] | None = None
        self._window: tuple[str | None, str] | None = None

    def interrupt(self) -> None:
        """Go on after records that could not be read: what they put in force is unknown."""
        self._policy_lost = True
        self._config = self._first = self._window = None

    def take(self, name: str, envelope: types.Envelope, data: Any, where: str) -> None:
        """Check what a record names against what is in force."""
        if envelope.bootid != self._bootid:
            self._bootid = envelope.bootid
            own = name.startswith(_OWN)
            self._first = (envelope.agent.config_digest, where) if own else None
        if isinstance(data, types.ChangeData):
            self._change(name, data)
        elif isinstance(data, types.StartData):
            self._start(envelope, data, where)
        elif isinstance(data, types.GapData):
            # What is missing may have put another configuration in force.
            self._config = None
        self._configuration(name, envelope, where)
        if isinstance(data, types.VerdictsData):
            self._verdicts(envelope, data, where)
        elif isinstance(data, types.WindowData):
            if data.part.i == 1:
                self._window = (envelope.agent.policy_digest, where)
        elif envelope.agent.policy_digest is not None:
            detail = f"it names {envelope.agent.policy_digest}, and no policy judged it"
            self._findings.add("policy_unknown", where, detail)

    def _change(self, name: str, data: types.ChangeData) -> None:
        if name == "policy.change":
            self._policies[data.system or ""] = data.digest
            self._policy_lost = False
        elif name == "config.change":
            self._config = data.digest

    # The configuration.

    def _start(self, envelope: types.Envelope, data: types.StartData, where: str) -> None:
        """Note what the program runs with from here on, by its own word and by the last change."""
        program = envelope.bootid.partition(".")[0]
        if envelope.id != f"agent.start/{program}" or data.config_digest is None:
            return
        self._started = (program, data.config_digest)
        if self._config not in (None, data.config_digest):
            detail = f"it starts with {data.config_digest}; {self._config} was put in force"
            self._findings.add("config_unknown", where, detail)
        if self._first is not None and self._first[0] != data.config_digest:
            digest, begun = self._first
            detail = f"it names {digest}; the run starts with {data.config_digest}"
            self._findings.add("config_unknown", begun, detail)

    def _configuration(self, name: str, envelope: types.Envelope, where: str) -> None:
        """Check a record of a run whose start is here; what it took over names an earlier one."""
        program, _, later_epoch = envelope.bootid.partition(".")
        if self._started is None or self._started[0] != program:
            return
        if later_epoch and not name.startswith(_OWN):
            return
        digest = envelope.agent.config_digest
        if digest != self._started[1]:
            detail = f"it names {digest}; the run started with {self._started[1]}"
            self._findings.add("config_unknown", where, detail)

    # Policies.

    def _verdicts(self, envelope: types.Envelope, data: types.VerdictsData, where: str) -> None:
        named = {verdict.policy for verdict in data.verdicts}
        told = envelope.agent.policy_digest
        # Of several parts each tells of the whole.
        untold = told is None and len(named) == 1 and data.part.of == 1
        if untold or (told is not None and named != {told}):
            detail = f"it names {told}, its verdicts name {', '.join(sorted(named))}"
            self._findings.add("policy_unknown", where, detail)
        if self._window is not None and self._window[0] != told:
            digest, window = self._window
            detail = f"it names {digest}, its verdicts name {told}"
            self._findings.add("policy_unknown", window, detail)
        self._window = None
        if self._policy_lost:
            return
        system = envelope.model.name if envelope.model else ""
        in_force = {self._policies.get(system), self._policies.get("")} - {None}
        for policy in named - in_force:
            detail = f"{policy} is not the policy that was last put in force for {system}"
            self._findings.add("policy_unknown", where, detail)

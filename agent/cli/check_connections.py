"""Testing what the agent would talk to, one line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from agent import __version__
from agent.config.model import Config
from agent.config.resolve import source_schema
from agent.config.told import digest
from agent.inputs import system_of
from agent.run import exporter_options
from collectors import table as collectors
from collectors.base import CollectorError
from exporters import table as exporters
from exporters.base import ExportError
from exporters.context import Context, SystemInfo

ID_KEY = b"pantau check"
"""Key of the id hashes: fixed, since nothing that a check reads is kept."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One collector or exporter and whether it answered; `detail` is a line for a person."""

    kind: Literal["collector", "exporter"]
    name: str
    ok: bool
    detail: str
    system: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the connection as a JSON-able document."""
        fields: dict[str, Any] = {"kind": self.kind, "name": self.name, "ok": self.ok}
        if self.system is not None:
            fields["system"] = self.system
        return {**fields, "detail": self.detail}


def probe_collectors(config: Config) -> list[Connection]:
    """Connect to every configured source, reading nothing."""
    connections = []
    for options in config.collectors:
        system = system_of(config, options)
        name = str(getattr(options, "type", "collector"))
        try:
            collector = collectors.build(options, source_schema(system, options), ID_KEY)
            name = collector.name
            connections.append(Connection("collector", name, True, collector.check(), system.id))
        except (CollectorError, OSError) as error:
            connections.append(Connection("collector", name, False, str(error), system.id))
    return connections


def probe_exporters(config: Config) -> list[Connection]:
    """Test every target that results would go to, sending nothing."""
    context = Context(
        agent_version=__version__,
        bootid="check",
        config_digest=digest(config),
        systems=tuple(SystemInfo(s.id, s.owner or "") for s in config.systems),
        base=config.folder,
    )
    connections = []
    for options in exporter_options(config):
        name = str(getattr(options, "type", "exporter"))
        try:
            exporter = exporters.build(options, context)
            name = exporter.name
            connections.append(Connection("exporter", name, True, exporter.check()))
        except (ExportError, OSError) as error:
            connections.append(Connection("exporter", name, False, str(error)))
    return connections

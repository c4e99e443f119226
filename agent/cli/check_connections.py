"""Testing what the agent would talk to, one line each."""

from __future__ import annotations

import ipaddress
import shutil
from dataclasses import dataclass
from typing import Any, Literal

import httpx
import msgspec
from pydantic import BaseModel

from agent import __version__
from agent.config.model import Config
from agent.config.resolve import source_schema
from agent.config.told import digest
from agent.inputs import system_of
from agent.run import exporter_options
from collectors import table as collectors
from collectors.base import CollectorError
from exporters import table as exporters
from exporters.audit.options import AuditOptions
from exporters.audit.room import spare
from exporters.base import ExportError
from exporters.bounded_http import FAILURES, BoundedClient
from exporters.context import Context, SystemInfo
from exporters.prometheus import PrometheusOptions

ID_KEY = b"pantau check"
"""Key of the id hashes: fixed, since nothing that a check reads is kept."""

_PATIENCE = 3.0
"""Seconds that whatever listens on a port in use has to say what it is."""

_MOST_BYTES = 100_000


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
            detail = exporter.check() + _little_room(config, options)
            connections.append(Connection("exporter", name, True, detail))
        except (ExportError, OSError) as error:
            agent = _agent_at(options) if isinstance(options, PrometheusOptions) else None
            detail = str(error) if agent is None else agent
            connections.append(Connection("exporter", name, agent is not None, detail))
    return connections


def _little_room(config: Config, options: BaseModel) -> str:
    """Return a warning where the disk of an audit log is nearly full, else nothing."""
    if not isinstance(options, AuditOptions):
        return ""
    folder = (config.folder / options.path).absolute()
    folder = next(one for one in (folder, *folder.parents) if one.is_dir())
    if spare(folder) >= 0:
        return ""
    free = shutil.disk_usage(folder).free / 2**20
    return (
        f". WARNING: {free:,.0f} MiB is little; when the disk is full reading is held up until "
        "there is room: make some"
    )


def _agent_at(options: PrometheusOptions) -> str | None:
    """Return a line about the agent that serves this port already; None: something else does."""
    # With a transport of its own: what is on this machine is not asked through a proxy.
    with BoundedClient(transport=httpx.AsyncHTTPTransport()) as client:
        try:
            address = _reachable(options.host)
            answer = client.ask(
                "GET",
                f"http://{address}:{options.port}/readyz",
                seconds=_PATIENCE,
                most=_MOST_BYTES,
                wanted=(httpx.codes.OK, httpx.codes.SERVICE_UNAVAILABLE),
            )
            said = msgspec.json.decode(answer.body, type=_Readiness)
        except FAILURES:
            return None
    state = "ready" if said.ready else "not ready: its /readyz says why"
    return (
        f"{options.host}:{options.port} is in use by a running agent ({state}); another one beside "
        "it needs another `port`"
    )


def _reachable(host: str) -> str:
    """Return where a listener on `host` is reached from here, as a URL has it."""
    address = ipaddress.ip_address(host) if host[:1].isdigit() or ":" in host else None
    if address is None:
        return host or "127.0.0.1"
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return str(address) if address.version == 4 else f"[{address}]"


class _Readiness(msgspec.Struct):
    """What the agent says on `/readyz`."""

    ready: bool
    reasons: dict[str, str]

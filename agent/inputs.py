"""Collectors with their channels and threads, built from the configuration."""

from __future__ import annotations

import threading
from dataclasses import replace

import msgspec
import structlog
from pydantic import BaseModel

from agent.config.model import Config
from agent.config.resolve import alone_of, labels_elsewhere, source_schema
from agent.config.system import System
from agent.persist import Core
from agent.running import Input
from agent.state import partition_key
from agent.store import Store
from collectors import table
from collectors.base import Channel, Collector, CollectorError, EndOfInput, Resume
from collectors.schema import EventSchema
from exporters.deadline import Deadline
from exporters.defects import calls, kind_and_place

_log = structlog.get_logger("agent.inputs")


class CollectorThread:
    """A collector, its channel and the thread that owns it."""

    def __init__(self, collector: Collector, source: Input, resume: Resume) -> None:
        self.input = source
        self.failure: str | None = None
        self._collector = collector
        self._resume = resume
        self._thread = threading.Thread(
            target=self._run, name=f"collector-{source.source}", daemon=True
        )

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the collector to end."""
        self._collector.stop()

    def join(self, deadline: Deadline) -> None:
        """Wait for the thread; safe if it was never started."""
        if self._thread.ident is not None:
            self._thread.join(deadline.remaining())
            if self._thread.is_alive():
                _log.error("collector_stop_timed_out", collector=self.input.source)

    def not_ready(self) -> str | None:
        """Say why this input is not ready, for `/readyz`."""
        if self.failure is not None:
            return self.failure
        status = self.input.channel.status
        if status is None:
            return None if self.input.channel.begun else "not connected yet"
        return None if status.connected else (status.problem or "not connected")

    def _run(self) -> None:
        try:
            self._collector.run(self.input.channel, self._resume)
        except CollectorError as error:
            self.failure = str(error)
            _log.error("collector_failed", collector=self.input.source, error=str(error))
        except Exception as error:  # noqa: BLE001 - a defect must end the agent loudly
            what = kind_and_place(error)
            self.failure = f"collector {self.input.source} failed: {what}; please report it"
            _log.error(
                "collector_failed",
                collector=self.input.source,
                error=what,
                exception=calls(error),
            )
        if self.failure is not None:
            self.input.channel.put(EndOfInput(self.input.source, self.failure))


def build_inputs(config: Config, store: Store, wake: threading.Event) -> list[CollectorThread]:
    """Build every configured collector, set to go on where the store says."""
    high = config.agent.queue_max_events
    built: list[CollectorThread] = []
    for options in config.collectors:
        system = system_of(config, options)
        alone = alone_of(options)
        pinned = _pinned(store, system.id)
        apart = labels_elsewhere(config, system)
        task = None if pinned is None else pinned.task
        schema = source_schema(system, options, task, apart=apart)
        collector = table.build(options, schema, store.id_key)
        if any(other.input.source == collector.name for other in built):
            raise CollectorError(
                f"two collectors are called {collector.name!r}, so their positions would be mixed"
                " up: give each a `name` of its own under `collectors`"
            )
        channel = Channel(high=high, low=high * 3 // 8, wake=wake)
        source = Input(collector.name, system.id, channel, alone=alone)
        resume = resume_of(store, system.id, collector.name)
        if alone is not None:
            # What was pinned is the schema of the events.
            resume = replace(resume, schema=None)
        built.append(CollectorThread(collector, source, resume))
    return built


def system_of(config: Config, options: BaseModel) -> System:
    """Return the system that a collector feeds: the one it names, or the only one."""
    named = getattr(options, "system", None)
    return next((s for s in config.systems if s.id == named), config.systems[0])


def resume_of(store: Store, system: str, source: str) -> Resume:
    """Return where a source is to go on, from the store's last commit."""
    core_body = store.documents(system, "core").get("")
    schema = _pinned(store, system)
    if core_body is None:
        return Resume(schema=schema, store_id=store.id)
    core = msgspec.json.decode(core_body, type=Core)
    prefix = partition_key(source, "")
    known = {
        name.removeprefix(prefix): partition
        for name, partition in core.partitions.items()
        if name.startswith(prefix)
    }
    return Resume(
        positions={name: partition.next_offset for name, partition in known.items()},
        identities={name: one.identity for name, one in known.items() if one.identity},
        caught_up=frozenset(name for name, partition in known.items() if partition.caught_up),
        schema=schema,
        store_id=store.id,
        replay_from=min(core.next_start.values(), default=core.first),
    )


def _pinned(store: Store, system: str) -> EventSchema | None:
    """Return the schema of a system's events as an earlier run has found it."""
    body = store.documents(system, "schema").get("")
    return None if body is None else msgspec.json.decode(body, type=EventSchema)

"""`pantau run`: start everything in order, supervise it, stop it in reverse under one deadline.

The main thread does nothing but this: exporters start first, then the pipeline, then the
collectors; they stop the other way round, so that each has somebody to drain into.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import TYPE_CHECKING

import structlog
from pydantic import BaseModel

from agent import __version__, outbox
from agent.api import Api
from agent.clock import Clock, SystemClock
from agent.config import told
from agent.config.model import Config, Evidence
from agent.config.packs import packs_of
from agent.config.resolve import event_schema
from agent.config.system import System
from agent.evidence.compare import Origin
from agent.evidence.folder import Folder, evidence_folder
from agent.evidence.from_file import drawn_once
from agent.evidence.keeper import Keeper
from agent.incident_responses import Responses
from agent.incident_watch import IncidentWatch
from agent.incidents import FOLDER
from agent.inputs import CollectorThread, build_inputs
from agent.inventory import inventory_of
from agent.notices import Announced, Boot, change, started, stopped
from agent.opening import known_schema, opener, require_references, unopened
from agent.pipeline import Pipeline
from agent.policy_of import policy_of
from agent.programme import Programme, member_of, place_of
from agent.running import Running
from agent.standing import standing
from agent.store import Store
from exporters import table as exporter_table
from exporters.agent_metrics import AgentMetrics
from exporters.audit.options import AuditOptions
from exporters.base import Exporter, ExportError, Numbered, Standing
from exporters.context import Context, SystemInfo
from exporters.deadline import Deadline
from exporters.delivery import Delivery, stop_all
from exporters.health import Health
from exporters.log import configure
from exporters.programme_metrics import ProgrammeMetrics
from exporters.telemetry.wanted import Wanted, wanted
from policies.effective import Policy
from policies.model import Notice

if TYPE_CHECKING:
    from agent.tracing import PipelineTracing
    from exporters.telemetry.start import Telemetry

_log = structlog.get_logger("agent.run")


LAST_COMMIT = 2.0
"""Seconds beyond the time to stop in which the pipeline may notice that it is over, and commit.

More than `agent.commits.STORE_RETRY`, which it may be waiting for.
"""


class RunError(Exception):
    """The agent ended because something failed; the message says what and what to do."""


@dataclass
class Parts:
    """The running agent, for whoever embeds it (`pantau demo`, tests)."""

    config: Config
    store: Store
    metrics: AgentMetrics
    health: Health
    boot: Boot
    exporters: list[Exporter]
    deliveries: list[Delivery]
    pipeline: Pipeline
    collectors: list[CollectorThread]
    systems: list[Running]
    clock: Clock
    wake: threading.Event
    api: Api | None = None
    telemetry: Telemetry | None = None
    keeper: Keeper | None = None
    thread: threading.Thread | None = None
    stopping: threading.Event = field(default_factory=threading.Event)


def run(config: Config) -> None:
    """Run the agent until its inputs end or a signal asks it to stop.

    SIGTERM or SIGINT drains and stops within `agent.stop_timeout`; a second one ends the process
    at once.  Raises `RunError`, `ExportError`, `StoreError`, `CollectorError`, `TelemetryError` or
    `LoadError` for what a person must mend.
    """
    configure(config.agent.log_level)
    parts = assemble(config)
    restore_handlers = _handle_signals(parts)
    try:
        start(parts)
        while not parts.stopping.is_set() and not finished(parts):
            parts.stopping.wait(0.2)
        reason = "signal" if parts.stopping.is_set() else "end of input"
        stop(parts, reason)
    finally:
        restore_handlers()
        close_store(parts)
        if parts.telemetry is not None:
            # After a stop there is nothing left to do; after a failed start the log is sent.
            parts.telemetry.stop(Deadline(config.agent.stop_timeout))


def assemble(config: Config, clock: Clock | None = None, more: Sequence[Exporter] = ()) -> Parts:
    """Open the store, build exporters and collectors; nothing runs yet.

    `more` are exporters besides the configured ones.
    """
    require_references(config)
    asked = wanted()
    clock = clock or SystemClock()
    store = Store(config.store.path, quarantine_rows=config.store.quarantine_max_records)
    policies = {system.id: policy_of(config, system) for system in config.systems}
    metrics, health = AgentMetrics(__version__, clock=clock.now), Health()
    config_digest = told.digest(config)
    metrics.config(config_digest)
    boot = Boot.new(config_digest, clock)
    telemetry = _telemetry(asked, metrics, boot)
    tracer = None if telemetry is None else telemetry.tracer
    totals = {"events": 0}
    announced: deque[Notice] = deque(maxlen=10_000)
    context = Context(
        agent_version=__version__,
        bootid=boot.id,
        config_digest=config_digest,
        systems=tuple(SystemInfo(s.id, s.owner or "") for s in config.systems),
        base=config.folder,
        clock=clock.now,
        monotonic_ns=lambda: int(clock.monotonic() * 1e9),
        counters=lambda: dict(totals),
        announce=announced.append,
        metrics=metrics,
        health=health,
        tracer=tracer,
    )
    keeper = make_keeper(config, metrics, clock)
    wake = threading.Event()
    exporters = [exporter_table.build(options, context) for options in exporter_options(config)]
    exporters += more
    if telemetry is not None and telemetry.metrics is not None:
        exporters.append(telemetry.metrics)
    deliveries = [
        Delivery(
            exporter,
            capacity=config.agent.outbox_max_items,
            metrics=metrics,
            on_delivered=wake.set,
            tracer=tracer,
            monotonic=clock.monotonic,
        )
        for exporter in exporters
    ]
    systems = [
        Running(
            system=s.id,
            open=opener(config, s, store, clock),
            while_unopened=unopened(config, s),
        )
        for s in config.systems
    ]
    collectors = build_inputs(config, store, wake)
    programme = ProgrammeMetrics(metrics.registry)
    for running in systems:
        running.sources = {c.input.source for c in collectors if c.input.system == running.system}
    pipeline = Pipeline(
        store=store,
        systems=systems,
        inputs=[c.input for c in collectors],
        deliveries=deliveries,
        metrics=metrics,
        clock=clock,
        wake=wake,
        bootid=boot.id,
        totals=totals,
        announced=announced,
        incidents=_incidents(config, policies, store, context, programme),
        programme=_programme(config, policies, store, programme),
        commit_interval=config.store.commit_interval,
        audit_failure=config.store.audit_failure,
        audit_failure_after=config.store.audit_failure_after,
        tracing=_pipeline_tracing(telemetry, follow=asked.follow),
        keeper=keeper,
    )
    for collector in collectors:
        collector.input.channel.traced = asked.traces or asked.metrics
    return Parts(
        config=config,
        store=store,
        metrics=metrics,
        health=health,
        boot=boot,
        exporters=exporters,
        deliveries=deliveries,
        pipeline=pipeline,
        collectors=collectors,
        systems=systems,
        clock=clock,
        wake=wake,
        api=_api(config),
        telemetry=telemetry,
        keeper=keeper,
    )


def _incidents(
    config: Config,
    policies: Mapping[str, Policy],
    store: Store,
    context: Context,
    programme: ProgrammeMetrics,
) -> IncidentWatch:
    """Return what watches the incidents that humans state."""
    clocks = {system: policy.clocks for system, policy in policies.items()}
    places = {system.id: place_of(system) for system in config.systems}
    return IncidentWatch(
        store,
        config.store.path / FOLDER,
        clocks,
        context.metrics or AgentMetrics(__version__),
        context.open_clocks,
        Responses(places, clocks, programme),
    )


def _programme(
    config: Config, policies: Mapping[str, Policy], store: Store, metrics: ProgrammeMetrics
) -> Programme:
    """Return what counts the programme as a whole."""
    members = {}
    for system in config.systems:
        policy = policies[system.id]
        card = inventory_of(system, packs_of(config, system), policy)
        members[system.id] = member_of(system, card, policy)
    return Programme(members, store, metrics)


def _api(config: Config) -> Api | None:
    if config.api is None:
        return None
    audit = next(o for o in exporter_options(config) if isinstance(o, AuditOptions))
    return Api(config.api, config.folder, (config.folder / audit.path).absolute())


def _telemetry(asked: Wanted, metrics: AgentMetrics, boot: Boot) -> Telemetry | None:
    """Start what the environment asks for; where it asks for nothing, nothing is imported."""
    if not asked:
        return None
    from exporters.telemetry.start import start

    return start(asked, metrics, version=__version__, bootid=boot.id)


def _pipeline_tracing(telemetry: Telemetry | None, *, follow: bool) -> PipelineTracing | None:
    if telemetry is None or (telemetry.tracer is None and telemetry.metrics is None):
        return None
    from agent.tracing import PipelineTracing

    messaging = None if telemetry.metrics is None else telemetry.metrics.messaging
    return PipelineTracing(telemetry.tracer, messaging, follow=follow)


def make_keeper(config: Config, metrics: AgentMetrics, clock: Clock) -> Keeper | None:
    """Return what keeps evidence; None where none is kept."""
    if not config.evidence.enabled:
        return None
    references = {system.id: _origin(config.evidence, system) for system in config.systems}
    folder = Folder(evidence_folder(config))
    return Keeper(config.evidence, folder, metrics, references=references, clock=clock.now)


def _origin(options: Evidence, system: System) -> Origin | None:
    reference = system.reference
    if reference is None or reference.data is None:
        return None if reference is None else reference.path
    schema = event_schema(system)
    return drawn_once(reference.data, schema, options.sample, attributes=options.attributes)


def exporter_options(config: Config) -> list[BaseModel]:
    """Return the exporters to run: with `alerts.route: prometheus` the agent sends no alerts."""
    return [
        options
        for options in config.exporters
        if config.alerts.route == "agent" or getattr(options, "type", "") != "alertmanager"
    ]


def start(parts: Parts) -> None:
    """Start exporters, pipeline, collectors; the agent is ready once state is restored."""
    parts.pipeline.announce(configuration_in_force(parts))
    for running in parts.systems:
        schema = known_schema(parts.config, running.system, parts.store)
        if schema is not None:
            parts.pipeline.open(running.system, schema)
    stands = standing(parts.store, [s.system for s in parts.systems])
    _require_health(parts)
    _start_exporters(parts, stands)
    pending = [
        Numbered(number, outbox.decode(kind, body)) for number, kind, body in parts.store.outbox()
    ]
    if parts.api is not None:
        try:
            parts.api.start()
        except ExportError:
            stop_all(parts.deliveries, Deadline(parts.config.agent.stop_timeout))
            raise
    parts.pipeline.resend(pending)
    parts.pipeline.announce(Announced([started(parts.boot, parts.clock, parts.config)]))
    settle_interpreter()
    # Exporters may have taken long to start.
    parts.pipeline.expect()
    parts.thread = threading.Thread(target=parts.pipeline.run, name="pipeline", daemon=True)
    parts.thread.start()
    if parts.keeper is not None:
        parts.keeper.start()
    for collector in parts.collectors:
        collector.start()
    parts.health.started()
    _log.info(
        "agent_started",
        version=__version__,
        systems=[s.system for s in parts.systems],
        collectors=[c.input.source for c in parts.collectors],
        exporters=[e.name for e in parts.exporters],
    )


def settle_interpreter() -> None:
    """Tune the interpreter for threads that work through columns.

    What is loaded by now stays for good, so the garbage collector need not look at it again; and a
    thread in the middle of a batch is not interrupted every 5 ms, which only empties its cache.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.02)


def finished(parts: Parts) -> bool:
    """Tell whether the pipeline has ended by itself, or a collector failed for good."""
    failed = any(c.failure is not None for c in parts.collectors)
    return failed or parts.thread is None or not parts.thread.is_alive()


def stop(parts: Parts, reason: str) -> None:
    """Drain and stop everything within `agent.stop_timeout`; raises `RunError` on a failure.

    So it does when the pipeline is still at work by then: its thread goes on until the process
    ends, and nothing is committed on its behalf.
    """
    deadline = Deadline(parts.config.agent.stop_timeout)
    _log.info("agent_stopping", reason=reason)
    for collector in parts.collectors:
        collector.stop()
    for collector in parts.collectors:
        collector.join(deadline)
    if parts.keeper is not None:
        parts.keeper.stop(deadline)
    parts.pipeline.stop(deadline)
    if parts.thread is not None:
        parts.thread.join(deadline.remaining() + LAST_COMMIT)
    failure = next((c.failure for c in parts.collectors if c.failure), parts.pipeline.failure)
    if _is_at_work(parts):
        _log.error("pipeline_stop_timed_out")
        failure = failure or (
            "the pipeline was still at work after agent.stop_timeout"
            f" ({parts.config.agent.stop_timeout:g} s): nothing is lost, the next start goes on"
            " from the last commit; set it higher if this repeats"
        )
    else:
        last = stopped(parts.boot, parts.clock, failure or reason, clean=failure is None)
        parts.pipeline.close(deadline, Announced([last]))
    complete = stop_all(parts.deliveries, deadline)
    if parts.api is not None:
        parts.api.stop(deadline.remaining())
    failure = failure or parts.pipeline.failure
    _log.info("agent_stopped", complete=complete, failure=failure)
    if parts.telemetry is not None:
        parts.telemetry.stop(deadline)
    if failure is not None:
        raise RunError(failure)


def close_store(parts: Parts) -> None:
    """Close the store, unless the pipeline is still at work on it: then the process's end does."""
    if not _is_at_work(parts):
        parts.store.close()


def _is_at_work(parts: Parts) -> bool:
    return parts.thread is not None and parts.thread.is_alive()


def configuration_in_force(parts: Parts) -> Announced:
    """Return the record of the configuration that this start runs by."""
    at = int(parts.clock.now())
    return change(
        parts.store,
        "config.change",
        None,
        parts.boot.config_digest,
        at,
        told.text(parts.config),
        words=told.words(parts.config),
    )


def _start_exporters(parts: Parts, stands: Standing) -> None:
    """Start them in order; if one cannot start, stop those before it, as at any other stop."""
    for place, delivery in enumerate(parts.deliveries):
        try:
            delivery.start(stands)
        except ExportError:
            stop_all(parts.deliveries[:place], Deadline(parts.config.agent.stop_timeout))
            raise


def _require_health(parts: Parts) -> None:
    parts.health.require("store", lambda: parts.pipeline.problem)
    parts.health.require("input", lambda: parts.pipeline.input_problem)
    for delivery in parts.deliveries:
        if delivery.required:
            parts.health.require(f"exporter {delivery.name}", _failing(delivery))
    for collector in parts.collectors:
        parts.health.require(f"collector {collector.input.source}", collector.not_ready)


def _failing(delivery: Delivery) -> Callable[[], str | None]:
    return lambda: delivery.last_error if delivery.failing_since is not None else None


def _handle_signals(parts: Parts) -> Callable[[], None]:
    """Let the first signal ask for a stop and the second one end the process."""

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if parts.stopping.is_set():
            os._exit(128 + number)
        parts.stopping.set()

    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = {s: signal.signal(s, on_signal) for s in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore

"""The agent's traces: from a batch's poll to the windows that it closes and their commit.

One trace per batch.  Its spans are made after the fact, from times that the collector noted, so
that reading knows nothing of tracing.  Exporting goes on in the same trace
(`exporters/traced.py`), down to the audit record.  Imported only when telemetry is wanted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from agent.system import Outcome
from collectors.batch import EventBatch
from collectors.journey import Journey
from exporters.telemetry import names
from exporters.telemetry.measures import MessagingMetrics
from exporters.tracing import Attributes, Span, Tracer, TraceRef, in_log_lines
from policies.model import Report

MAX_LINKS = 128
"""Traces of producers that the span of one batch names; the SDK's own limit."""

_MAX_NAME = 160


class PipelineTracing:
    """What the pipeline tells of its work; used by its thread alone."""

    def __init__(
        self,
        tracer: Tracer | None,
        messaging: MessagingMetrics | None,
        *,
        follow: bool = True,
    ) -> None:
        self._tracer, self._messaging, self._follow = tracer, messaging, follow
        self._current: Span | None = None

    @contextmanager
    def batch(self, system: str, batch: EventBatch) -> Iterator[None]:
        """Follow one batch through the pipeline."""
        began = time.time_ns()
        journey = batch.journey or Journey((began, began))
        if self._tracer is None:
            yield
        else:
            root = self._root(self._tracer, system, batch, journey)
            if batch.journey is not None:
                self._before(self._tracer, root, batch, journey)
            work = self._tracer.start(names.ABSORB, parent=root.ref, at=began)
            self._current = work
            try:
                with in_log_lines(work.ref):
                    yield
            except BaseException as error:
                work.end(error=type(error).__name__)
                root.end(error=type(error).__name__)
                raise
            finally:
                self._current = None
            now = time.time_ns()
            work.end(now)
            root.end(now)
        self._measure(batch, journey, began)

    def closed(self, system: str, outcome: Outcome) -> list[TraceRef | None]:
        """Tell of the windows that a step closed; return for each of its items where it is traced.

        Alerts and notices belong to the step, reports to their own window.
        """
        tracer = self._tracer
        if tracer is None or not outcome.items:
            return [None] * len(outcome.items)
        step, own = self._current, None
        if step is None:
            first = outcome.closings[0][0] if outcome.closings else None
            step = own = tracer.start(
                names.CLOSE_WINDOWS, at=first, attributes={names.SYSTEM: system}
            )
        refs = self._windows(tracer, step.ref, outcome)
        if own is not None:
            own.end()
        return refs

    def committed(self, refs: Sequence[TraceRef], began: int) -> None:
        """Tell that what is traced there became durable in the transaction begun at `began`."""
        if self._tracer is not None:
            now = time.time_ns()
            first = {ref.trace_id: ref for ref in reversed(refs)}
            for ref in first.values():
                self._tracer.start(names.COMMIT, parent=ref, at=began).end(now)

    def _root(self, tracer: Tracer, system: str, batch: EventBatch, journey: Journey) -> Span:
        remote = self._remote(tracer, journey.contexts)
        attributes: dict[str, str | int] = {
            names.SYSTEM: system,
            names.SOURCE: batch.source,
            names.EVENTS: batch.n,
            names.REJECTED: len(batch.rejected),
        }
        if journey.system:
            attributes |= messaging(journey, batch.partition) | {
                names.MESSAGING_BATCH: batch.n + len(batch.rejected),
                names.MESSAGING_OPERATION: names.PROCESS,
                names.MESSAGING_OPERATION_TYPE: names.PROCESS_TYPE,
            }
        if journey.contexts:
            attributes[names.CONTEXTS] = len(journey.contexts)
        return tracer.start(
            f"{names.PROCESS} {journey.destination or batch.source}",
            kind="consumer" if journey.system else "internal",
            at=journey.polled[0],
            # Records of one trace: the batch is part of it.  Of several: it names them.
            parent=remote[0] if len(journey.contexts) == 1 and remote else None,
            links=remote,
            attributes=attributes,
        )

    def _remote(self, tracer: Tracer, contexts: Sequence[str]) -> list[TraceRef]:
        if not self._follow:
            return []
        found = (tracer.remote(text) for text in contexts[:MAX_LINKS])
        return [ref for ref in found if ref is not None]

    def _before(self, tracer: Tracer, root: Span, batch: EventBatch, journey: Journey) -> None:
        attributes: dict[str, str] = {}
        if journey.system:
            attributes = messaging(journey, batch.partition) | {
                names.MESSAGING_OPERATION: names.POLL,
                names.MESSAGING_OPERATION_TYPE: names.RECEIVE,
            }
        tracer.start(
            f"{names.POLL} {journey.destination or batch.source}",
            kind="client" if journey.system else "internal",
            at=journey.polled[0],
            parent=root.ref,
            attributes=attributes,
        ).end(journey.polled[1])
        if journey.decoded is not None:
            decode = tracer.start(names.DECODE, at=journey.decoded[0], parent=root.ref)
            decode.end(journey.decoded[1])

    def _windows(self, tracer: Tracer, parent: TraceRef, outcome: Outcome) -> list[TraceRef | None]:
        closings = iter(outcome.closings)
        refs: list[TraceRef | None] = []
        for item in outcome.items:
            if not isinstance(item, Report):
                refs.append(parent)
                continue
            began, ended = next(closings)
            span = tracer.start(
                names.CLOSE_WINDOW, at=began, parent=parent, attributes=window(item)
            )
            span.end(ended)
            refs.append(span.ref)
        return refs

    def _measure(self, batch: EventBatch, journey: Journey, began: int) -> None:
        if self._messaging is None or not journey.system:
            return
        attributes = messaging(journey, batch.partition)
        polled = attributes | {
            names.MESSAGING_OPERATION: names.POLL,
            names.MESSAGING_OPERATION_TYPE: names.RECEIVE,
        }
        processed = attributes | {names.MESSAGING_OPERATION: names.PROCESS}
        seconds = (journey.polled[1] - journey.polled[0]) / 1e9
        self._messaging.consumed(batch.n + len(batch.rejected), seconds, polled)
        self._messaging.processed((time.time_ns() - began) / 1e9, processed)


def messaging(journey: Journey, partition: str) -> dict[str, str]:
    """Return the conventions' attributes of where a batch came from."""
    return {
        names.MESSAGING_SYSTEM: journey.system,
        names.MESSAGING_DESTINATION: journey.destination,
        names.MESSAGING_GROUP: journey.group,
        names.MESSAGING_PARTITION: partition,
    }


def window(report: Report) -> Attributes:
    """Return the attributes of a closed window: which, and how many rules it breaches."""
    return {
        names.SYSTEM: report.system,
        names.MODEL_VERSION: report.model_version[:_MAX_NAME],
        names.WINDOW_LENGTH: report.window.length,
        names.WINDOW_START: report.window.start,
        names.WINDOW_END: report.window.end,
        names.REVISION: report.revision,
        names.EVENTS: report.coverage.events,
        names.BREACHES: sum(verdict.state == "breach" for verdict in report.verdicts),
    }

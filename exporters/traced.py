"""Deliveries and audit records as spans of the traces that their items came of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from exporters.base import Numbered
from exporters.tracing import Span, Tracer, TraceRef


@contextmanager
def delivering(
    tracer: Tracer | None, exporter: str, items: Sequence[Numbered]
) -> Iterator[Sequence[Numbered]]:
    """Make one span per trace of `items` while they are delivered.

    Yields the items, each now traced to that span.
    """
    if tracer is None or not any(item.trace for item in items):
        yield items
        return
    from exporters.telemetry import names

    spans: dict[str, Span] = {}
    counts: dict[str, int] = {}
    moved = []
    for item in items:
        if item.trace is not None:
            trace = item.trace.trace_id
            if trace not in spans:
                spans[trace] = tracer.start(
                    f"{names.EXPORT} {exporter}",
                    parent=item.trace,
                    attributes={names.EXPORTER: exporter},
                )
            counts[trace] = counts.get(trace, 0) + 1
            moved.append(item._replace(trace=spans[trace].ref))
        else:
            moved.append(item)
    error = None
    try:
        yield moved
    except BaseException as failure:
        error = type(failure).__name__
        raise
    finally:
        now = time.time_ns()
        for trace, span in spans.items():
            span.end(now, error=error, attributes={names.ITEMS: counts[trace]})


def recorded(
    tracer: Tracer | None, records: Sequence[tuple[TraceRef | None, str, str | None]], began: int
) -> None:
    """Tell that audit records are durable, written in one append that began at `began`.

    Each is where it is traced, its name, and its id if it has one.
    """
    if tracer is None:
        return
    from exporters.telemetry import names

    now = time.time_ns()
    for trace, name, record_id in records:
        if trace is not None:
            attributes = {names.RECORD_TYPE: name}
            if record_id is not None:
                attributes[names.RECORD_ID] = record_id
            span = tracer.start(names.AUDIT_RECORD, parent=trace, at=began, attributes=attributes)
            span.end(now)

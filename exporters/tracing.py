"""Spans as the agent's own code sees them.

Nothing of OpenTelemetry is imported here: what implements `Tracer` is loaded only when the
environment asks for traces (`exporters/telemetry/wanted.py`); otherwise there is no tracer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from structlog.contextvars import bound_contextvars

Value = str | int | float | bool
Attributes = Mapping[str, Value]
NONE: Attributes = MappingProxyType({})
Kind = Literal["internal", "client", "consumer", "producer"]


class TraceRef(NamedTuple):
    """Where a span is: its trace and itself, as the hexadecimal digits of W3C Trace Context."""

    trace_id: str
    span_id: str
    sampled: bool = True


class Span(Protocol):
    """A span that has begun.  All times are nanoseconds since the Unix epoch; None is now."""

    @property
    def ref(self) -> TraceRef:
        """Where it is, for children and log lines."""
        ...

    def end(
        self, at: int | None = None, *, error: str | None = None, attributes: Attributes = NONE
    ) -> None:
        """Finish it; `error` is the kind of failure, never its text."""
        ...


class Tracer(Protocol):
    """Makes spans.  Every method returns at once, never raises and may be called on any thread."""

    def start(
        self,
        name: str,
        *,
        kind: Kind = "internal",
        at: int | None = None,
        parent: TraceRef | None = None,
        links: Sequence[TraceRef] = (),
        attributes: Attributes = NONE,
    ) -> Span:
        """Begin a span; without `parent` it begins a trace."""
        ...

    def remote(self, traceparent: str) -> TraceRef | None:
        """Return the span that a `traceparent` header names, or None if it is not one."""
        ...


@contextmanager
def in_log_lines(ref: TraceRef | None) -> Iterator[None]:
    """Put `trace_id` and `span_id` into this thread's log lines meanwhile."""
    if ref is None:
        yield
        return
    with bound_contextvars(trace_id=ref.trace_id, span_id=ref.span_id):
        yield

"""The application log by OTLP: each line as a log record, with its trace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import (
    BatchLogRecordProcessor,
    LogRecordExporter,
    LogRecordExportResult,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from exporters.log import clean_text
from exporters.telemetry import names
from exporters.telemetry.gate import Gate

_MAX_TEXT = 4_000
_SEVERITY = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}
_OF_THE_LINE = ("event", "time", "level", "logger", "trace_id", "span_id", "exception")
_OWN = ("opentelemetry", "urllib3", "requests")
"""Who speaks while a record is being sent: sent too, each would make the next."""


class OtlpHandler(logging.Handler):
    """Hands log lines on; `emit` returns at once and never raises."""

    def __init__(
        self,
        resource: Resource,
        gate: Gate,
        version: str,
        exporter: LogRecordExporter | None = None,
    ) -> None:
        super().__init__()
        processor = BatchLogRecordProcessor(
            _Counted(exporter or OTLPLogExporter(), gate),
            max_queue_size=gate.capacity,
            max_export_batch_size=gate.batch,
        )
        self._provider = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_log_record_processor(_Gated(processor, gate))
        self._logger = self._provider.get_logger(names.SCOPE, version)
        self.addFilter(lambda record: record.name.partition(".")[0] not in _OWN)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line."""
        try:
            self._logger.emit(as_otlp(record))
        except Exception:  # noqa: BLE001 - as every logging handler does
            self.handleError(record)

    def stop(self) -> None:
        """Send what waits and end; blocks as long as the endpoint does."""
        self._provider.shutdown()


def as_otlp(record: logging.LogRecord) -> LogRecord:
    """Return a line as a log record: its event as event name and body, its keys as attributes.

    Lines of structlog were redacted on their way here; texts of other loggers are redacted now.
    """
    line: Mapping[str, Any]
    if isinstance(record.msg, dict):
        line = record.msg
    else:
        line = {"event": clean_text(record.getMessage()), "logger": record.name}
    event = str(line.get("event", ""))[:_MAX_TEXT]
    attributes = {
        f"{names.LOG}{key}": _value(value)
        for key, value in line.items()
        if key not in _OF_THE_LINE and not key.startswith("_") and value is not None
    }
    attributes[f"{names.LOG}logger"] = str(line.get("logger", record.name))
    if line.get("exception"):
        attributes[names.EXCEPTION_STACKTRACE] = clean_text(str(line["exception"]))[:_MAX_TEXT]
    return LogRecord(
        timestamp=int(record.created * 1e9),
        context=_context(line),
        severity_number=_SEVERITY.get(record.levelno, SeverityNumber.UNSPECIFIED),
        severity_text=record.levelname,
        body=event,
        attributes=attributes,
        event_name=f"pantau.{event}" if event.isidentifier() else None,
    )


def _value(value: Any) -> Any:
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [str(item)[:_MAX_TEXT] for item in value]
    return str(value)[:_MAX_TEXT]


def _context(line: Mapping[str, Any]) -> Context:
    """Return the context that the line's own ids name."""
    trace_id, span_id = line.get("trace_id"), line.get("span_id")
    if not isinstance(trace_id, str) or not isinstance(span_id, str):
        return _NONE
    context = SpanContext(
        int(trace_id, 16),
        int(span_id, 16),
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )
    return set_span_in_context(NonRecordingSpan(context), Context())


_NONE = Context({"pantau": None})
"""No span.  Not empty: an empty one would stand for the thread's present context."""


class _Gated(LogRecordProcessor):
    """Lets no more records to the queue than it holds, so that it never drops one uncounted."""

    def __init__(self, inner: LogRecordProcessor, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if self._gate.admit():
            self._inner.on_emit(log_record)

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


class _Counted(LogRecordExporter):
    def __init__(self, inner: LogRecordExporter, gate: Gate) -> None:
        self._inner, self._gate = inner, gate

    def export(self, batch: Sequence[Any]) -> LogRecordExportResult:
        self._gate.take(len(batch))
        result = LogRecordExportResult.FAILURE
        try:
            result = self._inner.export(batch)
        finally:
            success = result is LogRecordExportResult.SUCCESS
            (self._gate.delivered if success else self._gate.failed)(len(batch))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)

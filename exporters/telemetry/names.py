"""Every name that leaves by OTLP: those of the semantic conventions, and those that are ours.

The conventions' names are the constants of the package `opentelemetry-semantic-conventions`, as
installed: a new version of it is a change here and nowhere else.  Messaging is not yet stable
there, hence `_incubating`.
"""

from __future__ import annotations

from opentelemetry.semconv._incubating.attributes import messaging_attributes, process_attributes
from opentelemetry.semconv._incubating.attributes.service_attributes import SERVICE_INSTANCE_ID
from opentelemetry.semconv.attributes.error_attributes import ERROR_TYPE
from opentelemetry.semconv.attributes.exception_attributes import EXCEPTION_STACKTRACE
from opentelemetry.semconv.attributes.service_attributes import SERVICE_NAME, SERVICE_VERSION

__all__ = [
    "ERROR_TYPE",
    "EXCEPTION_STACKTRACE",
    "PROCESS_PID",
    "SERVICE_INSTANCE_ID",
    "SERVICE_NAME",
    "SERVICE_VERSION",
]

SCOPE = "pantau"
METRICS_SCOPE = "pantau.metrics"
"""Of what `/metrics` tells.  Data of two equal scopes in one message would replace each other."""

# --- of the semantic conventions -------------------------------------------------------------

PROCESS_PID = process_attributes.PROCESS_PID

MESSAGING_SYSTEM = messaging_attributes.MESSAGING_SYSTEM
MESSAGING_DESTINATION = messaging_attributes.MESSAGING_DESTINATION_NAME
MESSAGING_PARTITION = messaging_attributes.MESSAGING_DESTINATION_PARTITION_ID
MESSAGING_GROUP = messaging_attributes.MESSAGING_CONSUMER_GROUP_NAME
MESSAGING_BATCH = messaging_attributes.MESSAGING_BATCH_MESSAGE_COUNT
MESSAGING_OPERATION = messaging_attributes.MESSAGING_OPERATION_NAME
MESSAGING_OPERATION_TYPE = messaging_attributes.MESSAGING_OPERATION_TYPE
RECEIVE = messaging_attributes.MessagingOperationTypeValues.RECEIVE.value
PROCESS_TYPE = messaging_attributes.MessagingOperationTypeValues.PROCESS.value

# --- ours: spans.  Those of a batch are named as the conventions say, "<operation> <where>" ----

POLL = "poll"
PROCESS = "process"
DECODE = "decode"
ABSORB = "absorb"
CLOSE_WINDOWS = "close windows"
CLOSE_WINDOW = "close window"
COMMIT = "commit"
EXPORT = "export"
AUDIT_RECORD = "write audit record"

# --- ours: attributes of spans -----------------------------------------------------------------

SOURCE = "pantau.source"
SYSTEM = "pantau.system"
MODEL_VERSION = "pantau.model_version"
EVENTS = "pantau.events"
REJECTED = "pantau.events.rejected"
CONTEXTS = "pantau.trace_contexts"
WINDOW_LENGTH = "pantau.window.length"
WINDOW_START = "pantau.window.start"
WINDOW_END = "pantau.window.end"
REVISION = "pantau.window.revision"
BREACHES = "pantau.verdicts.breach"
EXPORTER = "pantau.exporter"
ITEMS = "pantau.items"
RECORD_TYPE = "pantau.audit.record.type"
RECORD_ID = "pantau.audit.record.id"

LOG = "pantau.log."
"""Before each key of a log line; the line's `event` is the record's event name."""

# Metrics about the agent and its systems keep the names of `/metrics` (docs/operations.md).

"""How a batch was read: what a trace of it needs, noted only where somebody traces."""

from __future__ import annotations

from dataclasses import dataclass

MAX_CONTEXTS = 1_000
"""Trace contexts of producers that a batch carries; further ones are left out."""


@dataclass(frozen=True, slots=True)
class Journey:
    """Begin and end of a batch's poll and decoding, in nanoseconds since the Unix epoch.

    `system`, `destination` and `group` say what was polled, in the words of OpenTelemetry's
    messaging conventions (`kafka`, the topic, the consumer group); empty for what is no
    messaging system.  `contexts` are the different `traceparent` headers (W3C Trace Context) of
    its records, in order of appearance, as they came: they may be anything.
    """

    polled: tuple[int, int]
    decoded: tuple[int, int] | None = None
    system: str = ""
    destination: str = ""
    group: str = ""
    contexts: tuple[str, ...] = ()

"""A collector that reads events from a list in memory: what is measured is the agent, not a disk.

It stands in the collectors' table for the time of the benchmark, like any other collector.
"""

from __future__ import annotations

import time
from typing import Literal

from pydantic import BaseModel, ConfigDict

from collectors import table
from collectors.base import Channel, EndOfInput, Resume, SchemaResolved, SourceStatus
from collectors.decoders import table as decoders
from collectors.schema import EventSchema

BATCH = 4_096

EVENTS: list[bytes] = []
"""What there is to read; set before the agent starts."""

STARTED: list[float] = []
"""Wall and processor time at which the first event was taken."""


class MemoryOptions(BaseModel):
    """The source has nothing to configure."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    type: Literal["memory"] = "memory"
    system: str | None = None


class MemorySource:
    """Decodes `EVENTS` batch by batch into the channel, as fast as there is room."""

    name = "memory"

    def __init__(self, schema: EventSchema, id_key: bytes) -> None:
        self._schema, self._id_key = schema, id_key
        self._stopped = False

    def check(self) -> str:
        """Say how much there is to read."""
        return f"{len(EVENTS)} events in memory"

    def run(self, channel: Channel, resume: Resume) -> None:
        """Read to the end, from the start: a benchmark does not resume."""
        del resume
        decoder = decoders.load("json")(self._schema, self._id_key)
        channel.put(SchemaResolved(self.name, self._schema))
        channel.put(SourceStatus(self.name, frozenset({"0"}), 1, frozenset()))
        STARTED[:] = [time.perf_counter(), time.process_time()]
        for first in range(0, len(EVENTS), BATCH):
            while not channel.wait_for_room(1.0) and not self._stopped:
                pass
            if self._stopped:
                break
            records = EVENTS[first : first + BATCH]
            offsets = range(first, first + len(records))
            channel.put(decoder.decode(self.name, "0", records, offsets, offsets.stop))
        channel.put(EndOfInput(self.name))

    def stop(self) -> None:
        """Stop after the batch in hand."""
        self._stopped = True


def register() -> None:
    """Give the source its line in the collectors' table."""
    table.COLLECTORS["memory"] = table.Entry(f"{__name__}:MemoryOptions", f"{__name__}:build")


def build(options: MemoryOptions, schema: EventSchema, id_key: bytes) -> MemorySource:
    """Return the collector; the factory that the table names."""
    del options
    return MemorySource(schema, id_key)

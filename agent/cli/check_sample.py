"""A look at the stream itself: which fields it has, and how many events come."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from pydantic import BaseModel

from agent.beside import beside
from agent.cli.check_connections import ID_KEY, Connection
from agent.config.model import Config
from agent.config.resolve import alone_of, event_schema, labels_elsewhere
from agent.config.system import System
from agent.inputs import system_of
from agent.outcomes import present
from collectors import table
from collectors.base import Channel, Collector, CollectorError, EndOfInput, Resume, SchemaResolved
from collectors.batch import Categorical, EventBatch
from collectors.decoders.columns import DECISION
from collectors.schema import EventSchema

MOST_EVENTS = 20_000
PATIENCE = 10.0
"""Seconds to wait for the next batch before a sample is taken as it is."""


@dataclass(slots=True)
class Sample:
    """What a system's stream looked like.

    `schema` is None if nothing could be read, `problem` says why.  `seconds` is the event time
    between the first and the last of the `events`.  `groups`: audit attribute -> group -> events.
    `rejected`: reason -> records.  `decided`: human decisions, `decided_apart` those of them that
    came in records without a prediction.  `predictions`: the classes seen, None for numbers.
    """

    schema: EventSchema | None = None
    notes: tuple[str, ...] = ()
    events: int = 0
    labelled: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    decided: int = 0
    decided_apart: int = 0
    predictions: set[str] | None = None
    first: int | None = None
    last: int | None = None
    groups: dict[str, Counter[str]] = field(default_factory=dict)
    problem: str | None = None

    @property
    def seconds(self) -> float:
        """Event time that the sample spans, in seconds."""
        return 0.0 if self.first is None or self.last is None else (self.last - self.first) / 1e6

    def add(self, batch: EventBatch) -> None:
        """Count a batch in."""
        self.events += batch.n
        self.rejected.update(record.reason for record in batch.rejected)
        if batch.n:
            first, last = int(batch.event_time.min()), int(batch.event_time.max())
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)
        if isinstance(batch.prediction, Categorical):
            values, codes = batch.prediction.values, batch.prediction.codes
            self.predictions = self.predictions or set()
            self.predictions.update(values[code] for code in np.unique(codes[codes >= 0]))
        if isinstance(batch.label, Categorical):
            self.labelled += int((batch.label.codes >= 0).sum())
        elif batch.label is not None:
            self.labelled += int((~np.isnan(batch.label)).sum())
        decision = batch.extra.get(DECISION)
        if decision is not None:
            decided = present(decision)
            self.decided += int(decided.sum())
            self.decided_apart += int((decided & beside(batch)).sum())
        for attribute, column in batch.audit.items():
            counts = np.bincount(column.codes[column.codes >= 0], minlength=len(column.values))
            known = self.groups.setdefault(attribute, Counter())
            known.update({g: int(n) for g, n in zip(column.values, counts, strict=True) if n})


def sample_system(config: Config, system: System, connections: Sequence[Connection]) -> Sample:
    """Read the beginning of the system's first source that answers."""
    schema = event_schema(system, apart=labels_elsewhere(config, system))
    answered = [c.ok for c in connections if c.kind == "collector"]
    sources = [
        options
        for options, ok in zip(config.collectors, answered, strict=True)
        if ok and system_of(config, options) is system and alone_of(options) is None
    ]
    if not sources:
        problem = "no collector" if not config.collectors else "no source answered"
        return Sample(schema=schema if schema.is_resolved() else None, problem=problem)
    collector = table.build(_apart(sources[0]), schema, ID_KEY)
    return _read(collector)


def _apart(options: BaseModel) -> BaseModel:
    """Return the options with a consumer group of their own: a check must not move an agent's."""
    changes = {"group": f"pantau-check-{uuid.uuid4().hex[:8]}", "group_instance_id": None}
    known = type(options).model_fields
    return options.model_copy(update={k: v for k, v in changes.items() if k in known})


def _read(collector: Collector) -> Sample:
    sample = Sample()
    channel = Channel(high=MOST_EVENTS, low=1)
    thread = threading.Thread(target=_run, args=(collector, channel), daemon=True)
    thread.start()
    deadline = time.monotonic() + PATIENCE
    while sample.events < MOST_EVENTS and time.monotonic() < deadline:
        item = channel.get(0.2)
        if isinstance(item, SchemaResolved):
            sample.schema, sample.notes = item.schema, item.notes
        elif isinstance(item, EventBatch):
            sample.add(item)
            # Enough is known already; waiting on for a slow stream would not tell much more.
            deadline = min(deadline, time.monotonic() + PATIENCE / 5)
        elif isinstance(item, EndOfInput):
            sample.problem = item.error
            break
    collector.stop()
    thread.join(PATIENCE)
    if sample.schema is None and sample.problem is None:
        sample.problem = f"nothing arrived within {PATIENCE:g} s"
    return sample


def _run(collector: Collector, channel: Channel) -> None:
    try:
        collector.run(channel, Resume())
    except CollectorError as error:
        channel.put(EndOfInput(collector.name, str(error)))

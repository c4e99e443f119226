"""Every collector there is: to add one, write its file and add its line here.

A collector has a pydantic model of its options, with a field `type`, and a factory
`build(options, schema, id_key) -> Collector`.  Both are named as "module:attribute", so that what
is not configured is not imported.  Packages outside this project register the same two names as an
entry point: group `pantau.collectors`, name = the collector's type, value = "module:attribute" of
an `Entry`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple, cast

from pydantic import BaseModel

from collectors.base import Collector
from collectors.schema import EventSchema


class Entry(NamedTuple):
    """Where a collector's options model and factory are, each as "module:attribute"."""

    options: str
    factory: str


COLLECTORS: dict[str, Entry] = {
    "file": Entry("collectors.file_options:FileOptions", "collectors.file:build"),
    "kafka": Entry("collectors.kafka_options:KafkaOptions", "collectors.kafka:build"),
}

GROUP = "pantau.collectors"


def names() -> list[str]:
    """Return the types that a configuration may name, sorted."""
    return sorted({*COLLECTORS, *(point.name for point in entry_points(group=GROUP))})


def options_model(name: str) -> type[BaseModel]:
    """Return the options model of collector type `name`; KeyError names the types there are."""
    return cast(type[BaseModel], _load(_entry(name).options))


def build(options: BaseModel, schema: EventSchema, id_key: bytes) -> Collector:
    """Return the collector for `options`, whose `type` field names it.

    `schema` may leave things open; `id_key` (1 to 64 bytes) keys the hash of event ids.
    """
    name = cast(str, options.type)  # type: ignore[attr-defined]
    factory = cast(
        Callable[[BaseModel, EventSchema, bytes], Collector], _load(_entry(name).factory)
    )
    return factory(options, schema, id_key)


def _entry(name: str) -> Entry:
    if name in COLLECTORS:
        return COLLECTORS[name]
    for point in entry_points(group=GROUP, name=name):
        return cast(Entry, point.load())
    raise KeyError(f"there is no collector {name!r}; there are: {', '.join(names())}")


def _load(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)

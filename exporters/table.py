"""Every exporter there is: to add one, write its file and add its line here.

An exporter's module has a pydantic options model and a factory
`build(options, context) -> Exporter`.  Both are named as "module:attribute", so that what is not
configured is not imported.  Packages outside this project register the same two names as entry
points: group `pantau.exporters`, name = the exporter's type, value = "module:attribute" of an
`Entry`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple, cast

from pydantic import BaseModel

from exporters.base import Exporter
from exporters.context import Context


class Entry(NamedTuple):
    """Where an exporter's options model and factory are, each as "module:attribute"."""

    options: str
    factory: str


EXPORTERS: dict[str, Entry] = {
    "prometheus": Entry("exporters.prometheus:PrometheusOptions", "exporters.prometheus:build"),
    "audit": Entry("exporters.audit.options:AuditOptions", "exporters.audit.exporter:build"),
    "alertmanager": Entry(
        "exporters.alertmanager:AlertmanagerOptions", "exporters.alertmanager:build"
    ),
}

GROUP = "pantau.exporters"


def names() -> list[str]:
    """Return the types that a configuration may name, sorted."""
    return sorted({*EXPORTERS, *(point.name for point in entry_points(group=GROUP))})


def options_model(name: str) -> type[BaseModel]:
    """Return the options model of exporter type `name`; KeyError names the types there are."""
    return cast(type[BaseModel], _load(_entry(name).options))


def build(options: BaseModel, context: Context) -> Exporter:
    """Return the exporter for `options`, whose `type` field names it."""
    name = cast(str, options.type)  # type: ignore[attr-defined]
    factory = cast(Callable[[BaseModel, Context], Exporter], _load(_entry(name).factory))
    return factory(options, context)


def _entry(name: str) -> Entry:
    if name in EXPORTERS:
        return EXPORTERS[name]
    for point in entry_points(group=GROUP, name=name):
        return cast(Entry, point.load())
    raise KeyError(f"there is no exporter {name!r}; there are: {', '.join(names())}")


def _load(path: str) -> Any:
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)

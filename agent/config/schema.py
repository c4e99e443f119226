"""The JSON Schema of the configuration file, published as `docs/pantau.schema.json`."""

from __future__ import annotations

from typing import Any

from agent.config.components import Family, names, options_model
from agent.config.model import Config
from agent.config.values import format_duration

ADDRESS = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema of the whole file, with the options of every collector and exporter.

    Editors complete and check with it; `pantau check` knows more (references between keys, files).
    """
    schema = Config.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema["$defs"]
    for family in ("collectors", "exporters"):
        items = schema["properties"][family]
        known = [_define(definitions, family, name) for name in _built_in(family)]
        items["items"] = {"oneOf": known}
    for definition in definitions.values():
        _spell_durations(definition)
    return {"$schema": ADDRESS, **schema, "title": "Pantau configuration"}


def _built_in(family: Family) -> list[str]:
    """Return the types of this project; those of other packages are not part of what we publish."""
    own = {"collectors": "collectors.", "exporters": "exporters."}[family]
    return [
        name for name in names(family) if options_model(family, name).__module__.startswith(own)
    ]


def _spell_durations(definition: dict[str, Any]) -> None:
    """Write the defaults of durations as a user would: `10m` for 600."""
    for field in definition.get("properties", {}).values():
        seconds = field.get("default")
        if is_duration(field) and isinstance(seconds, int):
            field["default"] = format_duration(seconds)


def is_duration(field: dict[str, Any]) -> bool:
    """Tell whether a property of the schema is a duration."""
    return str(field.get("pattern", "")).endswith(("[smh]$", "[smhd]$"))


def _define(definitions: dict[str, Any], family: Family, type_name: str) -> dict[str, str]:
    """Add the options of one type to the definitions and return a reference to them."""
    model = options_model(family, type_name)
    schema = model.model_json_schema(ref_template="#/$defs/{model}")
    definitions.update(schema.pop("$defs", {}))
    schema["required"] = sorted({"type", *schema.get("required", [])})
    definitions[model.__name__] = schema
    return {"$ref": f"#/$defs/{model.__name__}"}

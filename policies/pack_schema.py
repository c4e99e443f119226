"""The JSON Schema of pack files, published as `docs/pantau-pack.schema.json`."""

from __future__ import annotations

from typing import Any

from policies.pack import Pack

ADDRESS = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Return the schema; the loader knows more (references between keys, other packs)."""
    schema = Pack.model_json_schema(ref_template="#/$defs/{model}")
    return {"$schema": ADDRESS, **schema, "title": "Pantau policy pack"}

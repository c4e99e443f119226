"""The reference of every configuration key, published as `docs/configuration.md`."""

from __future__ import annotations

import json
from typing import Any

from agent.config.schema import is_duration, json_schema

_HEAD = """# Configuration

One YAML file holds everything; `pantau check -c pantau.yaml` validates it, prints what would run
and tests the connections. Unknown keys are errors. Only `systems` with an `id` is required, and one
collector (or `--input`); what is left out takes its default or is inferred and printed.

- Relative paths start from the file's folder.
- Durations are written `90s`, `10m`, `1h` or `30d`.
- An environment variable overrides a key: `PANTAU_SYSTEMS__0__OWNER=team@bank.example` sets
  `owner` of the first system (two underscores between keys, the index of a list entry as a number,
  the value as YAML). The command line wins over the environment, the environment over the file.
- Keep secrets out of the file: keys that end in `_file` name a file that holds the secret.
- Plain values are read as in YAML 1.2 (`NO` is a text). Anchors, aliases and tags are refused.
- Editors complete and check the file with [pantau.schema.json](pantau.schema.json); for the YAML
  language server put `# yaml-language-server: $schema=pantau.schema.json` on its first line.

This page is generated from the program; `python docs/write_configuration.py` writes it anew.
"""


def reference_page() -> str:
    """Return the page as Markdown: one table per section, every key with default and meaning."""
    schema = json_schema()
    parts = [_HEAD]
    _section(parts, schema, schema, "", "The file")
    return "\n".join(parts)


def _section(
    parts: list[str], root: dict[str, Any], section: dict[str, Any], path: str, title: str
) -> None:
    parts += [f"## {title}", ""]
    if section.get("description") and path:
        parts += [section["description"], ""]
    parts += ["| Key | Value | Default | Meaning |", "|---|---|---|---|"]
    required = section.get("required", [])
    inner: list[tuple[str, dict[str, Any]]] = []
    for key, field in section["properties"].items():
        parts.append(_row(root, key, field, key in required))
        inner += _nested(root, f"{path}{key}", field)
    parts.append("")
    for inner_path, target in inner:
        _section(parts, root, target, f"{inner_path}.", f"`{inner_path}`")


def _row(root: dict[str, Any], key: str, field: dict[str, Any], required: bool) -> str:
    default = "**required**" if required else _default(field)
    text = field.get("description") or _resolved(root, field).get("description", "")
    if not text and "const" in field:
        text = "Says that the entry is of this type."
    meaning = str(text).replace("|", "\\|")
    return f"| `{key}` | {_value(root, field)} | {default} | {meaning} |"


def _default(field: dict[str, Any]) -> str:
    default = field.get("default")
    if "const" in field:
        return f"`{field['const']}`"
    if default is None or isinstance(default, dict):
        return ""
    return f"`{json.dumps(default) if not isinstance(default, str) else default}`"


def _value(root: dict[str, Any], field: dict[str, Any]) -> str:
    """Return what may stand there, such as `low` or `high`, a list of texts, a duration."""
    field = _resolved(root, field)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return " · ".join(f"`{choice}`" for choice in field["enum"])
    if "anyOf" in field or "oneOf" in field:
        choices = field.get("anyOf") or field["oneOf"]
        texts = [_value(root, choice) for choice in choices if choice.get("type") != "null"]
        return " or ".join(dict.fromkeys(texts))
    if is_duration(field):
        return "duration"
    kind = field.get("type")
    if kind == "array":
        return f"list of {_value(root, field.get('items', {}))}"
    if kind == "object":
        return "section" if "properties" in field else "mapping by name"
    if isinstance(kind, list):
        return " or ".join(_KINDS[one] for one in kind)
    return _FORMATS.get(field.get("format", ""), _KINDS.get(str(kind), "any"))


_FORMATS = {"path": "path", "file-path": "path", "date": "day", "date-time": "time"}
_KINDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
}


def _nested(
    root: dict[str, Any], path: str, field: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    """Return the sections below a key, each with its path; list entries as `[]`, names as `*`."""
    field = _resolved(root, field)
    found = []
    for choice in field.get("anyOf") or field.get("oneOf") or []:
        target = _resolved(root, choice)
        kind = target.get("properties", {}).get("type", {}).get("const")
        found += _nested(root, f"{path} (type {kind})" if kind else path, choice)
    if field.get("type") == "array" and "items" in field:
        found += _nested(root, f"{path}[]", field["items"])
    elif field.get("type") == "object" and "properties" in field:
        found.append((path, field))
    elif field.get("type") == "object" and isinstance(field.get("additionalProperties"), dict):
        found += _nested(root, f"{path}.*", field["additionalProperties"])
    return found


def _resolved(root: dict[str, Any], field: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        target: dict[str, Any] = root["$defs"][name]
        field = target
    return field

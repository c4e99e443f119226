"""The configuration as the agent may tell it: everything in force but secrets and people."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from agent.config.model import Config
from agent.config.values import Typed

REDACTED = "***"
_ACCOUNTS = ("username",)
"""Fields by which the agent is known to another system: half of what lets somebody in."""
_CREDENTIALS = re.compile(r"(?<=://)[^/?#\s]*@")
_PARAMETER = re.compile(r"([?&][^=&#\s]*=)[^&#\s]+")
_FRAGMENT = re.compile(r"#\S+")


def text(config: Config) -> bytes:
    """Return the configuration in force, defaults included, as JSON with sorted keys.

    Left out are secrets and the file's folder.  Credentials in an address, the values in its
    query and its fragment read `***`, and so do user names at other systems, and owners,
    approvers, reasons and notes: for these see `words`.  Files of secrets are named, not read.
    ASCII.
    """
    plain = _plain(config, config.folder)
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()


def digest(config: Config) -> str:
    """Return `sha256:<hex>` of `text(config)`."""
    return "sha256:" + hashlib.sha256(text(config)).hexdigest()


def words(config: Config) -> dict[str, str]:
    """Return what `text` leaves out of what people typed, by its place in the configuration."""
    return dict(_words(config, ""))


def _words(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            inner, place = getattr(value, name), f"{at}.{name}".removeprefix(".")
            if _is_typed(field) and inner is not None:
                yield place, str(inner)
            else:
                yield from _words(inner, place)
    elif isinstance(value, tuple | list):
        for i, inner in enumerate(value):
            yield from _words(inner, f"{at}[{i}]")
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _words(inner, f"{at}.{key}")


def _is_typed(field: FieldInfo) -> bool:
    return any(isinstance(mark, Typed) for mark in field.metadata)


def _plain(value: Any, folder: Path) -> Any:
    if isinstance(value, BaseModel):
        fields = {
            name: REDACTED if _is_withheld(name, field) and found is not None else found
            for name, field in type(value).model_fields.items()
            if not _hidden(found := getattr(value, name))
        }
        return {name: _plain(found, folder) for name, found in fields.items()}
    if isinstance(value, Path):
        return str(value.relative_to(folder) if value.is_relative_to(folder) else value)
    if isinstance(value, tuple | list | set | frozenset):
        items = [_plain(inner, folder) for inner in value]
        return items if isinstance(value, tuple | list) else sorted(items, key=str)
    if isinstance(value, dict):
        return {str(key): _plain(inner, folder) for key, inner in value.items()}
    if isinstance(value, str):
        return _redacted(value.removeprefix(f"{folder}/"))
    return value if isinstance(value, int | float | bool | None) else _redacted(str(value))


def _is_withheld(name: str, field: FieldInfo) -> bool:
    return name in _ACCOUNTS or _is_typed(field)


def _hidden(value: Any) -> bool:
    return isinstance(value, SecretStr | SecretBytes)


def _redacted(value: str) -> str:
    """Return a text without what lets somebody in, where it is an address."""
    if "://" not in value:
        return value
    value = _CREDENTIALS.sub(f"{REDACTED}@", value)
    value = _PARAMETER.sub(rf"\1{REDACTED}", value)
    return _FRAGMENT.sub(f"#{REDACTED}", value)

"""Overrides from the environment: `PANTAU_SYSTEMS__0__ID=loan` sets `systems[0].id`.

Only names with a double underscore count, so that what Kubernetes adds for a service called
`pantau` (`PANTAU_PORT`, `PANTAU_SERVICE_HOST`) is not mistaken for configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent.config.yaml_tree import Place, read_tree

PREFIX = "PANTAU_"


def overrides_from(environment: Mapping[str, str]) -> list[tuple[str, list[str], str]]:
    """Return (variable, keys, text) of every override, outer keys first."""
    found = [
        (name, name[len(PREFIX) :].split("__"), text)
        for name, text in environment.items()
        if name.startswith(PREFIX) and "__" in name[len(PREFIX) :]
    ]
    return sorted(found, key=lambda override: (len(override[1]), override[0]))


def value_of(text: str) -> Any:
    """Return an override's text as YAML (`[1h, 1d]` is a list), or as it stands if it is none."""
    tree = read_tree(text)
    return text if tree.problems else tree.value


def put(document: Any, keys: list[str], value: Any) -> tuple[Place, str | None]:
    """Set `value` in `document`; return its place, and what is wrong if it cannot be set.

    A key matches an existing one whatever its case and is lower-case otherwise.  A list takes the
    index of an entry, or the next one to append.
    """
    place: Place = ()
    here = document
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        fresh = value if last else ([] if keys[position + 1].isdecimal() else {})
        if isinstance(here, list):
            if not key.isdecimal() or len(key) > 6 or int(key) > len(here):
                return (*place, key), f"needs an index from 0 to {len(here)}, found {key!r}"
            index = int(key)
            if index == len(here):
                here.append(fresh)
            elif last or not isinstance(here[index], dict | list):
                here[index] = fresh
            place, here = (*place, index), here[index]
        elif isinstance(here, dict):
            name = _existing(here, key)
            if last or not isinstance(here.get(name), dict | list):
                here[name] = fresh
            place, here = (*place, name), here[name]
    return place, None


def _existing(mapping: dict[str, Any], key: str) -> str:
    for name in mapping:
        if name.casefold() == key.casefold():
            return name
    return key.lower() if key.isupper() else key

"""msgspec types made for a schema: what is not asked for is skipped, unparsed, while decoding.

The paths of a schema are a tree.  Each inner node becomes a struct; `transpose` takes it apart
again, so that each leaf's values lie side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from collectors.base import CollectorError


@dataclass(slots=True)
class Node:
    """An object in the record: its leaves by key, its inner objects by key, its struct type.

    A leaf's value is its place in the result of `transpose`.  The struct's fields are the leaves,
    then the inner objects, in order.
    """

    leaves: dict[str, int] = field(default_factory=dict)
    inner: dict[str, Node] = field(default_factory=dict)
    type: Any = None
    empty: Any = None


def tree_of(paths: Sequence[str]) -> Node:
    """Return the tree of distinct dotted `paths`; `CollectorError` if one lies inside another."""
    root = Node()
    for place, path in enumerate(paths):
        *parents, leaf = path.split(".")
        node = root
        for parent in parents:
            node = node.inner.setdefault(parent, Node())
        node.leaves[leaf] = place
    _refuse_overlap(root, "")
    return root


def order_as(node: Node, record: object) -> None:
    """Put keys in the order of a record: msgspec looks for a key after the one it found last."""
    if not isinstance(record, dict):
        return
    place = {key: i for i, key in enumerate(record)}
    node.leaves = dict(sorted(node.leaves.items(), key=lambda item: place.get(item[0], -1)))
    node.inner = dict(sorted(node.inner.items(), key=lambda item: place.get(item[0], -1)))
    for key, child in node.inner.items():
        order_as(child, record.get(key))


def make_types(node: Node, leaf_types: Sequence[Any]) -> None:
    """Set the struct types of a tree; `leaf_types[i]` is the type of leaf i's value."""
    fields: list[tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    for key, place in node.leaves.items():
        names[f"f{len(fields)}"] = key
        fields.append((f"f{len(fields)}", leaf_types[place], None))
    for key, child in node.inner.items():
        make_types(child, leaf_types)
        names[f"f{len(fields)}"] = key
        fields.append((f"f{len(fields)}", child.type | None, None))
    # Without gc: the objects live for one batch and cannot be part of a cycle.
    node.type = msgspec.defstruct("Record", fields, rename=names, gc=False)
    node.empty = node.type()


def transpose(node: Node, structs: Sequence[Any], into: list[Sequence[Any]]) -> None:
    """Put the values of each leaf, in the order of `structs`, at the leaf's place of `into`."""
    columns = list(zip(*map(msgspec.structs.astuple, structs), strict=True))
    for place, column in zip(node.leaves.values(), columns, strict=False):
        into[place] = column
    for child, column in zip(node.inner.values(), columns[len(node.leaves) :], strict=True):
        empty = child.empty
        transpose(child, [empty if one is None else one for one in column], into)


def build(node: Node, values: Sequence[Any]) -> Any:
    """Return the struct that holds `values[i]` as leaf i."""
    leaves = [values[place] for place in node.leaves.values()]
    return node.type(*leaves, *(build(child, values) for child in node.inner.values()))


def values_at(node: Node, record: object, into: list[Any]) -> None:
    """Put the values of a parsed JSON object at the leaves' places; what is not there stays."""
    if not isinstance(record, dict):
        return
    for key, place in node.leaves.items():
        into[place] = record.get(key)
    for key, child in node.inner.items():
        values_at(child, record.get(key), into)


def _refuse_overlap(node: Node, prefix: str) -> None:
    for key, child in node.inner.items():
        if key in node.leaves:
            inner = next(iter(child.leaves or child.inner))
            raise CollectorError(
                f"the paths {prefix + key!r} and '{prefix}{key}.{inner}' overlap: "
                "a value cannot be an object as well; correct one of them in systems[].event, "
                "features or audit_attributes"
            )
        _refuse_overlap(child, f"{prefix}{key}.")

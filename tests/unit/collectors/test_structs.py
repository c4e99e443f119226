"""The types made for a schema's paths."""

from __future__ import annotations

from typing import Any

import msgspec

from collectors.decoders.structs import make_types, order_as, transpose, tree_of


def test_fields_follow_the_order_of_a_record() -> None:
    tree = tree_of(["z", "in.b", "in.a", "y", "not_there"])
    order_as(tree, {"y": 1, "in": {"a": 1, "b": 2}, "z": 3})
    assert list(tree.leaves) == ["not_there", "y", "z"]
    assert list(tree.inner["in"].leaves) == ["a", "b"]


def test_values_land_at_the_places_of_their_paths() -> None:
    paths = ["z", "in.b", "in.deep.a", "y"]
    tree = tree_of(paths)
    make_types(tree, [Any] * len(paths))
    decoder = msgspec.json.Decoder(tree.type)
    found: list[Any] = [None] * len(paths)
    records = (b'{"y":1,"in":{"deep":{"a":2},"b":3},"z":4}', b'{"in":null}', b'{"in":{"b":5}}')
    transpose(tree, [decoder.decode(record) for record in records], found)
    assert found == [(4, None, None), (3, None, 5), (2, None, None), (1, None, None)]

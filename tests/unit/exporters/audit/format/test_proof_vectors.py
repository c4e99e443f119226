"""Our proof checks answer as transparency-dev/merkle answers, on right and on mutated proofs.

On its own test data, and on more proofs that it made and judged.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from exporters.audit.format import merkle

FOLDER = Path(__file__).parents[4] / "vectors"
NOT_A_HASH = "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"
"""Its "roots" are nine bytes long, and equal: whoever compares bytes only says that it holds."""


class Vector(NamedTuple):
    what: str
    kind: str
    start: bytes
    first: int
    size: int
    root: bytes
    proof: list[bytes]
    holds: bool


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def made(line: dict[str, Any]) -> Vector:
    return Vector(
        what=line["what"],
        kind=line["kind"],
        start=decoded(line["start"]),
        first=line["first"],
        size=line["size"],
        root=decoded(line["root"]),
        proof=[decoded(step) for step in line["proof"] or []],
        holds=line["holds"],
    )


def original(line: dict[str, Any]) -> Vector:
    kind, _ = line["file"].split("/", 1)
    start, first, size, root = {
        "inclusion": ("leafHash", "leafIdx", "treeSize", "root"),
        "consistency": ("root1", "size1", "size2", "root2"),
    }[kind]
    return Vector(
        what=line["file"],
        kind=kind,
        start=decoded(line[start]),
        first=line[first],
        size=line[size],
        root=decoded(line[root]),
        proof=[decoded(step) for step in line["proof"] or []],
        holds=not line["wantErr"],
    )


def read(name: str, into: Callable[[dict[str, Any]], Vector]) -> list[Vector]:
    return [into(json.loads(line)) for line in (FOLDER / name).read_text().splitlines()]


MADE = read("merkle_proofs.jsonl", made)
ORIGINALS = read("transparency_dev_merkle.jsonl", original)


def holds(vector: Vector) -> bool:
    try:
        if vector.kind == "inclusion":
            merkle.verify_inclusion(
                vector.start, vector.first, vector.size, vector.proof, vector.root
            )
        else:
            merkle.verify_consistency(
                vector.first, vector.size, vector.proof, vector.start, vector.root
            )
    except merkle.ProofError:
        return False
    return True


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_proof_that_the_library_judged_gets_the_same_answer(kind: str) -> None:
    vectors = [vector for vector in MADE if vector.kind == kind]
    assert Counter(vector.holds for vector in vectors)[True] >= 10
    assert len(vectors) > 150
    assert [v.what for v in vectors if holds(v) != v.holds] == []


@pytest.mark.parametrize(("kind", "different"), [("inclusion", []), ("consistency", [NOT_A_HASH])])
def test_each_of_the_librarys_own_vectors_gets_its_answer(kind: str, different: list[str]) -> None:
    vectors = [vector for vector in ORIGINALS if vector.kind == kind]
    assert len(vectors) == 98
    assert Counter(vector.holds for vector in vectors)[True] >= 5
    assert [v.what for v in vectors if holds(v) != v.holds] == different

"""Our proof checks answer as transparency-dev/merkle answers, on right and on mutated proofs."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from exporters.audit.format import merkle

VECTORS = Path(__file__).parents[4] / "vectors" / "merkle_proofs.jsonl"
ALL = [json.loads(line) for line in VECTORS.read_text().splitlines()]


def holds(vector: dict[str, Any]) -> bool:
    start, root = base64.b64decode(vector["start"]), base64.b64decode(vector["root"])
    proof = [base64.b64decode(step) for step in vector["proof"] or []]
    first, size = vector["first"], vector["size"]
    try:
        if vector["kind"] == "inclusion":
            merkle.verify_inclusion(start, first, size, proof, root)
        else:
            merkle.verify_consistency(first, size, proof, start, root)
    except merkle.ProofError:
        return False
    return True


@pytest.mark.parametrize("kind", ["inclusion", "consistency"])
def test_every_vector_gets_the_same_answer(kind: str) -> None:
    vectors = [vector for vector in ALL if vector["kind"] == kind]
    assert Counter(vector["holds"] for vector in vectors)[True] >= 10
    assert len(vectors) > 150
    different = [v["what"] for v in vectors if holds(v) != v["holds"]]
    assert different == []

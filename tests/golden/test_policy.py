"""The effective policies of the packs, to the byte: a changed digest is a changed policy.

Verdicts in audit logs name these digests, so a change here needs a new version of the pack.
Regenerate with `python -m tests.golden.test_policy`.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

from policies.effective import effective
from policies.load import load_pack, load_packs
from policies.pack import MATURITY, OVERSIGHT
from policies.table import PACKS

GOLDEN = Path(__file__).parent / "policy_digests.json"


def _digests() -> dict[str, str]:
    found = {}
    for name in sorted(PACKS):
        pack = load_pack(name)
        for level, stage in itertools.product(OVERSIGHT, MATURITY):
            policy = effective(load_packs([name]), oversight=level, maturity=stage)
            found[f"{name} {pack.version} {level} {stage}"] = policy.digest
    return found


def test_effective_policies_have_the_digests_they_had() -> None:
    assert _digests() == json.loads(GOLDEN.read_text(encoding="utf-8"))


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(_digests(), indent=2) + "\n", encoding="utf-8")

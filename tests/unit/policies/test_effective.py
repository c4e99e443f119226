"""The effective policy and its digest."""

from __future__ import annotations

import hashlib
import json

import pytest
import rfc8785

from policies.complaint import PackError
from policies.effective import Policy, _threshold, effective
from policies.judge import judge
from policies.load import load_pack
from policies.model import Threshold
from policies.pack import MATURITY, Maturity, Oversight, Pack
from policies.rule_spec import Limit, Limits

PACK = load_pack("asean-guide")


def _with(rule_id: str, level: str, **limits: float) -> Pack:
    """Return the pack with limits of one rule changed."""
    document = PACK.model_dump(mode="json", exclude_none=True)
    for rule in document["rules"]:
        if rule["id"] == rule_id:
            for name, at in limits.items():
                rule["thresholds"][level][name]["at"] = at
    return Pack.model_validate(document)


def test_one_threshold_is_resolved_per_rule() -> None:
    strict = effective([PACK], oversight="human_in_the_loop", maturity="baseline")
    loose = effective([PACK], oversight="human_out_of_the_loop", maturity="baseline")
    for policy, expected in ((strict, (0.05, 0.10)), (loose, (0.10, 0.15))):
        rule = policy.rule("FA-1")
        assert rule is not None
        assert rule.threshold == Threshold("abs>", *expected)


def test_stages_add_rules_and_persistence() -> None:
    def ids(maturity: str) -> set[str]:
        policy = effective([PACK], oversight="human_in_the_loop", maturity=maturity)  # type: ignore[arg-type]
        return {rule.id for rule in policy.rules}

    assert "DR-2" not in ids("baseline")
    assert ids("baseline") < ids("intermediate") <= ids("advanced")
    advanced = effective([PACK], oversight="human_in_the_loop", maturity="advanced")
    assert {r.id: r.persistence for r in advanced.rules}["DR-1"] == (2, 3)
    assert {r.id: r.persistence for r in advanced.rules}["TR-2"] == (1, 1)


def test_a_level_without_limits_leaves_the_rule_out() -> None:
    policy = effective([PACK], oversight="human_out_of_the_loop", maturity="advanced")
    assert policy.rule("HO-1") is None


def test_a_level_may_have_a_stage_of_its_own() -> None:
    def runs(level: Oversight, stage: Maturity) -> bool:
        return effective([PACK], oversight=level, maturity=stage).rule("HO-3") is not None

    assert [runs("human_in_the_loop", stage) for stage in MATURITY] == [False, True, True]
    assert [runs("human_over_the_loop", stage) for stage in MATURITY] == [False, False, True]


def test_a_rule_without_a_breach_limit_warns_however_far_a_value_is() -> None:
    policy = effective([PACK], oversight="human_out_of_the_loop", maturity="advanced")
    rule = policy.rule("HO-3")
    assert rule is not None
    assert (rule.threshold.can_breach, rule.threshold.breach_text) == (False, "never")
    assert (rule.threshold.warn, rule.origin) == (365, {"warn": "ours"})
    assert judge(rule.threshold, 1e300, 1e300) == "warn"
    # In reports it is a number like any other, so that nobody who compares has to know.
    assert json.loads(policy.text)["rules"][_place(policy, "HO-3")]["threshold"] == {
        "op": ">",
        "warn": 365,
        "breach": 1.7976931348623157e308,
    }
    below = _threshold("<", Limits(warn=Limit(at=0.9, origin="ours"), breach=None))
    assert judge(below, -1e300, -1e300) == "warn"


def _place(policy: Policy, rule: str) -> int:
    return next(i for i, one in enumerate(policy.rules) if one.id == rule)


def test_the_digest_is_that_of_the_canonical_text() -> None:
    policy = effective([PACK], oversight="human_in_the_loop", maturity="baseline", country="MY")
    assert policy.digest == "sha256:" + hashlib.sha256(policy.text).hexdigest()
    document = json.loads(policy.text)
    assert rfc8785.dumps(document) == policy.text
    assert document["country"] == "MY"
    assert [rule["id"] for rule in document["rules"]] == [rule.id for rule in policy.rules]
    assert policy.text.isascii()


def test_changing_one_number_changes_the_digest_only_where_it_counts() -> None:
    changed = _with("FA-1", "human_in_the_loop", breach=0.11)

    def digest(pack: Pack, level: str) -> str:
        return effective([pack], oversight=level, maturity="baseline").digest  # type: ignore[arg-type]

    assert digest(changed, "human_in_the_loop") != digest(PACK, "human_in_the_loop")
    assert digest(changed, "human_over_the_loop") == digest(PACK, "human_over_the_loop")


def test_each_part_of_the_identity_changes_the_digest() -> None:
    policies = [
        effective([PACK], oversight="human_in_the_loop", maturity="baseline"),
        effective([PACK], oversight="human_in_the_loop", maturity="advanced"),
        effective([PACK], oversight="human_over_the_loop", maturity="baseline"),
        effective([PACK], oversight="human_in_the_loop", maturity="baseline", country="SG"),
        effective([PACK], oversight="human_in_the_loop", maturity="baseline", sector="health"),
    ]
    assert len({policy.digest for policy in policies}) == len(policies)


def test_no_pack_and_the_same_rule_twice_are_refused() -> None:
    with pytest.raises(PackError, match="no policy pack is configured"):
        effective([], oversight="human_in_the_loop", maturity="baseline")
    with pytest.raises(PackError, match="rule TR-1 is in two packs: asean-guide and asean-guide"):
        effective([PACK, PACK], oversight="human_in_the_loop", maturity="baseline")

"""Packs that together set every field that a pack can have, for tests of what a comparison sees."""

from __future__ import annotations

from typing import Any

VERIFIED = {"verified_on": "2026-11-22", "confidence": "high", "note": "n"}
SOURCED = {**VERIFIED, "crosswalk": ["TEXT:1"]}
TIERS = ("minimal", "medium", "high")
LEVELS = ("human_in_the_loop", "human_over_the_loop", "human_out_of_the_loop")


def limit(at: float) -> dict[str, Any]:
    return {"at": at, "origin": "ours"}


def limits(warn: float, breach: float | None, **more: Any) -> dict[str, Any]:
    return {"warn": limit(warn), "breach": None if breach is None else limit(breach), **more}


def persistence(k: int) -> dict[str, Any]:
    stages = {stage: [k, 3] for stage in ("baseline", "intermediate", "advanced")}
    return {**stages, "origin": "ours"}


def escalation(*hours: int) -> dict[str, Any]:
    steps = [{"role": f"role-{i}", "after": f"{after}h"} for i, after in enumerate(hours)]
    return {**dict.fromkeys(LEVELS, steps), "origin": "ours"}


def rule(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "principle": "P7",
        "also": ["P2"],
        "title": "T",
        "signal": "drift.psi",
        "subjects": ["feature", "output"],
        "op": ">",
        "thresholds": {level: limits(0.1, 0.2) for level in LEVELS},
        "basis": "b",
        "sources": ["s"],
        "stage": "baseline",
        "severity": {"breach": "page", "warn": "ticket"},
        "likely_cause": "c",
        "action": "a",
        "evidence": {"1.1": "automatic"},
        "crosswalk": ["TEXT:1"],
        **more,
    }


BASE: dict[str, Any] = {
    "id": "base",
    "kind": "base",
    "title": "T",
    "version": "1.0.0",
    "voluntary": True,
    "disclaimer": "d",
    "sources": [{"id": "s", "title": "S", "note": "n"}],
    "principles": {
        "P1": "Transparency and Explainability",
        "P2": "Fairness and Equity",
        "P3": "Security and Safety",
        "P4": "Human-centricity",
        "P5": "Privacy and Data Governance",
        "P6": "Accountability and Integrity",
        "P7": "Robustness and Reliability",
    },
    "components": [{"id": "C1", "title": "C"}],
    "involvement": [{"id": "human_in_the_loop", "title": "I", "meaning": "m"}],
    "risk": {
        "matrix": {
            "low": {"low": "minimal", "medium": "minimal", "high": "medium"},
            "medium": {"low": "minimal", "medium": "medium", "high": "high"},
            "high": {"low": "medium", "medium": "high", "high": "high"},
        },
        "oversight": {tier: list(LEVELS) for tier in TIERS},
        "note": "n",
    },
    "questions": [
        {"id": "1.1", "title": "Q", "component": "C1", "evidence": "automatic", "by": "b"}
    ],
    "crosswalks": {"TEXT": {"title": "X", "kind": "guide", **VERIFIED}},
    "defaults": {
        "persistence": persistence(2),
        "clear_after": {"windows": 2, "origin": "ours"},
        "inconclusive_after": {"windows": 7, "origin": "ours"},
        "shorter": {"persistence": [3, 3], "origin": "ours"},
        "at_once": {"stages": ["baseline", "advanced"], "widened": 1.5, "origin": "ours"},
        "escalation": escalation(0, 1),
    },
    "rules": [
        rule("AA-1"),
        rule(
            "AA-2",
            persistence=persistence(1),
            clear_after={"windows": 3, "origin": "ours"},
            escalation=escalation(0, 4),
            thresholds={
                "human_in_the_loop": limits(0.1, None, stage="intermediate"),
                "human_over_the_loop": limits(0.1, 0.3),
            },
        ),
        rule("AA-3", waivable=True),
        rule("AA-4"),
    ],
}

COUNTRY: dict[str, Any] = {
    "id": "country-my",
    "kind": "country",
    "title": "T",
    "version": "1.0.0",
    "disclaimer": "d",
    "country": "MY",
    "include": [],
    "sources": [{"id": "t", "title": "S"}],
    "requires": [
        {"oversight": "human_over_the_loop", "reason": "first", "source": "s"},
        {"oversight": "human_out_of_the_loop", "reason": "second"},
        {"maturity": "baseline", "reason": "third"},
    ],
    "attributes": [
        {"categories": [one], "processing": how, "reason": "r", "source": "s", **SOURCED}
        for one, how in (("race", "safeguards"), ("health", "consent_only"))
    ],
    "retention": [
        {"what": "alerts", "days": days, "reason": "r", "source": "s", **SOURCED}
        for days in (10, 20)
    ],
    "laws": [
        {
            "id": name,
            "title": "L",
            "status": "draft",
            "subject": "ai",
            "source": "s",
            **VERIFIED,
        }
        for name in ("one", "two")
    ],
    "clocks": [
        {
            "id": name,
            "title": "C",
            "event": "data_breach",
            "starts": "aware_at",
            "recipient": "r",
            "source": "s",
            "calendar": True,
            **length,
            **SOURCED,
        }
        for name, length in (("c-one", {"hours": 72}), ("c-two", {"days": 3}))
    ],
}

WAIVER = {"by": "ann", "reason": "agreed", "expires": "2027-01-31"}

TEAM: dict[str, Any] = {
    "id": "our-bank",
    "kind": "team",
    "title": "T",
    "version": "1.0.0",
    "changes": [
        {
            "rule": "AA-1",
            "thresholds": {level: {"warn": limit(0.05), "breach": limit(0.15)} for level in LEVELS},
            "severity": {"breach": "page", "warn": "page"},
            "stage": "baseline",
            "persistence": persistence(1),
            "clear_after": {"windows": 3, "origin": "ours"},
            "escalation": escalation(0, 1, 2),
            "crosswalk": ["TEXT:2"],
            "evidence": {"1.1": "manual"},
            "sources": ["s"],
            "reason": "r",
        },
        {"rule": "AA-3", "severity": {"breach": "ticket"}, "reason": "r", "waiver": WAIVER},
        {"rule": "AA-3", "stage": "intermediate", "reason": "r", "waiver": WAIVER},
        {"rule": "AA-4", "disable": True, "reason": "r", "waiver": WAIVER},
    ],
    "rules": [rule("BB-1")],
}

DOCUMENTS = (BASE, COUNTRY, TEAM)

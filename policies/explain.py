"""Every rule that applies to a system, why, with its numbers and where each of them comes from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

from policies.compose import Composed, Composition, compose
from policies.effective import Policy, Rule, is_in
from policies.frameworks import frameworks
from policies.model import PRINCIPLES
from policies.pack import Pack
from policies.part import MATURITY, Maturity, Oversight, after_words
from policies.regime import length_words
from policies.rule_spec import RuleSpec


def explain(
    policy: Policy,
    packs: Sequence[Pack],
    *,
    oversight: Oversight,
    maturity: Maturity,
    today: dt.date,
) -> list[dict[str, Any]]:
    """Return JSON-able documents: one per rule in force, one per rule that is not, then the rest.

    `today` tells which waivers have expired.
    Kinds: `rule`, `not_in_force`, `requirement`, `attributes`, `clock`, `retention`, `waiver`.
    """
    composition = compose(packs, frameworks=frameworks())
    kinds: dict[str, str] = {pack.id: pack.kind for pack in composition.packs}
    documents = [_in_force(rule, composition.rules[rule.id], kinds) for rule in policy.rules]
    documents += list(_not_in_force(composition, oversight, maturity))
    for demand in policy.demands:
        documents.append(
            {
                "kind": "requirement",
                "what": demand.what,
                "least": demand.least,
                "from": demand.pack,
                "because": demand.reason,
            }
        )
    for kind, parts in (
        ("attributes", policy.attributes),
        ("clock", policy.clocks),
        ("retention", policy.retention),
        ("waiver", policy.waivers),
    ):
        for part in parts:
            document = {name: getattr(part, name) for name in part.__struct_fields__}
            document["from"] = document.pop("pack")
            if kind == "waiver":
                document["expired"] = dt.date.fromisoformat(document["expires"]) < today
            documents.append({"kind": kind, **document})
    return documents


def _in_force(rule: Rule, composed: Composed, kinds: dict[str, str]) -> dict[str, Any]:
    return {
        "kind": "rule",
        "rule": rule.id,
        "title": rule.title,
        "principle": rule.principle,
        "principle_name": PRINCIPLES[rule.principle],
        "from": rule.pack,
        "why": f"{kinds[rule.pack]} pack {rule.pack}, from stage {rule.stage} on",
        "signal": rule.signal,
        "subjects": list(rule.subjects),
        "numbers": list(_numbers(rule, composed)),
        "basis": rule.basis,
        "evidence": rule.evidence,
        "crosswalk": list(rule.crosswalk),
        "next_step": rule.action,
    }


def _persistence(rule: Rule) -> str:
    k, m = rule.persistence
    text = f"{k} of {m} windows"
    if rule.at_once is not None:
        text += f", or one where an interval {rule.at_once:g} times as wide is beyond it"
    if rule.shorter is not None:
        text += f"; {rule.shorter[0]} of {rule.shorter[1]} of the shorter windows"
    return text


def _numbers(rule: Rule, composed: Composed) -> Iterator[dict[str, Any]]:
    """Give each part that can be set: its value, its origin, and the pack that set it."""
    spec, defaults = composed.spec, composed.defaults
    persistence = spec.persistence or defaults.persistence
    clear_after = spec.clear_after or defaults.clear_after
    escalation = spec.escalation or defaults.escalation
    op = rule.threshold.op
    chain = ", ".join(f"{step.role} {after_words(step.after)}" for step in rule.escalation)
    rows: list[tuple[str, object, str | None]] = [
        ("warn", f"{op} {rule.threshold.warn:g}", rule.origin["warn"]),
        ("breach", rule.threshold.breach_text, rule.origin.get("breach")),
        ("severity.warn", rule.warn_severity, None),
        ("severity.breach", rule.breach_severity, None),
        ("stage", rule.stage, None),
        ("persistence", _persistence(rule), persistence.origin),
        ("clear_after", f"{rule.clear_after} windows", clear_after.origin),
        (
            "inconclusive_after",
            f"{rule.inconclusive_after} windows",
            defaults.inconclusive_after.origin,
        ),
    ]
    if escalation is not None and chain:
        rows.append(("escalation", chain, escalation.origin))
    for part, value, origin in rows:
        pack = rule.set_by.get(part, rule.pack)
        yield {
            "part": part,
            "value": value,
            "origin": origin,
            "from": pack,
            "because": rule.because.get(pack) if part in rule.set_by else None,
        }


def _not_in_force(
    composition: Composition, oversight: Oversight, maturity: Maturity
) -> Iterator[dict[str, Any]]:
    for rule_id, composed in sorted(composition.rules.items()):
        if not is_in(composed, oversight, maturity):
            yield {
                "kind": "not_in_force",
                "rule": rule_id,
                "title": composed.spec.title,
                "why": _why_not(composed.spec, oversight, maturity),
            }
    for rule_id, pack in sorted(composition.off.items()):
        why = f"disabled by {pack}"
        yield {"kind": "not_in_force", "rule": rule_id, "title": "", "why": why}


def _why_not(spec: RuleSpec, oversight: Oversight, maturity: Maturity) -> str:
    stage = spec.stage_at(oversight)
    if MATURITY.index(stage) > MATURITY.index(maturity):
        return f"runs from stage {stage} on; this system is at {maturity}"
    return f"has no limits at {oversight}"


def explain_text(documents: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Give the documents as lines for a person."""
    principle = None
    for document in (d for d in documents if d["kind"] == "rule"):
        if document["principle"] != principle:
            principle = document["principle"]
        yield ""
        yield f"{document['rule']}  {document['title']}"
        yield f"  {principle} {document['principle_name']}; {document['why']}"
        yield f"  judges {document['signal']} of {', '.join(document['subjects'])}"
        for number in document["numbers"]:
            origin = f" ({number['origin']})" if number["origin"] else ""
            because = f": {number['because']}" if number["because"] else ""
            setter = f"{number['from']}{because}"
            yield f"    {number['part']:<18} {number['value']}{origin}  <- {setter}"
        yield f"  basis: {document['basis']}"
        if document["crosswalk"]:
            yield f"  refers to: {', '.join(document['crosswalk'])}"
    yield from _others(documents)


def _others(documents: Sequence[dict[str, Any]]) -> Iterator[str]:
    for kind, heading in (
        ("not_in_force", "Not in force"),
        ("requirement", "Required"),
        ("attributes", "Audit attributes"),
        ("clock", "Incident clocks"),
        ("retention", "Kept at least"),
        ("waiver", "Waivers"),
    ):
        found = [d for d in documents if d["kind"] == kind]
        if found:
            yield ""
            yield heading
            yield from (f"  {_line(d)}" for d in found)


def _line(document: dict[str, Any]) -> str:
    kind = document["kind"]
    if kind == "not_in_force":
        return f"{document['rule']}  {document['title']}: {document['why']}"
    setter = f"  <- {document['from']}"
    if kind == "requirement":
        return f"{document['what']} {document['least']}{setter}: {document['because']}"
    if kind == "attributes":
        named = ", ".join(document["categories"])
        return f"{document['processing']}: {named}{setter}: {document['reason']}"
    if kind == "clock":
        length = length_words(document["seconds"], calendar=document["calendar"])
        return (
            f"{document['id']}: {length} from {document['starts']}, to {document['recipient']} "
            f"({document['source']}, verified {document['verified_on']}, confidence "
            f"{document['confidence']}){setter}"
        )
    if kind == "retention":
        return f"{document['what']} {document['days']} days{setter}: {document['reason']}"
    loosens = "; ".join(document["loosens"])
    expired = ", EXPIRED" if document["expired"] else ""
    return (
        f"{document['rule']} ({loosens}) until {document['expires']}{expired}, by "
        f"{document['by']}: {document['reason']}{setter}"
    )

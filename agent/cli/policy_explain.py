"""`pantau policy explain`: every rule that applies to a system, and where its numbers come from."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigFile, Output, OutputForm

if TYPE_CHECKING:
    from policies.pack import Pack

SystemName = Annotated[
    str | None,
    typer.Argument(metavar="SYSTEM", help="The system's id; not needed if only one is configured."),
]
OneRule = Annotated[str | None, typer.Option("--rule", metavar="ID", help="Only this rule.")]


def policy_explain(
    config: ConfigFile,
    system: SystemName = None,
    rule: OneRule = None,
    output: OutputForm = Output.table,
) -> int:
    """Explain the policy of a system: each rule, why it applies, and which pack set what in it."""
    from agent.cli.output import print_json
    from agent.cli.systems import choose_system
    from agent.config.load import load
    from agent.config.packs import chosen_packs, packs_of
    from agent.policy_of import policy_of
    from policies.explain import explain, explain_text

    loaded = load(config)
    chosen = choose_system(loaded, system)
    policy = policy_of(loaded, chosen)
    packs = packs_of(loaded, chosen)
    documents = explain(
        policy,
        packs,
        oversight=chosen.oversight,
        maturity=chosen.maturity,
        today=dt.datetime.now(dt.UTC).date(),
    )
    if rule is not None:
        documents = _only(rule, documents)
    why = [{"pack": pack.name, "why": pack.why} for pack in chosen_packs(loaded, chosen)]
    why += _included(packs, [one["pack"] for one in why])
    head = {
        "kind": "policy",
        "system": chosen.id,
        "digest": policy.digest,
        "oversight": chosen.oversight,
        "maturity": chosen.maturity,
        "country": chosen.country,
        "sector": chosen.sector,
        "packs": why,
    }
    if output is Output.json:
        for document in (head, *documents):
            print_json(document)
        return 0
    named = ", ".join(f"{one['pack']} ({one['why']})" for one in why)
    print(f"{chosen.id}: {chosen.oversight}, {chosen.maturity}")
    print(f"packs: {named}")
    print(f"policy {policy.digest}")
    for line in explain_text(documents):
        print(line)
    return 0


def _included(packs: Sequence[Pack], named: Sequence[str]) -> list[dict[str, str]]:
    """Return the packs that only another one names, which hold as much as those that are named."""
    from policies.load import load_pack

    known = {load_pack(name).id for name in named}
    found = []
    for pack in packs:
        if pack.id not in known:
            by = next((other.id for other in packs if pack.id in other.include), None)
            found.append({"pack": pack.id, "why": f"included by {by}" if by else "included"})
    return found


def _only(rule: str, documents: list[dict[str, object]]) -> list[dict[str, object]]:
    from policies.complaint import PackError
    from policies.nearest import did_you_mean

    found = [document for document in documents if document.get("rule") == rule]
    if not found:
        known = [str(d["rule"]) for d in documents if "rule" in d]
        raise PackError(f"no rule of this system is called {rule!r}{did_you_mean(rule, known)}")
    return found

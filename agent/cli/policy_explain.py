"""`pantau policy explain`: every rule that applies to a system, and where its numbers come from."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from agent.cli.options import ConfigFile, Output, OutputForm

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
    documents = explain(
        policy,
        packs_of(loaded, chosen),
        oversight=chosen.oversight,
        maturity=chosen.maturity,
        today=dt.datetime.now(dt.UTC).date(),
    )
    if rule is not None:
        documents = _only(rule, documents)
    why = [{"pack": pack.name, "why": pack.why} for pack in chosen_packs(loaded, chosen)]
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


def _only(rule: str, documents: list[dict[str, object]]) -> list[dict[str, object]]:
    from policies.complaint import PackError
    from policies.nearest import did_you_mean

    found = [document for document in documents if document.get("rule") == rule]
    if not found:
        known = [str(d["rule"]) for d in documents if "rule" in d]
        raise PackError(f"no rule of this system is called {rule!r}{did_you_mean(rule, known)}")
    return found

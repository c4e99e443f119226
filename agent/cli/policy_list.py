"""`pantau policy list`: the policy packs there are."""

from __future__ import annotations

from agent.cli.options import Output, OutputForm


def policy_list(output: OutputForm = Output.table) -> int:
    """List the policy packs that a configuration may name."""
    from agent.cli.output import print_json, print_table
    from policies.show import list_packs

    packs = list_packs()
    if output is Output.json:
        for pack in packs:
            print_json(pack)
        return 0
    counted = ("rules", "changes", "clocks", "laws")
    rows = [
        [p["id"], p["kind"], p["version"], *(str(p[part] or "-") for part in counted), p["title"]]
        for p in packs
    ]
    print_table(("PACK", "KIND", "VERSION", *(part.upper() for part in counted), "TITLE"), rows)
    return 0

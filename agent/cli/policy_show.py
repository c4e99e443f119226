"""`pantau policy show`: one pack, its rules under the principle that each serves."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Output, OutputForm

PackName = Annotated[
    str, typer.Argument(metavar="PACK", help="A pack's name, or a YAML file that holds one.")
]


def policy_show(pack: PackName, output: OutputForm = Output.table) -> int:
    """Show a policy pack: every rule with its signal, thresholds, their origin and next step."""
    from agent.cli.output import print_json
    from policies.show import show_pack, show_text

    if output is Output.json:
        print_json(show_pack(pack))
    else:
        print(show_text(pack))
    return 0

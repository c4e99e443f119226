"""`pantau policy diff`: what is different between two policies."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Output, OutputForm

_WHAT = "A pack's name, its YAML file, or a policy text kept by the audit log (blobs/<sha256>)."
Old = Annotated[str, typer.Argument(metavar="A", help=_WHAT)]
New = Annotated[str, typer.Argument(metavar="B", help="The same for the other side.")]


def policy_diff(a: Old, b: New, output: OutputForm = Output.table) -> int:
    """Compare two policies, part by part."""
    from agent.cli.output import print_json
    from agent.known_signals import known_signals
    from policies.difference import difference_text, differences
    from policies.load import is_path
    from policies.side import side

    # Signals in shipped packs are tested, so that comparing these need not import them.
    signals = known_signals() if is_path(a) or is_path(b) else None
    found = differences(side(a), side(b), signals=signals)
    if output is Output.json:
        for one in found:
            print_json({"part": one.part, "old": one.old, "new": one.new})
        return 0
    if not found:
        print("no difference")
    for line in difference_text(found):
        print(line)
    return 0

"""`pantau policy show`: a pack, or how packs cover a law, standard or framework."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import Output, OutputForm

PackName = Annotated[
    str | None,
    typer.Argument(
        metavar="PACK",
        help="A pack's name, or a YAML file that holds one. With --framework the "
        "default is every shipped pack.",
    ),
]
FrameworkName = Annotated[
    str | None,
    typer.Option(
        "--framework", metavar="ID", help="Show what covers its places, such as eu-ai-act."
    ),
]


def policy_show(
    pack: PackName = None, framework: FrameworkName = None, output: OutputForm = Output.table
) -> int:
    """Show a policy pack: every rule with its signal, thresholds, their origin and next step."""
    from agent.cli.output import print_json
    from policies.show import show_pack, show_text

    if framework is not None:
        return _coverage(pack, framework, output)
    if pack is None:
        raise typer.BadParameter("name a PACK (`pantau policy list` lists them) or a --framework")
    _check_with_what_it_includes(pack)
    if output is Output.json:
        print_json(show_pack(pack))
    else:
        print(show_text(pack))
    return 0


def _check_with_what_it_includes(name: str) -> None:
    """Raise what using a team's file would raise, so that showing it passes over no mistake."""
    from agent.known_signals import known_signals
    from policies.compose import compose
    from policies.frameworks import frameworks
    from policies.load import is_path, load_packs

    packs = load_packs([name]) if is_path(name) else []
    if any(pack.kind == "base" for pack in packs):
        compose(packs, frameworks=frameworks(), signals=known_signals())


def _coverage(pack: str | None, name: str, output: Output) -> int:
    from agent.cli.output import print_json
    from policies.coverage_of import coverage, coverage_text, framework_called
    from policies.load import load_packs, pack_files

    framework = framework_called(name)
    rows = coverage(framework, load_packs([pack] if pack else sorted(pack_files())))
    if output is Output.json:
        for row in rows:
            print_json(row)
        return 0
    for line in coverage_text(framework, rows):
        print(line)
    return 0

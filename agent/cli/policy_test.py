"""`pantau policy test`: unit tests of policies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import exits
from agent.cli.options import Output, OutputForm

if TYPE_CHECKING:
    from policies.trial import Tried

Files = Annotated[
    list[Path], typer.Argument(metavar="FILES", help="Files of tests (YAML), or folders of them.")
]


def policy_test(files: Files, output: OutputForm = Output.table) -> int:
    """Judge given signals by policies and compare the verdicts with those expected.

    Exit codes: 0 all as expected, 1 a test failed, 2 a file or pack cannot be used.
    """
    from agent.known_signals import known_signals
    from policies.trial import try_file

    known = known_signals()
    tried = [one for file in _all(files) for one in try_file(file, signals=known)]
    if output is Output.json:
        _print_json(tried)
    else:
        _print_text(tried)
    return exits.FINDING if any(one.failures for one in tried) else exits.FINE


def _all(files: list[Path]) -> list[Path]:
    """Return the files, folders replaced by the YAML files in them."""
    found: list[Path] = []
    for file in files:
        inside = sorted(file.glob("*.yaml")) if file.is_dir() else [file]
        if not inside:
            from policies.complaint import PackError

            raise PackError(f"{file}: the folder holds no .yaml file")
        found += inside
    return found


def _print_json(tried: list[Tried]) -> None:
    from agent.cli.output import print_json

    for one in tried:
        print_json(
            {
                "where": one.where,
                "test": one.name,
                "oversight": one.oversight,
                "maturity": one.maturity,
                "result": "fail" if one.failures else "pass",
                "failures": list(one.failures),
            }
        )


def _print_text(tried: list[Tried]) -> None:
    for one in tried:
        if one.failures:
            print(f"FAIL {one.where}: {one.name} ({one.oversight}, {one.maturity})")
            for failure in one.failures:
                print(f"     {failure}")
    failed = sum(1 for one in tried if one.failures)
    print(f"{len(tried)} tests, {failed} failed" if failed else f"{len(tried)} tests passed")

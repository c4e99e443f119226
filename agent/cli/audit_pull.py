"""`pantau audit pull`: copy a served log, and find out whether it went back on what it said."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import exits
from agent.cli.audit_options import Keys, TokenFile

Url = Annotated[
    str, typer.Argument(metavar="URL", help="Where the log is served.", show_default=False)
]
Into = Annotated[
    Path, typer.Option("--output", "-o", metavar="DIR", help="The copy: made, or brought forward.")
]


def audit_pull(url: Url, output: Into, key: Keys = None, token_file: TokenFile = None) -> int:
    """Copy a log from an address; only what its signed tree covers is taken over.

    Without --key the first pull believes the keys that the log names itself, and keeps them; later
    ones take over only what these, or keys that follow from them, have signed.

    It can be interrupted and called again.  What earlier pulls saw is kept in DIR.seen: a log that
    is cut or rewritten afterwards is found out, its checkpoint is kept in DIR.evidence, and the
    copy stays as it was.  Verify the copy with `pantau audit verify DIR`.

    Exit codes: 0 the copy is up to date, 1 the log is not what it was, 3 it cannot be read.
    """
    from agent.cli.audit_options import pull_into
    from exporters.audit.read.source import is_address

    if not is_address(url):
        raise typer.BadParameter(f"{url} is no http or https address", param_hint="URL")
    if not pull_into(url, output, token_file, key or ()):
        return exits.FINDING
    print(f"{output} is up to date; verify it with: pantau audit verify {output}", file=sys.stderr)
    return exits.FINE

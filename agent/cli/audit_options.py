"""Options that the audit commands share, and getting a served log onto this machine."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from exporters.audit.place import Place

LogPlace = Annotated[
    str,
    typer.Argument(
        metavar="DIR|URL", help="The published log: a folder or an address.", show_default=False
    ),
]
LogFolder = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder of the log.", show_default=False)
]
Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="VKEY",
        help="Public key of the log's signer, or a file of it; may be given for several epochs.",
    ),
]
TokenFile = Annotated[
    Path | None,
    typer.Option("--token-file", metavar="FILE", help="The token of a log at an address."),
]
Out = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")]


def read_token(path: Path | None) -> str | None:
    """Return the token in a file, None if no file is named. Raises `typer.BadParameter`."""
    if path is None:
        return None
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read", param_hint="--token-file") from error
    if not token or any(c <= " " for c in token):
        raise typer.BadParameter(f"{path} holds no token", param_hint="--token-file")
    return token


@contextmanager
def local_copy(log: str, token_file: Path | None) -> Iterator[Path]:
    """Give the folder of a log; one at an address is copied for as long as the block runs."""
    from exporters.audit.read.source import is_address

    if not is_address(log):
        if "://" in log:
            text = f"{log} is no folder, and only http and https addresses can be read"
            raise typer.BadParameter(text, param_hint="DIR|URL")
        yield Path(log)
        return
    with tempfile.TemporaryDirectory(prefix="pantau-audit-") as folder:
        copy = Path(folder) / "copy"
        pull_into(log, copy, token_file, signed=False)
        # Of a log that is refused there is none: then it is that which is found.
        copy.mkdir(exist_ok=True)
        yield copy


def pull_into(
    url: str,
    folder: Path,
    token_file: Path | None,
    keys: Sequence[str] = (),
    *,
    signed: bool = True,
) -> bool:
    """Copy the log at an address into a folder; say on standard error what is wrong.

    Signatures are left to the caller if not `signed`.  Returns whether all of it is there and
    agrees with the log's own checkpoint.
    """
    from agent.cli.progress import progress
    from exporters.audit.read.evidence import read_key
    from exporters.audit.read.pull import pull
    from exporters.audit.read.source import Web

    trusted = [read_key(text) for text in keys]
    with Web(url, read_token(token_file)) as web, progress("records") as advance:
        pulled = pull(web, folder, keys=trusted, signed=signed, advance=advance)
    for problem in pulled.problems:
        print(f"{problem.code} at {problem.where}: {problem.detail}", file=sys.stderr)
    return not pulled.problems


def with_state(log: Path, option: str = "DIR") -> Place:
    """Return the place of a log whose private part is here. Raises `typer.BadParameter`."""
    from exporters.audit import place

    at = place.find(log)
    if not place.is_state(at.state):
        here = f"{at.state}, the private part of {log}, is not on this machine"
        raise typer.BadParameter(led_astray(log) or here, param_hint=option)
    return at


def led_astray(log: Path) -> str | None:
    """Say that a log leads to a private part that is not its own; None if it does not."""
    from exporters.audit import place

    foreign = place.foreign(log)
    if foreign is None:
        return None
    return (
        f"{log} is taken for a copy: {foreign}, to which it leads as its private part, holds no "
        "key that signed it, or cannot be read"
    )


OWN_WORD = "whose log it is, only the log itself says: give the operator's public key with --key"
"""Said where no key was given, and none was kept."""
RECORDED = "the agent records this in the log, at once or at its next start"
"""Said by each command that leaves a request for a record."""

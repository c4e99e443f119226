"""`pantau audit keys`: the public keys that a log names for itself."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.audit_options import RECORDED, LogFolder, with_state

Rotate = Annotated[
    bool,
    typer.Option(
        "--rotate", help="On the agent's machine: let it sign with a new key from now on."
    ),
]

Bare = Annotated[
    bool,
    typer.Option(
        "--vkey",
        help="Print only the key that signs now, as --key takes it:"
        " pantau audit keys DIR --vkey > bank.vkey.",
    ),
]
Replay = Annotated[
    bool,
    typer.Option(
        "--replay-key",
        help="On the agent's machine: write the keys of sealed values to FILE, for somebody who"
        " may see them and verifies with --replay --unseal FILE.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FILE", help="Where to write them, readable by you."),
]


def audit_keys(
    log: LogFolder,
    vkey: Bare = False,
    rotate: Rotate = False,
    replay_key: Replay = False,
    output: Out = None,
) -> int:
    """List the public keys that a log names for itself, oldest epoch first.

    Take the key that you verify with from somewhere else: whoever replaced the log replaced these.
    """
    from agent.cli.output import print_table
    from exporters.audit.read.key_list import list_keys, signing_key

    if replay_key != (output is not None) or (replay_key and rotate):
        raise typer.BadParameter("--replay-key and --output go together, and alone")
    if vkey and (rotate or replay_key):
        raise typer.BadParameter("--vkey goes alone")
    if vkey:
        print(signing_key(log))
        return 0
    if output is not None:
        return _hand_out(log, output)
    if rotate:
        return _rotate(log)
    rows = [[key.epoch, str(key.first), key.signs, key.vkey] for key in list_keys(log)]
    print_table(("EPOCH", "FROM RECORD", "SIGNS NOW", "KEY"), rows)
    return 0


def _hand_out(log: Path, output: Path) -> int:
    from exporters.audit.read.unseal import hand_out

    at = with_state(log)
    if output.absolute().resolve().is_relative_to(at.public.resolve()):
        text = f"{output} would be published with the log"
        raise typer.BadParameter(text, param_hint="--output")
    count = hand_out(at.state, output, time.time())
    print(f"wrote {count} key(s): who has the file sees what the log seals (docs/audit.md)")
    print(RECORDED, file=sys.stderr)
    return 0


def _rotate(log: Path) -> int:
    from exporters.audit.signer import request_rotation

    request_rotation(with_state(log, "--rotate").state)
    print("asked for: the agent signs with a new key from its next checkpoint, or its next start")
    return 0

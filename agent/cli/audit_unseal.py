"""`pantau audit unseal`: read what people typed and the log holds encrypted."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from agent.cli.audit_options import RECORDED, LogFolder, with_state

Digest = Annotated[
    str,
    typer.Argument(metavar="DIGEST", help="The `note` of a record: sha256:...", show_default=False),
]


def audit_unseal(log: LogFolder, digest: Digest) -> int:
    """Print a sealed text: a reason, or as JSON what a published text leaves out.

    On the agent's machine only, where the keys are.  The agent records that it was read
    (`privacy.disclosure`), at once or at its next start.
    """
    from exporters.audit.read.unseal import read_text

    at = with_state(log)
    text = read_text(at, digest, time.time())
    # What was typed could steer a terminal.
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    sys.stdout.write(shown + "\n")
    print(RECORDED, file=sys.stderr)
    return 0

"""`pantau audit consistency` and `compare`: does one story continue, or agree with, another?"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import exits
from agent.cli.audit_options import LogFolder

_HELP = "A checkpoint: a file, the size of one that the log kept, or SIZE:ROOT."
Old = Annotated[str, typer.Argument(metavar="OLD", help=_HELP, show_default=False)]
New = Annotated[str, typer.Argument(metavar="NEW", help="The same.", show_default=False)]
One = Annotated[Path, typer.Argument(metavar="DIR", help="One copy.", show_default=False)]
Other = Annotated[Path, typer.Argument(metavar="DIR", help="The other copy.", show_default=False)]


def audit_consistency(log: LogFolder, old: Old, new: New) -> int:
    """Prove from the log's tiles that one checkpoint continues another; print the proof.

    Exit codes: 0 it does, 1 it does not.
    """
    from exporters.audit.format.merkle import ProofError
    from exporters.audit.read.prove import consistency, named_checkpoint

    before, after = named_checkpoint(log, old), named_checkpoint(log, new)
    try:
        path = consistency(log, before, after)
    except ProofError as error:
        print(f"FAIL: {error}")
        return exits.FINDING
    print(f"PASS: the {after.size} records begin with the {before.size}")
    for step in path:
        print(base64.b64encode(step).decode())
    return exits.FINE


def audit_compare(one: One, other: Other) -> int:
    """Compare two copies of a log: a log that shows two stories is found out.

    Exit codes: 0 they agree, 1 they do not, 4 it cannot be known.
    """
    from exporters.audit.read.compare import compare

    found = compare(one, other)
    if not found:
        print("FAIL: they are not copies of one log: no epoch is in both")
        return exits.FINDING
    for epoch in found:
        detail = epoch.detail or _told(epoch.first_different, min(epoch.sizes))
        ours, theirs = epoch.sizes
        print(f"{epoch.result}: {epoch.origin}: {ours} and {theirs} records; {detail}")
    results = {epoch.result for epoch in found}
    if "FAIL" in results:
        return exits.FINDING
    return exits.UNKNOWN if "UNKNOWN" in results else exits.FINE


def _told(first_different: int | None, shared: int) -> str:
    if first_different is None:
        return f"the first {shared} are the same"
    return f"split view: record {first_different} differs; the two checkpoints are the proof"

"""`pantau audit consistency` and `compare`: does one story continue, or agree with, another?"""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli import exits
from agent.cli.audit_options import OWN_WORD, Keys, LogFolder

_HELP = "A checkpoint: a file, the size of one that the log kept, or SIZE:ROOT."
Old = Annotated[str, typer.Argument(metavar="OLD", help=_HELP, show_default=False)]
New = Annotated[str, typer.Argument(metavar="NEW", help="The same.", show_default=False)]
One = Annotated[Path, typer.Argument(metavar="DIR", help="One copy.", show_default=False)]
Other = Annotated[Path, typer.Argument(metavar="DIR", help="The other copy.", show_default=False)]


def audit_consistency(log: LogFolder, old: Old, new: New, key: Keys = None) -> int:
    """Prove from the log's tiles that one checkpoint continues another; print the proof.

    Without --key, signatures are checked with the keys that earlier pulls of the log kept, or else
    with those that it names itself.

    Exit codes: 0 it does, 1 it does not, 4 it cannot be known: one is not signed by a known key, or
    is of no records, or the tiles are not those of the log's checkpoint.
    """
    from exporters.audit.format.merkle import ProofError
    from exporters.audit.read.consistency import consistency, named_checkpoint
    from exporters.audit.read.evidence import read_key, trusted
    from exporters.audit.read.vouched import Doubtful

    keys = trusted(tuple(map(read_key, key or ())), log)
    before, after = named_checkpoint(log, old), named_checkpoint(log, new)
    _tell_own_word(given=bool(keys))
    try:
        path = consistency(log, before, after, keys)
    except ProofError as error:
        print(f"FAIL: {error}")
        return exits.FINDING
    except Doubtful as error:
        print(f"UNKNOWN: {error}")
        return exits.UNKNOWN
    print(f"PASS: the {after.size} records begin with the {before.size}")
    for step in path:
        print(base64.b64encode(step).decode())
    return exits.FINE


def audit_compare(one: One, other: Other, key: Keys = None) -> int:
    """Compare two copies of a log: a log that shows two stories is found out.

    Without --key, signatures are checked with the keys that earlier pulls of the first copy kept,
    or else with those that the copies name themselves.

    Exit codes: 0 they agree, 1 they do not, 4 it cannot be known: one is not signed by a known key,
    or is of no records, or is damaged.
    """
    from exporters.audit.read.compare import compare
    from exporters.audit.read.evidence import read_key, trusted

    keys = trusted(tuple(map(read_key, key or ())), one)
    _tell_own_word(given=bool(keys))
    found = compare(one, other, keys)
    if not found:
        print("FAIL: they are not copies of one log: no epoch is in both")
        return exits.FINDING
    for epoch in found:
        doubt = epoch.code and f"{epoch.code}: {epoch.detail}"
        detail = doubt or _told(epoch.first_different, min(epoch.sizes))
        ours, theirs = epoch.sizes
        print(f"{epoch.result}: {epoch.origin}: {ours} and {theirs} records; {detail}")
    results = {epoch.result for epoch in found}
    if "FAIL" in results:
        return exits.FINDING
    return exits.UNKNOWN if "UNKNOWN" in results else exits.FINE


def _tell_own_word(*, given: bool) -> None:
    if not given:
        print(OWN_WORD, file=sys.stderr)


def _told(first_different: int | None, shared: int) -> str:
    if first_different is None:
        return f"the first {shared} are the same"
    return f"split view: record {first_different} differs; the two checkpoints are the proof"

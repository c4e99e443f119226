"""`pantau report erase`: remove samples of events before their time is over."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import ConfigFile, SystemId

Digest = Annotated[
    str | None,
    typer.Argument(metavar="DIGEST", help="One sample and its report.", show_default=False),
]
All = Annotated[bool, typer.Option("--all", help="Every sample and report.")]


def report_erase(
    config: ConfigFile, digest: Digest = None, everything: All = False, system: SystemId = None
) -> int:
    """Remove samples and the reports made from them; also beside a running agent.

    The audit log keeps the digests and, once the agent has seen it, a record of the erasure.
    Samples of windows still open are in the agent's store and end there with their window.
    """
    import sys

    from agent.cli import exits
    from agent.config.load import load
    from agent.evidence.folder import Folder, evidence_folder

    if everything == (digest is not None):
        print("give one DIGEST (at least 8 digits of it), or --all", file=sys.stderr)
        return exits.USAGE
    asked = (digest or "").removeprefix("sha256:")
    if digest is not None and len(asked) < 8:
        print(f"{digest}: at least 8 digits of the digest are needed", file=sys.stderr)
        return exits.USAGE
    folder = Folder(evidence_folder(load(config)))
    found = [
        entry
        for entry in folder.entries()
        if system in (None, entry.system) and entry.digest.removeprefix("sha256:").startswith(asked)
    ]
    for entry in found:
        folder.erase(entry.digest)
    print(f"erased {len(found)} of {folder.path}")
    return exits.RUNTIME if digest is not None and not found else exits.FINE

"""`pantau audit verify`: is this log what it says it is?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.audit_options import Keys, LogPlace, TokenFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from exporters.audit.findings import Verification
    from exporters.audit.read.evidence import Evidence
    from exporters.audit.seal import ReplayKey

Against = Annotated[
    list[str] | None,
    typer.Option(
        "--against",
        metavar="CHECKPOINT",
        help="A checkpoint that was kept elsewhere: a file, or SIZE:ROOT from an alert or metric.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 for UNKNOWN, too.")]
Replay = Annotated[bool, typer.Option("--replay", help="Judge the logged signals again.")]
Unseal = Annotated[
    Path | None,
    typer.Option(
        "--unseal",
        metavar="FILE|DIR",
        help="With --replay: the key of sealed values (`audit keys --replay-key`), or the log's"
        " private folder; by default the one beside DIR, if it can be read.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def audit_verify(
    log: LogPlace,
    key: Keys = None,
    against: Against = None,
    strict: Strict = False,
    replay: Replay = False,
    unseal: Unseal = None,
    json: Json = False,
    token_file: TokenFile = None,
) -> int:
    """Verify an audit log offline: signatures, the tree, what others remember of it, its records.

    Exit codes: 0 PASS, 1 FAIL, 4 UNKNOWN (1 with --strict).  What the checks and the finding codes
    mean: docs/audit.md.
    """
    from agent.cli.audit_options import local_copy
    from agent.cli.output import print_json
    from exporters.audit.findings import document, exit_code, render
    from exporters.audit.read.evidence import Evidence, read_checkpoint, read_key
    from exporters.audit.read.source import is_address

    if unseal is not None and not replay:
        raise typer.BadParameter("only with --replay are sealed values used", param_hint="--unseal")
    evidence = Evidence(tuple(map(read_key, key or ())), tuple(map(read_checkpoint, against or ())))
    with local_copy(log, token_file) as directory:
        # Beside a log that was copied from an address there is nothing of ours.
        keys = _keys(directory, unseal, look=not is_address(log)) if replay else None
        verification = _verify(directory, evidence, replay=replay, unseal=keys)
    if json:
        print_json(document(verification))
    else:
        print(render(verification))
    return exit_code(verification, strict=strict)


def _verify(
    directory: Path,
    evidence: Evidence,
    *,
    replay: bool,
    unseal: Mapping[str, ReplayKey] | None,
) -> Verification:
    from agent.cli.progress import progress, steps
    from exporters.audit import place
    from exporters.audit.read.evidence import with_memory
    from exporters.audit.read.verify import verify_published
    from exporters.audit.verify_wal import NotALog, verify

    if place.is_state(directory):
        _refuse(key=evidence.keys, against=evidence.remembered, replay=replay)
        with progress("bytes") as bar:
            advance = steps(bar)
            return verify(directory, progress=lambda done, total: advance(done))
    if not directory.is_dir():
        raise NotALog(f"there is no directory {directory}")
    with progress("records") as bar:
        advance = steps(bar)
        return verify_published(
            directory,
            with_memory(evidence, directory),
            replay=replay,
            unseal=unseal,
            progress=lambda done, total: advance(done),
        )


def _keys(directory: Path, named: Path | None, *, look: bool) -> Mapping[str, ReplayKey] | None:
    """Return the keys of sealed values: those named, else those beside the log, saying so."""
    from exporters.audit.read.unseal import keys_beside, read_keys

    if named is not None:
        return read_keys(named)
    found = keys_beside(directory) if look else None
    if found is None:
        return None
    print(f"sealed values are opened with the keys in {found.state}", file=sys.stderr)
    return found.keys


def _refuse(**options: object) -> None:
    """Refuse what cannot be checked: passing over it in silence would read as a PASS."""
    for name, value in options.items():
        if value:
            text = (
                "these are the private files behind a log, which are not signed; verify the "
                "published directory"
            )
            raise typer.BadParameter(text, param_hint=f"--{name}")

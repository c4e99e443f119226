"""`pantau audit verify`: is this log what it says it is?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LogFolder = Annotated[
    str, typer.Argument(metavar="DIR", help="The folder of the audit log.", show_default=False)
]
Key = Annotated[
    str | None, typer.Option("--key", metavar="VKEY", help="Public key of the log's signer.")
]
Against = Annotated[
    list[str] | None,
    typer.Option("--against", metavar="CHECKPOINT", help="A checkpoint that was kept elsewhere."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 for UNKNOWN, too.")]
Replay = Annotated[bool, typer.Option("--replay", help="Judge the logged signals again.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def audit_verify(
    log: LogFolder,
    key: Key = None,
    against: Against = None,
    strict: Strict = False,
    replay: Replay = False,
    json: Json = False,
) -> int:
    """Verify an audit log offline: framing, sequence, record ids and schema.

    Exit codes: 0 PASS, 1 FAIL, 4 UNKNOWN (1 with --strict).
    """
    _refuse_unbuilt(log, key=key, against=against, replay=replay)
    from agent.cli.output import print_json
    from agent.cli.progress import progress, steps
    from exporters.audit.findings import document, exit_code, render
    from exporters.audit.verify import verify

    with progress("bytes") as bar:
        advance = steps(bar)
        verification = verify(Path(log), progress=lambda done, total: advance(done))
    if json:
        print_json(document(verification))
    else:
        print(render(verification))
    return exit_code(verification, strict=strict)


def _refuse_unbuilt(log: str, **options: object) -> None:
    """Refuse what this version cannot check: passing over it in silence would read as a PASS."""
    reasons = {
        "key": "logs are not signed yet, so there is no signature to check",
        "against": "logs have no checkpoints yet, so there is nothing to compare",
        "replay": "verdicts cannot be replayed yet",
    }
    for name, value in options.items():
        if value:
            raise typer.BadParameter(
                f"{reasons[name]}; leave the option out", param_hint=f"--{name}"
            )
    if "://" in log:
        text = "only a folder can be verified yet; copy the log here and name the copy"
        raise typer.BadParameter(text, param_hint="DIR")

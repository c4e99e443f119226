"""`pantau audit erase`: make a person unlinkable, or what is sealed unreadable."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from agent.cli.audit_options import LogFolder

Actor = Annotated[
    str | None, typer.Option("--actor", metavar="ACCOUNT", help="Whose keys to destroy.")
]
Blob = Annotated[
    str | None, typer.Option("--blob", metavar="DIGEST", help="Which sealed blob to destroy.")
]
ReplayKey = Annotated[
    str | None,
    typer.Option(
        "--replay-key", metavar="EPOCH|all", help="Of which epoch the sealed values are to go."
    ),
]
Reference = Annotated[
    str | None,
    typer.Option("--request", metavar="REF", help="Reference of the request, for the record."),
]


def audit_erase(
    log: LogFolder,
    actor: Actor = None,
    blob: Blob = None,
    replay_key: ReplayKey = None,
    request: Reference = None,
) -> int:
    """Destroy keys: of a person, of a sealed blob, or of an epoch's sealed values.

    It cannot be undone.

    On the agent's machine only.  The log stays as it is and every proof stays valid; the agent
    records what was destroyed (`privacy.erasure`), at once or at its next start.
    """
    from exporters.audit import place, requests, vault

    if sum(given is not None for given in (actor, blob, replay_key)) != 1:
        raise typer.BadParameter("give one of --actor, --blob and --replay-key")
    at = place.find(log)
    if not place.is_state(at.state):
        raise typer.BadParameter(
            f"{at.state}, the private part of {log}, is not on this machine", param_hint="DIR"
        )
    reference = {} if request is None else {"request": request}
    said: list[dict[str, str]] = []
    if actor is not None:
        keys = vault.erase_actor(at.state, actor)
        said = [{"what": "actor", "key": key} for key in keys]
    if blob is not None:
        vault.erase_blob(at.state, at.public, blob)
        said = [{"what": "blob", "blob": blob}]
    if replay_key is not None:
        gone = vault.erase_replay_keys(at.state, None if replay_key == "all" else replay_key)
        said = [{"what": "replay_key", "key": key.id} for key in gone]
    for data in said:
        requests.ask(at.state, "privacy.erasure", time.time(), {**data, **reference})
    print(f"destroyed; {len(said)} record(s) for the log")
    return 0

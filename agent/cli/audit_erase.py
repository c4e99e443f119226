"""`pantau audit erase`: make a person unlinkable, or what is sealed unreadable."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from agent.cli.audit_options import LogFolder, with_state

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
    from exporters.audit import requests, vault

    if sum(given is not None for given in (actor, blob, replay_key)) != 1:
        raise typer.BadParameter("give one of --actor, --blob and --replay-key")
    at = with_state(log)
    reference = _reference(request)
    found: list[tuple[vault.Target, dict[str, str]]]
    if actor is not None:
        found = [(t, _said("actor", t.key)) for t in vault.actor_targets(at.state, actor)]
    elif blob is not None:
        found = [(t, {"what": "blob", "blob": blob}) for t in vault.blob_targets(at.state, blob)]
    else:
        epoch = None if replay_key == "all" else replay_key
        found = [(t, _said("replay_key", t.key)) for t in vault.replay_targets(at.state, epoch)]
    requests.erase(at, time.time(), [(target, data | reference) for target, data in found])
    print(f"destroyed; {len(found)} record(s) for the log")
    return 0


def _said(what: str, key: str | None) -> dict[str, str]:
    return {"what": what} | ({} if key is None else {"key": key})


def _reference(request: str | None) -> dict[str, str]:
    """Return the reference as a record says it; refuse what cannot stand there."""
    from exporters.audit import requests

    reference = {} if request is None else {"request": request}
    try:
        requests.require(requests.ERASURE, {"what": "actor", **reference})
    except ValueError as error:
        raise typer.BadParameter(
            "nothing was destroyed: give a reference without spaces and names of people, such as "
            "the number of a ticket, of at most 200 characters",
            param_hint="--request",
        ) from error
    return reference

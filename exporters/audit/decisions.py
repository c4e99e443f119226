"""What a human decided, as a record that names nobody and quotes nothing."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from exporters.audit import vault
from exporters.audit.place import Place
from exporters.audit.types import DecisionData
from policies.model import Human, Notice


def decided(
    at: Place,
    data: DecisionData,
    *,
    account: str,
    authn: str,
    now: float,
    note: str = "",
    system: str | None = None,
) -> Notice:
    """Return the record of a decision by the human behind `account`, made at `now` (epoch seconds).

    The account becomes this quarter's pseudonym and `note`, which may say anything, a sealed blob;
    both can be erased.  `authn` is how the human proved who they are, such as `oidc`.  Raises
    ValueError without an account, OSError.
    """
    if not account:
        raise ValueError("a decision needs the account of who decided")
    content: dict[str, Any] = msgspec.to_builtins(data)
    if note:
        content["note"] = vault.seal(at.state, at.public, note.encode("utf-8", "replace"))
    return Notice(
        name="human.decision",
        id=f"human.decision/{secrets.token_hex(16)}",
        time=int(now),
        system=system,
        data={key: value for key, value in content.items() if value is not None},
        human=Human(vault.pseudonym(at.state, account, now), authn),
    )

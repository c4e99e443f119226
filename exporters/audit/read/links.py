"""Whether the epochs of a log follow each other: each names the one before it, and the one after.

The word of an epoch counts only where the newest one leads to it: record 0 of each names the end of
the one before.  What lies in the folder besides is nobody's.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise

from exporters.audit.findings import Findings
from exporters.audit.read.checked import Checked
from exporters.audit.read.keys import first_keys, next_key
from exporters.audit.types import Previous


def check_links(epochs: Sequence[Checked], findings: Findings) -> set[str]:
    """Compare what epochs, oldest first, say of each other.

    Returns the origins of the epochs that were deleted by retention, as the log says.
    """
    expired = {origin for checked in _chain(epochs) for origin in checked.told.expired}
    before: Checked | None = None
    for checked in epochs:
        findings.prefix = checked.epoch.place
        _check(checked, before, expired, findings)
        before = checked
    findings.prefix = ""
    return expired


def leads_to_newest(epochs: Sequence[Checked], oldest: Checked, brought: Sequence[str]) -> bool:
    """Tell whether the newest epoch's key follows from what `oldest` shows.

    From one epoch to the next its last record has to name the key, unless that was `brought`, as
    the origin of an epoch whose key the auditor has.
    """
    after = list(epochs)[epochs.index(oldest) :]
    return all(
        later.epoch.origin in brought or _named(early, later) for early, later in pairwise(after)
    )


def _named(before: Checked, checked: Checked) -> bool:
    following = before.told.closed.next if before.told.closed else None
    return (
        following is not None
        and following.origin == checked.epoch.origin
        and next_key(before.told) in first_keys(checked.epoch, checked.told)
    )


def _chain(epochs: Sequence[Checked]) -> list[Checked]:
    """Return the newest epoch and those that lead to it, each named by the one after."""
    chain = list(epochs[-1:])
    for checked in reversed(epochs[:-1]):
        genesis = chain[-1].epoch.genesis
        previous = genesis.previous if genesis else None
        if previous is None or _difference(previous, checked) is not None:
            break
        chain.append(checked)
    return chain


def _difference(previous: Previous, before: Checked) -> tuple[str, str] | None:
    """Return code and text of how an epoch differs from what the next one says of it."""
    if before.epoch.origin != previous.origin:
        return "epoch_missing", f"epoch {previous.origin} came before it and is not here"
    if previous.size is None or previous.root is None:
        return None
    if previous.size > before.size:
        detail = f"{previous.origin} had {previous.size} records and has {before.size}"
        return "rollback", detail
    root = before.root_at(previous.size)
    if root is not None and base64.b64encode(root).decode() != previous.root:
        return "epoch_unlinked", f"{previous.origin} had another root at size {previous.size}"
    return None


def _check(checked: Checked, before: Checked | None, expired: set[str], findings: Findings) -> None:
    epoch = checked.epoch
    if checked.size == 0 or 0 in checked.tree.altered | checked.tree.unread:
        return
    genesis = epoch.genesis
    if genesis is None or genesis.origin != epoch.origin:
        detail = f"record 0 is not the beginning of {epoch.origin}"
        findings.add("genesis_missing", "entry 0", detail)
        return
    previous = genesis.previous
    if previous is None:
        if before is not None:
            detail = f"it does not name {before.epoch.origin} before it"
            findings.add("epoch_unlinked", "entry 0", detail)
        return
    if before is None or before.epoch.origin != previous.origin:
        _check_gone(checked, previous.origin, before, expired, findings)
        return
    different = _difference(previous, before)
    if different is not None:
        findings.add(different[0], "entry 0", different[1])
    elif before.told.closed is not None and before.told.closed.next and not _named(before, checked):
        detail = f"the last record of {before.epoch.origin} names {before.told.closed.next.origin} "
        detail += f"and its key ({before.told.closed.next.vkey}) as the next: this is another one"
        findings.add("epoch_unlinked", "entry 0", detail)


def _check_gone(
    checked: Checked, gone: str, before: Checked | None, expired: set[str], findings: Findings
) -> None:
    """Say what it means that the epoch before is not here."""
    if gone not in expired:
        told = gone in checked.told.gaps
        detail = f"epoch {gone} came before it and is not here"
        findings.add("epoch_missing", "entry 0", detail, "UNKNOWN" if told else "FAIL")
    elif before is not None:
        # Retention deletes the oldest first.
        detail = (
            f"it names {gone} before it, which was deleted: nothing names {before.epoch.origin}"
        )
        findings.add("epoch_unlinked", "entry 0", detail)

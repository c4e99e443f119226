"""Epochs of a log on this machine that may be believed: whole, readable, and signed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from exporters.audit.findings import Findings
from exporters.audit.format.merkle import ProofError
from exporters.audit.format.note import Vkey
from exporters.audit.read.epochs import Epoch, find_epochs
from exporters.audit.read.files import folder_of, kept_sizes
from exporters.audit.read.records import read_records
from exporters.audit.read.source import Folder
from exporters.audit.read.taking import Refused, Taken
from exporters.audit.read.tree import check_tree
from exporters.audit.read.trust import believe

Advance = Callable[[int], None]


def believed_epochs(directory: Path, keys: Collection[Vkey], advance: Advance) -> list[Epoch]:
    """Return all epochs of a log, oldest first, if keys that are believed signed each of them.

    Belief goes from `keys`; without any the log's own word is taken.  Raises `ProofError`, which
    says what is wrong: a tree that is not the one that was signed, a record that says what none
    may, a signature, an epoch that nothing believed names.  Raises `SourceError`.
    """
    findings = Findings()
    epochs = find_epochs(Folder(directory), findings)
    if not epochs:
        raise ProofError(f"{directory} holds no published log")
    _require_none(findings)
    taken = [take_local(epoch, advance) for epoch in epochs]
    _require_named(taken, keys)
    try:
        refused = believe(taken, keys).refused
    except Refused as error:
        raise _refusal(error) from error
    for _, why in refused:
        raise _refusal(why)
    return epochs


def take_local(epoch: Epoch, advance: Advance = lambda count: None) -> Taken:
    """Return an epoch whose entries are those of its checkpoint, and can all be read.

    Raises `ProofError` otherwise, and `SourceError`.
    """
    findings, kept = Findings(), kept_sizes(epoch.source)
    tree = check_tree(epoch.source, epoch.checkpoint, kept, findings, advance)
    if not tree.holds or tree.altered or tree.unread:
        raise ProofError(f"{epoch.place or epoch.source.name} is damaged")
    findings = Findings()
    findings.prefix = epoch.place
    told = read_records(epoch, set(), [], findings, lambda count: None)
    _require_none(findings)
    folder = folder_of(epoch.source)
    return Taken(epoch, [] if folder is None else [folder], roots=tree.roots, told=told)


def _require_named(epochs: Sequence[Taken], keys: Collection[Vkey]) -> None:
    """Refuse an epoch before the newest to which nothing leads, and whose key nobody gave."""
    following = epochs[-1].epoch
    for taken in reversed(epochs[:-1]):
        epoch = taken.epoch
        previous = following.genesis.previous if following.genesis else None
        if previous is not None and previous.origin == epoch.origin:
            following = epoch
        elif not any(key.name == epoch.origin for key in keys):
            detail = f"no epoch that is believed names {epoch.origin}"
            raise ProofError(f"epoch_unlinked at {epoch.place}checkpoint: {detail}")


def _require_none(findings: Findings) -> None:
    for found in findings.conclude(None, 0).findings:
        raise ProofError(f"{found.code} at {found.where}: {found.detail}")


def _refusal(refused: Refused) -> ProofError:
    found = refused.finding
    return ProofError(f"{found.code} at {found.where}: {found.detail}")

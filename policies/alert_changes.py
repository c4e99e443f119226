"""From how an alert stood to how it stands now: what is raised, updated or closed.  Pure."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from policies.model import Alert


class Stands(msgspec.Struct, frozen=True):
    """An alert as it should stand: who it is, and what it says."""

    labels: dict[str, str]
    annotations: dict[str, str]


def changes(
    old: Alert | None, new: Stands | None, at: int, *, why: str, turned: str = "severity changed"
) -> Iterator[Alert]:
    """Give what to send, if anything; None: it did not stand, or stands no longer.

    Other labels make another alert: the new one is raised first, then the old one closed, with the
    resolution `turned`.  One that stands no longer is closed with the resolution `why`.
    """
    if new is not None and (old is None or old.labels != new.labels):
        yield Alert(labels=new.labels, annotations=new.annotations, starts_at=at)
    elif new is not None and old is not None and old.annotations != new.annotations:
        yield msgspec.structs.replace(
            old, annotations=new.annotations, resolved_at=None, change="updated"
        )
    if old is not None and (new is None or old.labels != new.labels):
        resolution = why if new is None else turned
        yield closed(old, at, {**old.annotations, "resolution": resolution})


def settled(old: Alert | None, new: Stands, at: int) -> Alert:
    """Return the alert as it stands after its changes."""
    if old is None or old.labels != new.labels:
        return Alert(labels=new.labels, annotations=new.annotations, starts_at=at)
    return msgspec.structs.replace(old, annotations=new.annotations)


def closed(alert: Alert, at: int, texts: dict[str, str]) -> Alert:
    """Return the alert, complete and over, with these annotations."""
    return msgspec.structs.replace(alert, annotations=texts, resolved_at=at, change="closed")

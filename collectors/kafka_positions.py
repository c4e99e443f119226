"""Where to start reading a partition, and what was lost on the way there.  No I/O."""

from __future__ import annotations

import json
from typing import Literal, NamedTuple

RETENTION = "the broker has removed them (retention)"
REPLACED = "the topic holds less than was read before: it was created anew, or cut short"
OTHER_STORE = "the group's offsets belong to another store: state before them is not here"


class Start(NamedTuple):
    """The next offset to read; `lost` says why records cannot be read (None: nothing is lost).

    `records` is how many, as far as known.
    """

    offset: int
    lost: str | None = None
    records: int | None = None


class Committed(NamedTuple):
    """An offset that the group committed, with the metadata of `commit_metadata`."""

    offset: int
    store: str | None
    replay_from: int | None


def within(position: int, begin: int, end: int) -> Start:
    """Return where to read on from `position` in a partition that holds `[begin, end)`."""
    if position < begin:
        return Start(begin, RETENTION, begin - position)
    if position > end:
        return Start(begin, REPLACED)
    return Start(position)


def without_position(
    policy: Literal["earliest", "latest"], *, known_topic: bool, begin: int, end: int
) -> Start:
    """Return where to start in a partition that neither the store nor the group knows.

    If the store knows other partitions of the topic (`known_topic`), this one was added later, and
    everything in it is new whatever the policy says.
    """
    if policy == "earliest" or known_topic:
        return Start(begin)
    return Start(end)


def commit_metadata(store_id: str, replay_from: int | None) -> str:
    """Return the text that goes with a committed offset: which store has its effect."""
    return json.dumps({"store": store_id, "replay_from": replay_from}, separators=(",", ":"))


def parse_committed(offset: int, metadata: str | None) -> Committed:
    """Return the committed offset; of metadata that is not ours, nothing."""
    try:
        fields = json.loads(metadata or "")
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        return Committed(offset, None, None)
    store, replay = fields.get("store"), fields.get("replay_from")
    whole = isinstance(replay, int) and not isinstance(replay, bool) and replay >= 0
    return Committed(
        offset, store if isinstance(store, str) and store else None, replay if whole else None
    )

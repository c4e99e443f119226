"""What the agent records about itself: starts, stops, and changes of what it runs by."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

import msgspec

from agent import __version__
from agent.clock import Clock
from agent.config.model import Config
from agent.store import Document, Store
from policies.model import Notice, Outgoing


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of the program: `id` is unique per start, `at` in epoch seconds."""

    id: str
    at: float
    config_digest: str

    @classmethod
    def new(cls, config_digest: str, clock: Clock) -> Boot:
        """Return a start that happens now."""
        return cls(secrets.token_hex(8), clock.now(), config_digest)


def started(boot: Boot, clock: Clock, config: Config) -> Notice:
    """Return the record of the program's start."""
    return Notice(
        name="agent.start",
        id=f"agent.start/{boot.id}",
        time=int(clock.now()),
        system=None,
        data={
            "version": __version__,
            "config_digest": boot.config_digest,
            "systems": [s.id for s in config.systems],
            "collectors": [str(getattr(c, "type", "")) for c in config.collectors],
            "exporters": [str(getattr(e, "type", "")) for e in config.exporters],
        },
    )


def stopped(boot: Boot, clock: Clock, reason: str, *, clean: bool) -> Notice:
    """Return the record of the program's end."""
    return Notice(
        name="agent.stop",
        id=f"agent.stop/{boot.id}",
        time=int(clock.now()),
        system=None,
        data={
            "reason": reason[:4_000],
            "clean": clean,
            "uptime_seconds": round(clock.now() - boot.at, 3),
        },
    )


@dataclass
class Announced:
    """Records to send with the next commit, and the documents that commit is to write."""

    items: list[Outgoing] = field(default_factory=list)
    documents: list[Document] = field(default_factory=list)

    def add(self, other: Announced) -> None:
        """Append what another announces."""
        self.items += other.items
        self.documents += other.documents


def change(
    store: Store,
    name: str,
    system: str | None,
    digest: str,
    at: int,
    text: bytes | None = None,
    **more: object,
) -> Announced:
    """Return the record that `digest` is in force, at every start.

    `name` is `config.change`, `policy.change` or `reference.change`.  `text` is what the digest is
    of, to be kept beside the log.  The audit log leaves out what it already says; told each time,
    a log that begins anew beside an old store knows what its verdicts were made by.

    `waivers` and `words` in `more` are what people typed: the log seals them, and no digest is of
    them.  So a change of them alone is marked as `retold`.
    """
    documents = store.documents(system or "", "digest")
    known, spoken = documents.get(name), documents.get(f"{name} typed")
    old = None if known is None else known.decode()
    said = _typed(more)
    data: dict[str, object] = {"digest": digest, **more}
    if old not in (None, digest):
        data["old"] = old
    if text is not None:
        data["text"] = text.decode()
    # The same digest may come back after another one, so the record's id names what it replaces
    # and when.
    record_id = f"{name}/{system or ''}/{old or ''}/{digest}/{at}"
    if spoken not in (None, said):
        data["retold"] = True
        # Not a digest of what was typed: from the published id it could be guessed.
        record_id += f"/{secrets.token_hex(8)}"
    notice = Notice(
        name=name,
        id=record_id,
        time=at,
        system=system,
        data=data,
    )
    kept = {name: digest.encode(), f"{name} typed": said}
    return Announced([notice], [Document(system or "", "digest", k, v) for k, v in kept.items()])


def _typed(more: dict[str, object]) -> bytes:
    """Return a digest of what people typed, by which a later start sees that it is another."""
    content = msgspec.json.encode([more.get("waivers"), more.get("words")], order="sorted")
    return hashlib.sha256(content).hexdigest().encode()

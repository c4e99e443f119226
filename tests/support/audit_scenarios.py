"""What a writer of an audit log lives through, each made of few calls: for faults at every one.

A scenario leaves a log as an earlier run left it (`prepare`), and then is the run to be struck
(`run`).  What the writer was told is durable goes to `base/acknowledged`, what it signs to
`base/signed` (before the signature leaves the program).
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit import opening, place, requests, signer, vault
from exporters.audit.decisions import decided
from exporters.audit.publisher import Publisher
from exporters.audit.signer import Signer
from exporters.audit.types import DecisionData
from exporters.audit.vault import actor_targets, blob_targets
from exporters.audit.wal import Wal
from exporters.base import ExportError, Numbered
from policies.model import Outgoing
from tests.unit.exporters.audit.logs import (
    NOTHING,
    Hands,
    judged,
    policy_change,
    segment_paths,
    writer,
)
from tests.unit.exporters.samples import alert

DAY = 86_400
ATTEMPTS = 3
ACCOUNT, NOTE = "somebody@bank.example", "what they wrote"
DECISION = DecisionData(case="case-1", decision="hold", reason_code="gap_confirmed", needs=2)


class Session:
    """One run of a writer, on one thread, at the time `at` (seconds after the first one)."""

    def __init__(self, base: Path, boot: str, at: float, **options: Any) -> None:
        self.base, self.hands = base, Hands()
        self.hands.pass_time(at)
        self._acknowledged = _appending(base / "acknowledged")
        note_signatures(base)
        publish_on_this_thread()
        choose_the_same(boot)
        self.exporter = writer(base, self.hands, boot, **{"ballast_mb": 0, **options})

    def start(self) -> None:
        """Start, as the agent does: an error ends it."""
        self.exporter.start(NOTHING)

    def export(self, *items: Outgoing, what: str = "", window: int | None = None) -> bool:
        """Export until it is taken, and note that it was; tell whether it was."""
        given = [*items, judged(window)] if window is not None else list(items)
        numbered = [Numbered(place_, item) for place_, item in enumerate(given, start=1)]
        taken = attempt(partial(self.exporter.export, numbered))
        if taken:
            os.write(self._acknowledged, f"{what or window}\n".encode())
        return taken

    def publish(self) -> None:
        """Publish what is durable."""
        if self.exporter._publisher is not None:
            self.exporter._publisher.attempt()

    def tick(self, seconds: float = 61) -> None:
        """Let time pass, and do what is due."""
        self.hands.pass_time(seconds)
        attempt(lambda: self.exporter.tick(self.hands.wall))

    def stop(self) -> None:
        """Stop in order."""
        self.exporter.stop(5.0)


def attempt(action: Callable[[], object]) -> bool:
    """Do as the delivery does: try again for a while; tell whether it was done."""
    for _ in range(ATTEMPTS):
        with suppress(ExportError):
            action()
            return True
    return False


def note_signatures(base: Path) -> None:
    """Write down what is going to be signed, before anybody can see it."""
    noted = _appending(base / "signed")
    sign = Signer.sign

    def noting(self: Signer, size: int, root: bytes) -> bytes:
        os.write(noted, f"{self.vkeys[0].partition('+')[0]} {size} {root.hex()}\n".encode())
        return sign(self, size, root)

    Signer.sign = noting  # type: ignore[method-assign]


def publish_on_this_thread() -> None:
    """Let every call be made on one thread, so that its number is always the same."""
    Publisher.start = lambda self: None  # type: ignore[method-assign]
    Publisher.wake = Publisher.attempt  # type: ignore[method-assign]


def choose_the_same(seed: str) -> None:
    """Let what is chosen at random be the same in every run of this name."""
    numbers = count()

    def chosen(size: int) -> bytes:
        return hashlib.shake_128(f"{seed} {next(numbers)}".encode()).digest(size)

    def generate() -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(chosen(32))

    secrets.token_bytes = chosen  # type: ignore[assignment]
    secrets.token_hex = lambda size: chosen(size).hex()  # type: ignore[assignment, misc]
    secrets.randbits = lambda k: int.from_bytes(chosen(k // 8))
    Ed25519PrivateKey.generate = generate  # type: ignore[method-assign]


def short_segments() -> None:
    """Let a segment of the write-ahead log hold a few records only."""

    def short(directory: Path, origin: str, size: int, _: int) -> Wal:
        return Wal(directory, origin, size, 3_000)

    opening.Wal = short  # type: ignore[attr-defined, assignment]


_open, _close = os.open, os.close
"""The real ones: no fault is to happen to what the test itself notes."""


def _appending(path: Path) -> int:
    return _open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)


# What was before.


def nothing(base: Path) -> None:
    """There is no log yet."""


def earlier(base: Path) -> None:
    """A log of an earlier run that ended in order."""
    first = Session(base, "boot-1", 0)
    first.start()
    first.export(policy_change(), window=0)
    first.publish()
    first.export(alert(), window=1)
    first.stop()


def nearly_full_tile(base: Path) -> None:
    """A log of 250 records: a few more complete a bundle, its tile and one above it."""
    first = Session(base, "boot-1", 0)
    first.start()
    first.export(policy_change(), *(judged(n) for n in range(1, 122)), window=0)
    first.stop()
    # The resumption makes 247, the struck run goes beyond 256.


def killed(base: Path) -> Session:
    """A run that was killed with records that are not published yet."""
    first = Session(base, "boot-1", 0)
    first.start()
    first.export(policy_change(), window=0)
    first.publish()
    for window in (1, 2, 3):
        first.export(window=window)
    return first


def torn(base: Path) -> None:
    """Killed while it wrote a frame, and while it wrote a tile."""
    killed(base)
    with segment_paths(base / "audit")[-1].open("ab") as file:
        file.write(b"\0\0\2\0torn")
    (base / "audit/tile/0/.000.tmp").write_bytes(b"torn")


def headless(base: Path) -> None:
    """Killed while it wrote the header of a new segment."""
    killed(base)
    last = segment_paths(base / "audit")[-1]
    (last.parent / f"{99:020d}.wal").write_bytes(b"AWAL1\n")


def damaged(base: Path) -> None:
    """The newest segment is damaged where records are published already."""
    earlier(base)
    _damage(base, 1 / 3)


def damaged_before_published(base: Path) -> None:
    """One unpublished record is damaged; those behind it are not."""
    killed(base)
    _damage(base, 1 / 2)
    # What the disk itself destroyed is not what a crash may lose.
    content = (base / "acknowledged").read_text().splitlines()
    (base / "acknowledged").write_text("".join(f"{n}\n" for n in content if n != "1"))


def _damage(base: Path, share: float) -> None:
    path = segment_paths(base / "audit")[-1]
    content = bytearray(path.read_bytes())
    content[int(len(content) * share)] ^= 1
    path.write_bytes(content)


def small_segments(base: Path) -> None:
    """A log in several segments."""
    short_segments()
    earlier(base)


def two_epochs(base: Path) -> None:
    """An epoch that ended, and the one after it."""
    first = Session(base, "boot-1", 0, epoch_length="1d")
    first.start()
    first.export(policy_change(), judged(100), what="expired")
    first.tick(DAY)
    first.export(policy_change(), window=0)
    first.stop()
    (base / "acknowledged").write_text("0\n")


def sealed(base: Path) -> None:
    """A decision with a sealed text."""
    session = Session(base, "boot-1", 0)
    session.start()
    session.export(policy_change(), window=0)
    _decide(session)
    session.stop()


# What is struck.


def grow(base: Path, **options: Any) -> None:
    """Go on: export, publish, beat, stop."""
    session = Session(base, "boot-2", 600, **options)
    session.start()
    session.export(policy_change(), window=10)
    session.publish()
    session.export(alert(closed_at=1_800_000_000), window=11)
    session.tick()
    session.export(window=12)
    session.stop()


def begin(base: Path) -> None:
    """The first run of all, with ballast."""
    grow(base, ballast_mb=1)


def grow_in_segments(base: Path) -> None:
    """Begin new segments, and drop those that are published."""
    short_segments()
    session = Session(base, "boot-2", 600)
    session.start()
    for window in (10, 11, 12):
        session.export(window=window)
        session.publish()
    session.tick(3_700)
    session.stop()


def fill_a_tile(base: Path) -> None:
    """Go beyond record 256, and a little further."""
    session = Session(base, "boot-2", 600)
    session.start()
    session.export(window=200)
    session.publish()
    session.export(*(judged(n) for n in range(201, 205)), window=10)
    session.publish()
    session.export(window=11)
    session.stop()


def rotate(base: Path) -> None:
    """Replace the key, and forget the old one."""
    session = Session(base, "boot-2", 600, key_overlap="1m")
    session.start()
    with suppress(OSError):
        signer.request_rotation(base / "audit.state")
    session.tick(1)
    session.export(window=10)
    session.publish()
    session.tick()
    session.tick(1)
    session.export(window=11)
    session.stop()


def next_epoch(base: Path) -> None:
    """End the epoch, and begin the next one."""
    session = Session(base, "boot-2", DAY - 30, epoch_length="1d")
    session.start()
    session.export(window=10)
    session.tick(61)
    session.export(policy_change(), window=11)
    session.publish()
    session.tick(1)
    session.stop()


def expire(base: Path) -> None:
    """Delete the epoch that was kept long enough."""
    session = Session(base, "boot-2", 3 * DAY, retention="1d", epoch_length="9d")
    session.start()
    session.export(window=10)
    session.tick(3_700)
    session.stop()


def decide(base: Path) -> None:
    """Record a decision with a sealed text under a new pseudonym, and a request of a command."""
    session = Session(base, "boot-2", 600)
    session.start()
    _decide(session)
    with suppress(OSError):
        data = {"what": "actor", "key": "2026q1-00"}
        requests.ask(base / "audit.state", "privacy.erasure", session.hands.wall, data)
    session.tick()
    session.stop()


def _decide(session: Session) -> None:
    at = place.locate(session.base / "audit")
    with suppress(OSError):
        made = decided(
            at, DECISION, account=ACCOUNT, authn="oidc", now=session.hands.wall, note=NOTE
        )
        session.export(made, what=f"note {made.data['note']}")


def erase(base: Path) -> None:
    """Erase the person and the text, then go on."""
    at = place.locate(base / "audit")
    _close(_appending(base / "erasing"))
    notes = [line for line in (base / "acknowledged").read_text().split() if ":" in line]
    with suppress(OSError, vault.NotInVault):
        found: list[tuple[vault.Target, dict[str, Any]]]
        found = [(t, {"what": "blob", "blob": n}) for n in notes for t in blob_targets(at.state, n)]
        found += [(t, {"what": "actor", "key": t.key}) for t in actor_targets(at.state, ACCOUNT)]
        requests.erase(at, Hands().wall, found)
    grow(base)


class Scenario(NamedTuple):
    """What was before, and what is struck."""

    prepare: Callable[[Path], object]
    run: Callable[[Path], None]


SCENARIOS: dict[str, Scenario] = {
    "begins": Scenario(nothing, begin),
    "grows": Scenario(earlier, grow),
    "fills a tile": Scenario(nearly_full_tile, fill_a_tile),
    "new segments": Scenario(small_segments, grow_in_segments),
    "rotates its key": Scenario(earlier, rotate),
    "next epoch": Scenario(earlier, next_epoch),
    "old epoch expires": Scenario(two_epochs, expire),
    "was killed": Scenario(killed, grow),
    "torn end": Scenario(torn, grow),
    "segment without header": Scenario(headless, grow),
    "damaged": Scenario(damaged, grow),
    "damaged, records taken over": Scenario(damaged_before_published, grow),
    "sealed texts": Scenario(earlier, decide),
    "erased": Scenario(sealed, erase),
}

"""Copies a served log, and takes over nothing that the tree of a signed checkpoint does not cover.

What is there already is not fetched again, but hashed again; what is new waits in `<copy>.partial`
until all of it is there, agrees with its checkpoints, and these are signed by keys that are
believed (`trust.py`).  Only then the copy is touched, and nothing is fetched any more.  What the
copy showed before is kept beside it first (`pinned.py`): a server that goes back behind it, or
tells another story, is found out.  Then the copy stays as it was, and the server's checkpoint is
kept in `<copy>.evidence`.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from exporters.audit.findings import Finding
from exporters.audit.format.checkpoint import Checkpoint
from exporters.audit.format.note import Vkey
from exporters.audit.read.bounds import MOST_EPOCHS, require_room, require_signer
from exporters.audit.read.epochs import EPOCHS
from exporters.audit.read.evidence import Remembered, signed_by
from exporters.audit.read.files import kept_path, kept_sizes
from exporters.audit.read.keys import known_keys
from exporters.audit.read.pinned import memory, pin, pinned_keys, remember
from exporters.audit.read.source import Folder, Part, Source, SourceError
from exporters.audit.read.taking import (
    Advance,
    Refused,
    Taken,
    copy_kept,
    read_checkpoint,
    take,
    take_blobs,
    take_kept,
    write,
)
from exporters.audit.read.trust import believe
from exporters.audit.types import Previous

_TOP = ("tile", "checkpoints", "checkpoint")


@dataclass(slots=True)
class Pulled:
    """What came of it: the newest checkpoint, and what is wrong with the server's log."""

    checkpoint: Checkpoint | None = None
    problems: list[Finding] = field(default_factory=list)


def pull(
    source: Source,
    copy: Path,
    *,
    keys: Collection[Vkey] = (),
    signed: bool = True,
    advance: Advance = lambda count: None,
) -> Pulled:
    """Copy the log of `source` into the directory `copy`, or bring a copy up to date.

    Only what `keys` vouch for is taken over; without any, what the keys do that earlier pulls
    pinned, or at the first one what the log names itself.  Not `signed`: signatures are left to
    somebody who verifies the copy at once.  `advance` is called with the number of entries done
    since.  Raises `SourceError` when the log cannot be read, `EvidenceError` when what was kept
    cannot, OSError when the copy cannot be written; then the next call goes on.
    """
    served = source.read("checkpoint")
    if served is None:
        raise SourceError(f"{source.name} has no `checkpoint`: there is no log, or not yet")
    run = _Pull(source, copy, keys, advance, signed=signed)
    try:
        run.pulled.checkpoint = read_checkpoint(served, f"{source.name}/checkpoint")
        run.take_over(served, run.pulled.checkpoint)
    except Refused as refused:
        run.give_up(refused, served)
    return run.pulled


class _Pull:
    def __init__(
        self,
        source: Source,
        copy: Path,
        keys: Collection[Vkey],
        advance: Callable[[int], None],
        *,
        signed: bool,
    ) -> None:
        self._source, self._copy, self._advance, self._signed = source, copy, advance, signed
        self._partial = copy.with_name(f"{copy.name}.partial")
        pinned = pinned_keys(copy)
        self._roots = set(keys) or set(pinned)
        self._known = {*keys, *pinned}
        remember(copy, self._known)
        self._memory = memory(copy, self._known)
        self._top: str | None = None
        self.pulled = Pulled()

    def give_up(self, refused: Refused, served: bytes) -> None:
        """Keep nothing of what was refused but its checkpoint, as evidence."""
        self.pulled.problems.append(refused.finding)
        self.keep_evidence(served)
        shutil.rmtree(self._partial, ignore_errors=True)

    def keep_evidence(self, note: bytes) -> None:
        """Keep a checkpoint that is not what it should be beside the copy."""
        digest = sha256(note).hexdigest()[:16]
        write(self._copy.with_name(f"{self._copy.name}.evidence") / f"checkpoint-{digest}", note)

    def take_over(self, served: bytes, said: Checkpoint) -> None:
        """Fetch everything, judge it, and only then change the copy. Raises `Refused`."""
        self._compare(served, said)
        self._top = self._find_top(said)
        folders, seen = self._folders(said.origin), self._roots_of(said.origin)
        if self._signed:
            self._require_signer(served, said)
        require_room(said, self._copy, folders)
        newest = take(self._source, "", served, folders, seen, self._advance)
        epochs = [*self._older(newest), newest]
        self._fetch_rest(epochs)
        signers: set[Vkey] = set()
        if self._signed:
            signers = self._believe(epochs)
        hint = self._hint()
        if self._signed:
            pin(self._copy, {*self._known, *signers})
        if self._top not in (None, said.origin):
            self._move_top(str(self._top))
        for taken in epochs:
            self._move(taken)
        if hint:
            write(self._copy / "log.json", hint)
        shutil.rmtree(self._partial, ignore_errors=True)

    # What was seen before.

    def _compare(self, served: bytes, said: Checkpoint) -> None:
        """Refuse a log that is behind what was seen of it, before anything is fetched."""
        try:
            for seen in self._memory:
                _compare(said, seen)
        except Refused as refused:
            known = [key for key in self._roots if key.name == said.origin]
            if known and refused.finding.code != "wrong_log" and not signed_by(served, known):
                detail = f"no key that is believed signed it ({refused.finding.detail})"
                raise Refused("key_unknown", "checkpoint", detail) from refused
            raise

    def _require_signer(self, served: bytes, said: Checkpoint) -> None:
        """Refuse a log that no known key can have signed. Raises `Refused`."""
        known = [key for key in self._roots if key.name == said.origin]
        seen = (s for s in self._memory if s.origin == said.origin)
        signed = [s.size for s in seen if signed_by(s.signed or b"", known)]
        if known:
            require_signer(self._source, served, said, known, max(signed, default=0))

    def _find_top(self, said: Checkpoint) -> str | None:
        """Return the origin of the copy's newest epoch. Raises `Refused` if it cannot stay."""
        content = Folder(self._copy).read("checkpoint")
        try:
            origin = read_checkpoint(content or b"", "checkpoint").origin
        except Refused:
            return None
        if origin != said.origin and not any(seen.origin == origin for seen in self._memory):
            detail = (
                f"what is in {self._copy} is {origin}, and not signed by a key that is believed"
            )
            raise Refused("key_unknown", "checkpoint", f"{detail}; pull into another directory")
        return origin

    def _roots_of(self, origin: str) -> dict[int, bytes]:
        return {seen.size: seen.root for seen in self._memory if seen.origin == origin}

    # Fetching.

    def _folders(self, origin: str) -> list[Path]:
        """Return where files of an epoch may be; the first is where what is new waits."""
        waiting = self._partial / sha256(origin.encode()).hexdigest()[:16]
        put_away = self._copy / EPOCHS / _name(origin)
        return [waiting, *([self._copy] if self._top in (None, origin) else []), put_away]

    def _older(self, newest: Taken) -> list[Taken]:
        """Fetch the epochs before, each named by the first record of the one after it."""
        found: list[Taken] = []
        after, before = newest, _before(newest)
        while before is not None:
            try:
                _require_earlier(before, after, len(found))
                taken = self._take_older(before.origin, _linked(before))
            except Refused as refused:
                self.pulled.problems.append(refused.finding)
                break
            if taken is None:
                break
            found.insert(0, taken)
            after, before = taken, _before(taken)
        return found

    def _take_older(self, origin: str, linked: dict[int, bytes]) -> Taken | None:
        """Fetch one; of one that the server no longer has, what is here stands."""
        place = f"{EPOCHS}/{_name(origin)}/"
        local = Folder(self._copy)
        for source in (Part(self._source, place), Part(local, place), local):
            served = source.read("checkpoint")
            if served is None:
                continue
            said = read_checkpoint(served, f"{source.name}/checkpoint")
            if said.origin != origin:
                continue
            for seen in self._memory:
                if seen.origin == origin:
                    _compare(said, seen)
            if any(size > said.size for size in linked):
                detail = f"the epoch after it says that it had {max(linked)} records"
                raise Refused("rollback", f"{place}checkpoint", detail)
            folders, roots = self._folders(origin), self._roots_of(origin) | linked
            require_room(said, self._copy, folders)
            return take(source, place, served, folders, roots, self._advance)
        return None

    def _fetch_rest(self, epochs: Sequence[Taken]) -> None:
        """Fetch the texts and the kept checkpoints that belong to the epochs."""
        for taken in epochs:
            take_blobs(taken.epoch.source, self._partial, self._copy, taken.blobs)
            if not self._signed:
                copy_kept(taken)
                continue
            known = sorted({*known_keys(taken.epoch, taken.told), *self._roots})
            for problem, content in take_kept(taken, known):
                self.pulled.problems.append(problem)
                self.keep_evidence(content)

    def _believe(self, epochs: list[Taken]) -> set[Vkey]:
        """Leave out epochs before the newest that no believed key signed; return who signed."""
        signers, refused = believe(epochs, self._roots)
        for taken, why in refused:
            epochs.remove(taken)
            self.pulled.problems.append(why.finding)
            self.keep_evidence(taken.epoch.signed)
        return signers

    def _hint(self) -> bytes:
        try:
            hint = json.loads(self._source.read("log.json") or b"{}")
        except (ValueError, RecursionError):
            return b""
        if not isinstance(hint, dict) or not hint:
            return b""
        # Where its private files are is true on the log's own machine only.
        hint.pop("state", None)
        return json.dumps(hint, indent=2).encode() + b"\n"

    # Changing the copy.

    def _move_top(self, origin: str) -> None:
        """Move the copy's newest epoch to where older ones are; its checkpoint goes last."""
        target = self._copy / EPOCHS / _name(origin)
        for name in _TOP:
            top = self._copy / name
            for path in [top] if top.is_file() else sorted(top.rglob("*")):
                if path.is_file():
                    _put(path, target / path.relative_to(self._copy))
            shutil.rmtree(top, ignore_errors=True)

    def _move(self, taken: Taken) -> None:
        """Take over what was checked; the checkpoint goes last."""
        home = self._copy / taken.epoch.place
        put_away = self._copy / EPOCHS / _name(taken.epoch.origin)
        if home == self._copy and put_away.is_dir():
            # A pull that was shown an epoch after this one, and cut off, left it there.
            kept = map(kept_path, kept_sizes(Folder(put_away)))
            here = [path for path in (*taken.paths, *kept) if not (home / path).exists()]
            self._put_all(put_away, home, here)
            shutil.rmtree(put_away)
        self._put_all(taken.new, home, [*taken.paths, *map(kept_path, taken.listed)])
        self._put_all(self._partial, self._copy, [f"blobs/{name}" for name in taken.blobs])
        write(home / kept_path(taken.epoch.checkpoint.size), taken.epoch.signed)
        write(home / "checkpoint", taken.epoch.signed)

    def _put_all(self, folder: Path, target: Path, paths: Sequence[str]) -> None:
        for path in paths:
            if (folder / path).is_file():
                _put(folder / path, target / path)


def _compare(served: Checkpoint, seen: Remembered) -> None:
    """Refuse a checkpoint that goes back behind one that was seen."""
    origin = seen.origin or ""
    if origin == served.origin:
        if seen.size > served.size:
            detail = f"{seen.size} records were seen before; now there are {served.size}"
            raise Refused("rollback", "checkpoint", detail)
        if seen.size == served.size and seen.root != served.root:
            detail = f"another root was seen before at size {seen.size}"
            raise Refused("fork", "checkpoint", detail)
    elif origin.rpartition("/")[0] != served.origin.rpartition("/")[0]:
        raise Refused("wrong_log", "checkpoint", f"this is a copy of {origin}")
    elif origin > served.origin:
        detail = f"epoch {origin} was seen before; now the newest is {served.origin}"
        raise Refused("rollback", "checkpoint", detail)


def _before(taken: Taken) -> Previous | None:
    return None if taken.epoch.genesis is None else taken.epoch.genesis.previous


def _require_earlier(before: Previous, after: Taken, count: int) -> None:
    """Refuse a chain of epochs without an end: their names fall, and there are not so many."""
    where = f"{after.epoch.place}entry 0"
    if _name(before.origin) >= _name(after.epoch.origin):
        detail = f"it names {before.origin} before it, which is not earlier"
        raise Refused("epoch_unlinked", where, detail)
    if count >= MOST_EPOCHS:
        detail = f"more than {MOST_EPOCHS} epochs are said to be before the newest"
        raise Refused("epoch_unlinked", where, detail)


def _linked(said: Previous) -> dict[int, bytes]:
    """Return the root that an epoch names of the one before."""
    return {said.size: base64.b64decode(said.root)} if said.size and said.root is not None else {}


def _name(origin: str) -> str:
    """Return the folder of an epoch. Raises `Refused` if it is the name of none."""
    name = origin.rpartition("/")[2]
    if not (name.isascii() and name.isalnum()):
        raise Refused("checkpoint_malformed", "checkpoint", f"{name[:80]!r} is no epoch's name")
    return name


def _put(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)

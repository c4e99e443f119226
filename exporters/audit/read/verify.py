"""Verifies a published log from its files alone: signatures, trees, epochs, records.

Three passes over each epoch at most: its entries are hashed, then read, then its checkpoints are
compared.  Nothing is changed, and no lock is taken: a log may be verified while it is written.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from exporters.audit import blobs, place
from exporters.audit.findings import OF_RECORDS, PUBLISHED, REPLAY, Findings, Verification
from exporters.audit.format import checkpoint, note
from exporters.audit.format.checkpoint import Checkpoint, CheckpointError
from exporters.audit.format.note import Vkey
from exporters.audit.read import links
from exporters.audit.read.checked import Checked
from exporters.audit.read.content import ContentChecks
from exporters.audit.read.continuity import ContinuityChecks
from exporters.audit.read.epochs import Epoch, find_epochs
from exporters.audit.read.evidence import Evidence, Remembered, signed_by
from exporters.audit.read.files import kept_path, kept_sizes
from exporters.audit.read.keys import believed_keys, first_keys, known_keys, next_key, signers
from exporters.audit.read.records import Reader, read_records
from exporters.audit.read.replay import Replay
from exporters.audit.read.source import Folder
from exporters.audit.read.tree import Advance, check_tree
from exporters.audit.seal import ReplayKey

Progress = Callable[[int, int], None]
"""Called now and then with the entries done so far and in all."""


def verify_published(
    directory: Path,
    evidence: Evidence,
    *,
    replay: bool = False,
    unseal: Mapping[str, ReplayKey] | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Verify the published log in `directory`, all its epochs, against `evidence`.

    `replay` judges the logged signals again, with those that are sealed as far as the keys in
    `unseal` (by id; None: none was given) open them.
    Raises `SourceError` if a file that is there cannot be read.
    """
    findings = Findings()
    if not any((directory / name).exists() for name in ("checkpoint", "tile", "epochs")):
        findings.add("no_records", str(directory), _nothing_in(directory))
        return findings.conclude(None, 0, checks=PUBLISHED, notes=(), unmade=PUBLISHED)
    epochs = find_epochs(Folder(directory), findings)
    run = _Run(directory, evidence, findings, [Checked(epoch) for epoch in epochs])
    again = Replay(findings, run.blob_text, unseal) if replay else None
    run.check(again, progress)
    newest = epochs[-1].checkpoint if epochs else None
    return findings.conclude(
        newest.origin if newest else None,
        newest.size if newest else 0,
        base64.b64encode(newest.root).decode() if newest else None,
        checks=PUBLISHED | (REPLAY if replay else {}),
        notes=tuple(run.notes),
        unmade=run.unmade(),
    )


class _Run:
    def __init__(
        self, directory: Path, evidence: Evidence, findings: Findings, checked: list[Checked]
    ) -> None:
        self._directory, self._evidence = directory, evidence
        self._findings, self._checked = findings, checked
        self.notes: list[str] = []
        self._believed: set[Vkey] = set()
        self._gone: set[str] = set()
        self._unvouched: str | None = None

    def check(self, again: Replay | None, progress: Progress | None) -> None:
        """Make every check, oldest epoch first."""
        advance = _counter(progress, 2 * sum(checked.size for checked in self._checked))
        for number, checked in enumerate(self._checked):
            self._findings.prefix = checked.epoch.place
            checked.kept = kept_sizes(checked.epoch.source)
            wanted = {*checked.kept, *self._wanted(number)}
            epoch = checked.epoch
            checked.tree = check_tree(
                epoch.source, epoch.checkpoint, wanted, self._findings, advance
            )
        self._records(again, advance)
        self._keys_and_history()
        self._gone = links.check_links(self._checked, self._findings)
        self._findings.prefix = ""
        self._memory()

    def unmade(self) -> Collection[str]:
        """Return the checks that could not be made, or not on every record."""
        if not self._checked:
            return {**PUBLISHED, **REPLAY}
        unread = any(c.tree.unread or c.tree.altered for c in self._checked)
        return OF_RECORDS if unread else ()

    def _wanted(self, number: int) -> set[int]:
        """Return the sizes at which something outside an epoch names its root."""
        origin = self._checked[number].epoch.origin
        sizes = {r.size for r in self._evidence.remembered if r.origin in (None, origin)}
        for later in self._checked[number + 1 :]:
            previous = later.epoch.genesis.previous if later.epoch.genesis else None
            if previous is not None and previous.origin == origin and previous.size is not None:
                sizes.add(previous.size)
        return sizes

    def _records(self, again: Replay | None, advance: Advance) -> None:
        content = ContentChecks(self._findings, lambda d: blobs.problem(self._directory, d))
        continuity = ContinuityChecks(self._findings, self.blob_text)
        readers: list[Reader] = [content, continuity, *([again] if again else [])]
        for checked in self._checked:
            self._findings.prefix = checked.epoch.place
            content.begin(checked.epoch.origin.rpartition("/")[2])
            checked.told = read_records(
                checked.epoch, checked.tree.altered, readers, self._findings, advance
            )
        self._findings.prefix = ""
        content.conclude()
        continuity.conclude()
        if again is not None:
            again.conclude()
            self.notes.append(f"{again.compared} verdicts were judged again.")
            if again.opened:
                self.notes.append(f"Sealed values of {again.opened} windows were used for that.")

    def blob_text(self, digest: str) -> bytes | None:
        """Return the text of a blob, None if it is not there."""
        return Folder(self._directory).read(f"{blobs.FOLDER}/{digest.removeprefix('sha256:')}")

    # Keys and the log's own checkpoints.

    def _keys_and_history(self) -> None:
        brought = self._evidence.keys
        origins = {checked.epoch.origin for checked in self._checked}
        for key in brought:
            if key.name not in origins and self._checked:
                detail = f"no epoch here is that of the key {key}"
                self._findings.add("key_unknown", "checkpoint", detail)
        vouched: set[Vkey] = set()
        for checked in self._checked:
            epoch, told = checked.epoch, checked.told
            self._findings.prefix = epoch.place
            start = [key for key in (*brought, *vouched) if key.name == epoch.origin]
            checked.known = sorted({*known_keys(epoch, told), *start})
            seen = self._history(checked)
            own = not start
            start = start or first_keys(epoch, told)
            checked.believed = believed_keys(told, start, seen, self._findings)
            signed = signers(epoch.signed, checked.known, "checkpoint", self._findings)
            if signed is not None and not signed & checked.believed:
                who = ", ".join(str(key) for key in sorted(signed))
                detail = f"it is signed by {who}, which nothing vouches for"
                self._findings.add("key_unknown", "checkpoint", detail)
            elif signed and own and any(self._is_before(key, epoch) for key in brought):
                detail = "the epoch whose key was given does not name this epoch's key"
                self._findings.add("key_unvouched", "checkpoint", detail, "UNKNOWN")
            closing = next_key(told)
            by_its_own_word = own and bool(brought)
            vouched = set()
            if closing is not None and not by_its_own_word:
                vouched = {closing}
            if not (own and any(self._is_before(key, epoch) for key in brought)):
                self._believed |= checked.believed | vouched

    def _is_before(self, key: Vkey, epoch: Epoch) -> bool:
        """Tell whether a key that was brought is of an epoch before this one."""
        for checked in self._checked:
            if checked.epoch is epoch:
                return False
            if checked.epoch.origin == key.name:
                return True
        return False

    def _history(self, checked: Checked) -> dict[int, set[Vkey]]:
        """Compare the checkpoints that the log kept; return who signed which."""
        seen: dict[int, set[Vkey]] = {}
        for size in checked.kept:
            where = kept_path(size)
            content = checked.epoch.source.read(where)
            if content is None:
                continue
            try:
                opened = note.open(content, checked.known)
                said = checkpoint.parse(opened.text)
            except (note.NoteError, CheckpointError) as error:
                self._findings.add("kept_checkpoint_altered", where, str(error))
                continue
            seen[size] = {verified.key for verified in opened.verified}
            if (said.size, said.origin) != (size, checked.epoch.origin):
                detail = f"it is of size {said.size} of {said.origin}"
                self._findings.add("kept_checkpoint_altered", where, detail)
            elif size > checked.size:
                self._beyond(checked, said, where)
            elif checked.root_at(size) not in (None, said.root):
                detail = f"the log signed another root for its first {size} records"
                self._findings.add("history_forked", where, detail)
        return seen

    def _beyond(self, checked: Checked, kept: Checkpoint, where: str) -> None:
        """Say what it means that the log kept a checkpoint beyond the one that it shows.

        A writer that ends between keeping one and exposing it leaves one, with all its records.
        """
        if self._grew(checked, kept.size):
            return
        alone = [size for size in checked.kept if size > checked.size] == [kept.size]
        if alone and _is_here(checked.epoch, kept):
            checked.unshown = kept
            detail = (
                f"{kept.size} records are here and signed ({where}), of which it covers "
                f"{checked.size} and only these were checked: the agent ended before it showed the "
                "rest, and does so when it starts again; or the checkpoint before was put back"
            )
            self._findings.add("checkpoint_behind", "checkpoint", detail, "UNKNOWN")
        else:
            detail = f"the log was {kept.size} records long; now it says {checked.size}"
            self._findings.add("rollback", where, detail)

    def _grew(self, checked: Checked, size: int) -> bool:
        """Tell whether the log was being written while it was read."""
        now = checked.epoch.source.read("checkpoint")
        try:
            return now is not None and checkpoint.parse(note.split(now)[0]).size >= size
        except (note.NoteError, CheckpointError):
            return False

    # What others remember.

    def _memory(self) -> None:
        youngest = -1
        for remembered in self._evidence.remembered:
            if self._checked and remembered.size > 0 and self._counts(remembered):
                youngest = max(youngest, self._recall(remembered))
        if youngest < 0 and self._checked:
            detail = (
                "nothing here shows that the log was not rewritten or cut; give a checkpoint that "
                "was kept elsewhere (--against)"
            )
            if self._unvouched is not None:
                detail += (
                    f" of {self._checked[-1].epoch.origin}, or its key (--key): what was given is "
                    f"of {self._unvouched}, and nothing signed there names the newest epoch's key"
                )
            self._findings.add("no_external_checkpoint", "checkpoint", detail, "UNKNOWN")
        elif self._checked:
            size = self._checked[-1].size
            younger = max(0, size - youngest)
            self.notes.append(
                f"{younger} of {size} records are younger than the newest checkpoint that "
                "was kept elsewhere: of these only the log itself speaks."
            )

    def _counts(self, remembered: Remembered) -> bool:
        """Tell whether a checkpoint can be held against the log; say why not.

        Once it is known who signs, what somebody else signed could make any log look rewritten.
        """
        evidence = self._evidence
        if remembered.signed is None or not (evidence.keys or remembered.pulled):
            return True
        known = {key for checked in self._checked for key in checked.known}
        known |= {*self._believed, *evidence.keys, *evidence.pinned}
        if remembered.pulled and evidence.pinned:
            if not signed_by(remembered.signed, known):
                self.notes.append(f"{remembered.where} is left out: no key of this log signed it.")
                return False
            return True
        of_epoch = [key for key in known if key.name == remembered.origin]
        if not of_epoch or signed_by(remembered.signed, of_epoch):
            return True
        detail = (
            f"no known key of {remembered.origin} signed it, so it proves nothing; if the one that "
            "did is the log's, give that with --key"
        )
        self._findings.add("checkpoint_unverified", remembered.where, detail, "UNKNOWN")
        return False

    def _recall(self, remembered: Remembered) -> int:
        """Hold the log against a checkpoint; return up to where it shows the newest epoch."""
        checked = self._epoch_of(remembered)
        if checked is None:
            self._lost(remembered)
            return 0
        here = checked.root_at(remembered.size)
        if remembered.size > checked.size:
            detail = f"it is of {remembered.size} records; the log has {checked.size}"
            kept = checked.unshown
            if kept and (kept.size, kept.root) == (remembered.size, remembered.root):
                detail += (
                    "; it is kept there with all its records, though: witnesses see a checkpoint "
                    "a moment before it is shown, everybody else afterwards"
                )
            self._findings.add("rollback", remembered.where, detail)
        elif here is not None and here != remembered.root:
            detail = f"the log had another root at size {remembered.size}{self._proof(remembered)}"
            self._findings.add("fork", remembered.where, detail)
        if checked is self._checked[-1]:
            return remembered.size
        brought = [key.name for key in self._evidence.keys]
        if links.leads_to_newest(self._checked, checked, brought):
            return 0
        self._unvouched = checked.epoch.origin
        return -1

    def _epoch_of(self, remembered: Remembered) -> Checked | None:
        if remembered.origin is not None:
            return next((c for c in self._checked if c.epoch.origin == remembered.origin), None)
        same = (c for c in self._checked if c.root_at(remembered.size) == remembered.root)
        return next(same, self._checked[-1])

    def _lost(self, remembered: Remembered) -> None:
        origin = remembered.origin or ""
        if origin in self._gone:
            detail = f"{origin} was deleted when its time was over, as the log says"
            self._findings.add("epoch_expired", remembered.where, detail, "UNKNOWN")
        elif origin.rpartition("/")[0] == self._checked[-1].epoch.origin.rpartition("/")[0]:
            detail = f"epoch {origin} is not here"
            self._findings.add("rollback", remembered.where, detail)
        else:
            detail = f"it is of {origin}, the log is {self._checked[-1].epoch.origin}"
            self._findings.add("wrong_log", remembered.where, detail)

    def _proof(self, remembered: Remembered) -> str:
        known = [key for checked in self._checked for key in checked.known]
        try:
            if remembered.signed is not None and note.open(remembered.signed, known):
                return "; the log's own key signed both"
        except note.NoteError:
            pass
        return ""


def _is_here(epoch: Epoch, said: Checkpoint) -> bool:
    """Tell whether the files of an epoch hold the whole tree of a checkpoint."""
    aside = Findings()
    tree = check_tree(epoch.source, said, (), aside)
    return tree.holds and not aside


def _nothing_in(directory: Path) -> str:
    state = place.find(directory).state
    if (state / "wal").is_dir():
        return (
            f"nothing is published yet; run the agent, which publishes what is in {state}, "
            f"or verify {state} itself"
        )
    return "there is neither a checkpoint nor a tile"


def _counter(progress: Progress | None, total: int) -> Advance:
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    return advance

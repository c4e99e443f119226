"""A clean published log, and every way of tampering with it that the auditor must find.

`TAMPERINGS` is the table of `docs/audit.md` ("What it detects"): each line has what was done, what
the auditor has besides the log, and exactly the finding codes that come of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit import seal, vault
from exporters.audit.format import bundle, checkpoint, merkle, note, tiles
from exporters.audit.format.note import Vkey
from exporters.audit.jcs import canonical
from exporters.audit.read.files import kept_path
from exporters.audit.types import MomentMs  # noqa: F401 - the form of `time` in records
from policies.effective import Policy, Rule, policy_text
from policies.engine import evaluate, judging_of
from policies.memory import Memory
from policies.model import Alert, Notice, Report, unmeasured
from tests.support import tampering_records as by_holder
from tests.support.forgeries import FORGERIES
from tests.support.tampering_records import window_at
from tests.unit.exporters.audit.logs import NOTHING, Hands, number, writer
from tests.unit.exporters.samples import START, alert, gap, psi, report

Given = Literal["nothing", "key", "first", "checkpoint", "both", "replay", "unseal"]
GIVEN: dict[Given, str] = {
    "nothing": "the log alone",
    "key": "the public key",
    "first": "the public key of its first epoch",
    "checkpoint": "a checkpoint kept elsewhere",
    "both": "the public key and a checkpoint kept elsewhere",
    "replay": "the log alone, with `--replay`",
    "unseal": "its replay key, with `--replay`",
}
REPORTS_PER_HEARTBEAT = 40
HEARTBEATS = 4


def write_clean(base: Path, origin: str = "bank/loans") -> Path:
    """Write a log of some 330 records with the real writer; return its published directory.

    Its verdicts are the engine's under its policy; halfway its checkpoint is copied to
    `base/kept`, as somebody else would have kept it.
    """
    hands = Hands()
    exporter = writer(base, hands, origin=origin)
    exporter.start(NOTHING)
    exporter.export(number([policy_notice()]))
    memory: dict[str, Memory] = {}
    for beat in range(HEARTBEATS):
        first = beat * REPORTS_PER_HEARTBEAT
        reports = [judged(i, memory) for i in range(first, first + REPORTS_PER_HEARTBEAT)]
        exporter.export(number([*reports, raised()] if beat == 0 else reports))
        hands.pass_time(60.0)
        exporter.tick(hands.wall)
        if beat == HEARTBEATS // 2:
            exporter.stop(5.0)
            shutil.copy(base / "audit" / "checkpoint", base / "kept")
            hands.pass_time(5.0)
            exporter = writer(base, hands, boot="boot-2", origin=origin)
            exporter.start(NOTHING)
    exporter.stop(5.0)
    return base / "audit"


POLICY = Policy(id="test", rules=(), digest="", text=b"")


GAP = "fairness.statistical_parity_difference"


def _policy() -> Policy:
    rules = [
        _rule("DR-1", "P7", "drift.psi", "feature", {"op": ">", "warn": 0.1, "breach": 0.2}),
        _rule("FA-1", "P2", GAP, "attribute", {"op": "abs>", "warn": 0.05, "breach": 0.15}),
    ]
    text = policy_text({"schema": "pantau.policy/1"}, rules)
    return Policy(id="test", rules=tuple(rules), digest=_digest(text), text=text)


def _rule(name: str, principle: str, signal: str, kind: str, threshold: dict[str, Any]) -> Rule:
    return msgspec.convert(
        {
            "id": name,
            "pack": "test",
            "principle": principle,
            "also": [],
            "title": f"{signal} stays small",
            "signal": signal,
            "subjects": [kind],
            "threshold": threshold,
            "origin": {},
            "basis": "convention",
            "breach_severity": "ticket",
            "warn_severity": "info",
            "persistence": [1, 1],
            "clear_after": 2,
            "inconclusive_after": 7,
            "likely_cause": "",
            "action": "",
            "crosswalk": [],
        },
        Rule,
    )


def policy_notice(policy: Policy | None = None) -> Notice:
    policy = policy or POLICY
    return Notice(
        name="policy.change",
        id=f"policy.change/loan-approval/{policy.digest}",
        time=START,
        system="loan-approval",
        data={"digest": policy.digest, "text": policy.text.decode()},
    )


def raised() -> Alert:
    """Return the alert that the verdicts of DR-1 give."""
    labels = {"rule": "DR-1", "principle": "P7", "attribute": "", "severity": "ticket"}
    made = alert()
    return msgspec.structs.replace(
        made,
        labels=made.labels | labels,
        annotations=made.annotations | {"state": "breach"},
    )


def judged(index: int, memory: dict[str, Memory]) -> Report:
    """Return the report of window `index`, with the engine's verdicts on it."""
    signals = (psi("income", 0.05 + 0.4 * (index % 3)), psi("age", 0.02))
    pair = gap("race", "Black", "White", -0.3 * (index % 2))
    hidden = (pair, msgspec.structs.replace(pair, subject={"attribute": "race"}))
    shown = [
        unmeasured(s.name, s.subject, "suppressed", "published_at:1d", n=None, method=s.method)
        for s in hidden
    ]
    bare = report((*signals, *shown), (), index=index)
    evaluation = evaluate(
        POLICY,
        model_version=bare.model_version,
        window=bare.window,
        signals=bare.signals,
        hidden=hidden,
        coverage=bare.coverage,
        memory=memory,
        longest=True,
    )
    memory.update(evaluation.memory)
    judging = judging_of(POLICY, longest=True, labels=None)
    return msgspec.structs.replace(
        bare, verdicts=evaluation.verdicts, judging=judging, withheld=hidden
    )


class Lab:
    """A copy of a clean log, to be tampered with: its newest epoch, or the one that is named."""

    def __init__(self, base: Path, other: Path, epoch: str | None = None) -> None:
        self.base, self.other = base, other
        self.log = base / "audit" if epoch is None else base / "audit" / "epochs" / epoch
        self.origin, self.size = said(self.log)
        epoch = self.origin.rpartition("/")[2]
        keys = base / "audit.state" / "keys" / f"{epoch}.json"
        seed = json.loads(keys.read_bytes())[0]["seed"]
        self.key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(seed))

    @property
    def vkey(self) -> Vkey:
        """The log's public key."""
        return note.vkey(self.origin, note.public_bytes(self.key))

    @property
    def older(self) -> Lab:
        """The epoch before the newest."""
        (folder,) = (self.log / "epochs").iterdir()
        return Lab(self.base, self.other, folder.name)

    @property
    def first_key(self) -> Vkey:
        """The key that its first epoch began with."""
        return (self.older if (self.log / "epochs").exists() else self).vkey

    def entries(self, log: Path | None = None) -> list[bytes]:
        """Return all entries."""
        folder = log or self.log
        found: list[bytes] = []
        for tile in tiles.tiles_at(-1, said(folder)[1]):
            found += bundle.unpack((folder / tile.path).read_bytes(), tile.width)
        return found

    def records(self) -> list[dict[str, Any]]:
        """Return all records."""
        return [json.loads(entry) for entry in self.entries()]

    def records_now(self) -> list[dict[str, Any]]:
        """Return all records of the log as it is now, also if an agent went on writing."""
        return Lab(self.base, self.other).records()

    def flip(self, path: str, at: int) -> None:
        """Change one bit of a file."""
        content = bytearray((self.log / path).read_bytes())
        content[at] ^= 1
        self.put(path, bytes(content))

    def put(self, path: str, content: bytes) -> None:
        """Write a file over whatever is there."""
        target = self.log / path
        target.unlink(missing_ok=True)
        target.write_bytes(content)

    def first_bundle(self, change: Callable[[list[bytes]], list[bytes]]) -> None:
        """Change the entries of the first bundle, and nothing else."""
        path = tiles.entries_path(0)
        self.put(path, bundle.pack(change(bundle.unpack((self.log / path).read_bytes()))))

    def grow_again(self, entries: Sequence[bytes], key: Ed25519PrivateKey | None) -> None:
        """Make all bundles and tiles anew; with a key the checkpoint too, without its history."""
        shutil.rmtree(self.log / "tile")
        write_tiles(self.log, entries)
        if key is not None:
            shutil.rmtree(self.log / "checkpoints", ignore_errors=True)
            root = merkle.root(map(merkle.leaf_hash, entries))
            text = checkpoint.text(self.origin, len(entries), root)
            self.put("checkpoint", note.sign(text, [(self.origin, key)]))

    def resign(self, change: Callable[[list[dict[str, Any]]], list[dict[str, Any]]]) -> None:
        """Do what the holder of the key can: change records, number them again, sign again."""
        documents = change(self.records())
        for seq, document in enumerate(documents):
            if document["id"] == f"{document['bootid']}-{document['seq']}":
                document["id"] = f"{document['bootid']}-{seq}"
            document["seq"] = seq
        self.grow_again([canonical(document) for document in documents], self.key)


def write_tiles(folder: Path, entries: Sequence[bytes]) -> None:
    """Write the bundles and tiles of a log of these entries."""
    for tile in tiles.tiles_at(-1, len(entries)):
        first = tile.index * tiles.WIDTH
        _put(folder / tile.path, bundle.pack(entries[first : first + tile.width]))
    level = [merkle.leaf_hash(entry) for entry in entries]
    for number_ in range(tiles.tile_levels(len(entries))):
        for tile in tiles.tiles_at(number_, len(entries)):
            first = tile.index * tiles.WIDTH
            _put(folder / tile.path, b"".join(level[first : first + tile.width]))
        whole = range(0, len(level) - tiles.WIDTH + 1, tiles.WIDTH)
        level = [tiles.subtree_of(level[i : i + tiles.WIDTH]) for i in whole]


def write_log(folder: Path, entries: Sequence[bytes], origin: str, key: Ed25519PrivateKey) -> None:
    """Write a whole log of these entries, signed."""
    write_tiles(folder, entries)
    root = merkle.root(map(merkle.leaf_hash, entries))
    signed = note.sign(checkpoint.text(origin, len(entries), root), [(origin, key)])
    _put(folder / "checkpoint", signed)


def said(log: Path) -> tuple[str, int]:
    """Return the origin and size that a log's checkpoint says."""
    found = checkpoint.parse(note.split((log / "checkpoint").read_bytes())[0])
    return found.origin, found.size


# What is done.


def edit_and_hash_again(lab: Lab) -> None:
    documents = lab.records()
    documents[window_at(documents, 7)]["data"]["signals"][0]["value"] = 0.01
    lab.grow_again([canonical(d) for d in documents], None)


def flip_verdict(documents: list[dict[str, Any]], rule: str = "DR-1") -> list[dict[str, Any]]:
    for document in documents:
        if ".policy.verdict." in document["type"]:
            for verdict in document["data"]["verdicts"]:
                if verdict["state"] == "breach" and verdict["rule"] == rule:
                    verdict["state"] = "ok"
                    return documents
    raise AssertionError("the log has no breach")


def flip_sealed(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return flip_verdict(documents, "FA-1")


def swap_seals(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give two windows each other's sealed values."""
    one, two = (documents[window_at(documents, index)]["data"] for index in (4, 5))
    one["sealed"], two["sealed"] = two["sealed"], one["sealed"]
    return documents


def flip_in_seal(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    sealed = documents[window_at(documents, 4)]["data"]["sealed"]
    box = bytearray(base64.b64decode(sealed["box"]))
    box[30] ^= 1
    sealed["box"] = base64.b64encode(box).decode()
    return documents


def seal_another_drift(lab: Lab) -> None:
    """Seal a value for what is published, so that the verdict on it can be another one."""
    (key,) = vault.replay_keys(lab.base / "audit.state")

    def change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        place = window_at(documents, 4)
        record = documents[place]
        sealed = seal.pack([psi("income", 0.01)])
        made = seal.seal(key, seal.log_of(lab.origin), record["id"], sealed)
        record["data"]["sealed"] = msgspec.to_builtins(made)
        return documents

    lab.resign(change)


def remove_seal(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    del documents[window_at(documents, 4)]["data"]["sealed"]
    return documents


def remove_window(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    place = window_at(documents, 10)
    return documents[:place] + documents[place + 2 :]


def remove_signals(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    place = window_at(documents, 10)
    return documents[:place] + documents[place + 1 :]


def remove_heartbeat(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    place = next(i for i, d in enumerate(documents) if ".heartbeat." in d["type"])
    return documents[:place] + documents[place + 1 :]


def swap_policy(lab: Lab, *, record: bool) -> None:
    lax = POLICY.text.replace(b'"breach":0.2', b'"breach":0.9')
    old, new = POLICY.digest.removeprefix("sha256:"), _digest(lax).removeprefix("sha256:")
    if not record:
        lab.put(f"blobs/{old}", lax)
        return
    (lab.log / "blobs" / new).write_bytes(lax)

    def change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for document in documents:
            if ".policy.change." in document["type"]:
                document["data"] |= {"digest": f"sha256:{new}", "blob": f"sha256:{new}"}
        return documents

    lab.resign(change)


def name_another_text(lab: Lab) -> None:
    """Let a record keep its digest and name a text that is there, but another one."""
    lax = POLICY.text.replace(b'"breach":0.2', b'"breach":0.9')
    (lab.log / "blobs" / _digest(lax).removeprefix("sha256:")).write_bytes(lax)

    def change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        for document in documents:
            if ".policy.change." in document["type"]:
                document["data"] |= {"blob": _digest(lax)}
        return documents

    lab.resign(change)


def swap_policy_everywhere(lab: Lab) -> None:
    swap_policy(lab, record=True)
    text = json.dumps(lab.records())
    (old, new) = POLICY.digest, _changed_policy(lab)
    for field in ("policy", "policy_digest"):
        text = text.replace(f'"{field}": "{old}"', f'"{field}": "{new}"')
    lab.resign(lambda _: json.loads(text))


def _changed_policy(lab: Lab) -> str:
    found = next(d for d in lab.records() if ".policy.change." in d["type"])
    digest: str = found["data"]["digest"]
    return digest


def step_back(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Date the records of the second half an hour earlier than they were written."""
    for document in documents[len(documents) // 3 :]:
        hour = int(document["time"][11:13])
        document["time"] = f"{document['time'][:11]}{(hour - 1) % 24:02d}{document['time'][13:]}"
        if hour == 0:
            day = "2025-12-31" if document["time"][:10] == "2026-01-01" else "2026-01-01"
            document["time"] = day + document["time"][10:]
    return documents


def restore_old(lab: Lab, *, clean_up: bool) -> None:
    """Put back the checkpoint that was signed halfway, with or without the traces of later ones."""
    kept = (lab.base / "kept").read_bytes()
    size = checkpoint.parse(note.split(kept)[0]).size
    entries = lab.entries()[:size]
    if clean_up:
        shutil.rmtree(lab.log / "tile")
        write_tiles(lab.log, entries)
        for path in (lab.log / "checkpoints").iterdir():
            if int(path.name) > size:
                path.unlink()
    lab.put("checkpoint", kept)


def sign_with_another_key(lab: Lab) -> None:
    other = Ed25519PrivateKey.from_private_bytes(bytes(32))
    name = str(note.vkey(lab.origin, note.public_bytes(other)))

    def change(documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        documents[0]["data"]["vkeys"] = [name]
        return flip_verdict(documents)

    lab.key = other
    lab.resign(change)


def replace_by_another(lab: Lab) -> None:
    shutil.rmtree(lab.log)
    shutil.copytree(lab.other, lab.log)


def mix_epochs(lab: Lab) -> None:
    theirs = [json.loads(entry) for entry in lab.entries(lab.other)]
    place = window_at(theirs, 20)
    lab.resign(lambda ours: [*ours[:place], *theirs[place : place + 2], *ours[place + 2 :]])


def _insert(entries: list[bytes]) -> list[bytes]:
    return [*entries[:9], entries[9], *entries[9:]]


def _swap(entries: list[bytes]) -> list[bytes]:
    return [*entries[:20], entries[22], entries[21], entries[20], *entries[23:]]


def _rotate_entries(entries: list[bytes]) -> list[bytes]:
    return [*entries[:50], *entries[51:60], entries[50], *entries[60:]]


def _cut(lab: Lab, path: str, keep: int) -> None:
    lab.put(path, (lab.log / path).read_bytes()[:keep])


class Tampering(NamedTuple):
    """One line of the table."""

    what: str
    given: Given
    codes: frozenset[str]
    do: Callable[[Lab], object]
    epochs: int = 1
    """Of how many epochs the clean log is that it is done to."""


@dataclass(frozen=True, slots=True)
class _Names:
    bundle: str = tiles.entries_path(0)
    tile: str = tiles.tile_path(0, 0)
    upper: str = tiles.tile_path(1, 0, 1)


_AT = _Names()
NO_MEMORY = "no_external_checkpoint"


def line(
    what: str, given: Given, codes: str, do: Callable[[Lab], object], epochs: int = 1
) -> Tampering:
    """Return a line of the table; `codes` are parted by spaces."""
    return Tampering(what, given, frozenset(codes.split()), do, epochs)


def table() -> list[Tampering]:
    """Return the table: first by somebody without the key, then by the holder of the key."""
    return [
        line("one bit of an entry", "key", f"entry_altered {NO_MEMORY}",
              lambda lab: lab.flip(_AT.bundle, 5_000)),
        line("one bit of a hash tile", "key", f"tile_altered {NO_MEMORY}",
              lambda lab: lab.flip(_AT.tile, 100)),
        line("one bit of a tile above", "key", f"tile_altered {NO_MEMORY}",
              lambda lab: lab.flip(_AT.upper, 3)),
        line("one bit of the checkpoint's signature", "key", f"signature_invalid {NO_MEMORY}",
              lambda lab: flip_in_checkpoint(lab, -1)),
        line("one bit of the checkpoint's root", "key",
              f"signature_invalid root_mismatch history_forked {NO_MEMORY}",
              lambda lab: flip_in_checkpoint(lab, 2)),
        line("the checkpoint is no checkpoint", "key", "checkpoint_malformed",
              lambda lab: lab.put("checkpoint", b"no checkpoint\n")),
        line("the checkpoint removed", "key", "checkpoint_missing",
              lambda lab: (lab.log / "checkpoint").unlink()),
        line("an entry inserted", "key", f"bundle_damaged {NO_MEMORY}",
              lambda lab: lab.first_bundle(_insert)),
        line("an entry deleted", "key", f"bundle_damaged {NO_MEMORY}",
              lambda lab: lab.first_bundle(lambda e: e[:30] + e[31:])),
        line("entries in another order", "key", f"entry_altered {NO_MEMORY}",
              lambda lab: lab.first_bundle(_rotate_entries)),
        line("two entries swapped", "key", f"entry_altered {NO_MEMORY}",
              lambda lab: lab.first_bundle(_swap)),
        line("a bundle cut off", "key", f"bundle_damaged {NO_MEMORY}",
              lambda lab: _cut(lab, _AT.bundle, 50_000)),
        line("a bundle removed", "key", f"bundle_missing {NO_MEMORY}",
              lambda lab: (lab.log / _AT.bundle).unlink()),
        line("a tile cut off", "key", f"tile_altered {NO_MEMORY}",
              lambda lab: _cut(lab, _AT.tile, 8_000)),
        line("a tile removed", "key", f"tile_missing {NO_MEMORY}",
              lambda lab: (lab.log / _AT.tile).unlink()),
        line("a record edited, all tiles made again", "key", f"root_mismatch {NO_MEMORY}",
              edit_and_hash_again),
        line("the policy's text swapped", "key", f"blob_altered {NO_MEMORY}",
              lambda lab: swap_policy(lab, record=False)),
        line("the policy's text removed", "key", f"blob_missing {NO_MEMORY}",
              lambda lab: shutil.rmtree(lab.log / "blobs")),
        line("a verdict flipped, all signed again by another key", "key",
              f"key_unknown {NO_MEMORY}", sign_with_another_key),
        line("the same", "checkpoint", "fork", sign_with_another_key),
        line("the same", "nothing", NO_MEMORY, sign_with_another_key),
        line("replaced by another agent's log", "key", f"key_unknown {NO_MEMORY}",
              replace_by_another),
        line("the same", "checkpoint", "wrong_log", replace_by_another),
        line("the checkpoint before put back", "key", f"checkpoint_behind {NO_MEMORY}",
              lambda lab: restore_old(lab, clean_up=False)),
        line("the same", "checkpoint", "checkpoint_behind rollback",
              lambda lab: restore_newest(lab, clean_up=False)),
        line("an older checkpoint put back", "key", f"rollback {NO_MEMORY}", restore_first),
        line("an old checkpoint put back, everything later removed", "checkpoint", "rollback",
              lambda lab: restore_newest(lab, clean_up=True)),
        line("the same", "key", NO_MEMORY, lambda lab: restore_old(lab, clean_up=True)),
        line("nothing; the checkpoint that was kept elsewhere is a stranger's", "both",
              f"checkpoint_unverified {NO_MEMORY}", forge_memory),
        line("the same", "checkpoint", "fork", forge_memory),
        line("the holder of the key signs a longer log than there is", "key",
              f"bundle_missing tile_missing {NO_MEMORY}", claim_more),
        line("the holder of the key lets a change name another text", "key",
              f"blob_altered {NO_MEMORY}", name_another_text),
        line("the holder of the key flips a verdict", "checkpoint", "fork",
              lambda lab: lab.resign(flip_verdict)),
        line("the same", "replay", f"verdict_differs verdict_not_replayed {NO_MEMORY}",
              lambda lab: lab.resign(flip_verdict)),
        line("the same", "key", NO_MEMORY, lambda lab: lab.resign(flip_verdict)),
        line("the holder of the key flips a verdict on sealed values", "unseal",
              f"verdict_differs {NO_MEMORY}", lambda lab: lab.resign(flip_sealed)),
        line("the same", "replay", f"verdict_not_replayed {NO_MEMORY}",
              lambda lab: lab.resign(flip_sealed)),
        line("the holder of the key gives two windows each other's sealed values", "unseal",
              f"seal_broken verdict_not_replayed {NO_MEMORY}", lambda lab: lab.resign(swap_seals)),
        line("the holder of the key changes one bit of sealed values", "unseal",
              f"seal_broken verdict_not_replayed {NO_MEMORY}",
              lambda lab: lab.resign(flip_in_seal)),
        line("the holder of the key seals another value for what is published", "unseal",
              f"seal_broken verdict_not_replayed {NO_MEMORY}", seal_another_drift),
        line("the holder of the key removes sealed values", "unseal",
              f"verdict_not_replayed {NO_MEMORY}", lambda lab: lab.resign(remove_seal)),
        line("the holder of the key removes a window and its verdicts", "key",
              f"count_mismatch window_missing {NO_MEMORY}", lambda lab: lab.resign(remove_window)),
        line("the holder of the key removes the signals of a verdict", "key",
              f"count_mismatch window_missing window_unknown {NO_MEMORY}",
              lambda lab: lab.resign(remove_signals)),
        line("the holder of the key removes a heartbeat", "key",
             f"count_mismatch heartbeat_missing {NO_MEMORY}",
              lambda lab: lab.resign(remove_heartbeat)),
        line("the holder of the key logs another policy", "key", f"policy_unknown {NO_MEMORY}",
              lambda lab: swap_policy(lab, record=True)),
        line("the same, and names it in every verdict", "replay",
              f"verdict_differs verdict_not_replayed {NO_MEMORY}", swap_policy_everywhere),
        line("the holder of the key dates records an hour back", "key",
              f"clock_unexplained {NO_MEMORY}", lambda lab: lab.resign(step_back)),
        line("the holder of the key mixes in another epoch's records", "key",
              f"wrong_origin {NO_MEMORY}", mix_epochs),
        *_by_holder(),
    ]  # fmt: skip


def _by_holder() -> list[Tampering]:
    """Return the lines of what the holder of the key does to single records."""
    return [
        _held("adds a field that no type lists", "schema_violation", by_holder.add_field),
        line("the holder of the key numbers a record wrongly", "key", f"seq_mismatch {NO_MEMORY}",
             number_wrongly),
        line("the holder of the key writes a record with spaces", "key",
             f"not_canonical {NO_MEMORY}", write_with_spaces),
        _held("calls a window longer than it is", "id_mismatch window_missing window_span",
              by_holder.move_window),
        _held("repeats an alert", "count_mismatch duplicate_id", by_holder.repeat_alert),
        _held("removes the second part of a window", "part_missing", by_holder.announce_part),
        _held("removes the first part of verdicts", "part_missing", by_holder.remove_first_part),
        _held("removes a window, its verdicts and their count", "window_missing",
              by_holder.remove_and_count),
        _held("removes the first record", "count_mismatch genesis_missing",
              by_holder.remove_genesis),
        _held("lets the first record be of another log", "genesis_missing",
              by_holder.rename_genesis),
        _held("removes the record of a restart", "count_mismatch restart_untold",
              by_holder.remove_resume),
        _held("turns the monotonic clock back", "clock_unexplained", by_holder.turn_clock_back),
        _held("removes a verdict", "verdict_missing", by_holder.remove_verdict, "unseal"),
        _held("removes a window's signals and says that the disk was full",
              "gap_recorded verdict_not_replayed", by_holder.shorten, "unseal"),
        _held("removes what verdicts hang on", "verdict_not_replayed", by_holder.remove_judging,
              "unseal"),
        _held("says of verdicts that they were kept from before", "verdict_not_replayed",
              by_holder.call_judged_again, "unseal"),
        _held("says that a state has held for longer", "verdict_not_replayed",
              by_holder.date_back, "unseal"),
        line("the policy's text removed", "unseal",
             f"blob_missing verdict_not_replayed {NO_MEMORY}",
             lambda lab: shutil.rmtree(lab.log / "blobs")),
        line("the holder of the key keeps a checkpoint of no records with another root", "key",
             f"history_forked {NO_MEMORY}", keep_another_beginning),
        *(_held(one.what, one.codes, one.change) for one in FORGERIES),
    ]  # fmt: skip


def _held(
    what: str,
    codes: str,
    change: Callable[[by_holder.Documents], by_holder.Documents],
    given: Given = "key",
) -> Tampering:
    named = f"the holder of the key {what}"
    return line(named, given, f"{codes} {NO_MEMORY}", lambda lab: lab.resign(change))


def claim_more(lab: Lab) -> None:
    """Sign a checkpoint over some thousand bundles, of which there are two."""
    text = checkpoint.text(lab.origin, 3_000 * tiles.WIDTH, bytes(32))
    lab.put("checkpoint", note.sign(text, [(lab.origin, lab.key)]))


def number_wrongly(lab: Lab) -> None:
    documents = lab.records()
    documents[window_at(documents, 10)]["seq"] += 1
    lab.grow_again([canonical(document) for document in documents], lab.key)


def write_with_spaces(lab: Lab) -> None:
    first, *rest = lab.entries()
    lab.grow_again([first.replace(b'","', b'", "', 1), *rest], lab.key)


def keep_another_beginning(lab: Lab) -> None:
    text = checkpoint.text(lab.origin, 0, bytes(32))
    lab.put(kept_path(0), note.sign(text, [(lab.origin, lab.key)]))


def flip_in_checkpoint(lab: Lab, line: int) -> None:
    """Change one bit of what the last word of a line of the checkpoint says in base64."""
    lines = (lab.log / "checkpoint").read_text().splitlines()
    *before, word = lines[line].split(" ")
    value = bytearray(base64.b64decode(word))
    value[20] ^= 1
    lines[line] = " ".join([*before, base64.b64encode(value).decode()])
    lab.put("checkpoint", "".join(f"{text}\n" for text in lines).encode())


def restore_first(lab: Lab) -> None:
    """Put back the first checkpoint, behind which there is more than one that was kept."""
    first, *later = sorted((lab.log / "checkpoints").iterdir())
    assert len(later) > 1
    lab.put("checkpoint", first.read_bytes())


def restore_newest(lab: Lab, *, clean_up: bool) -> None:
    """Roll back behind the checkpoint that was kept elsewhere: keep the newest one there."""
    shutil.copy(lab.log / "checkpoint", lab.base / "newest")
    restore_old(lab, clean_up=clean_up)
    shutil.copy(lab.base / "newest", lab.base / "kept")


def forge_memory(lab: Lab) -> None:
    """Let somebody who is not the log pass off a checkpoint as seen earlier."""
    stranger = Ed25519PrivateKey.from_private_bytes(bytes(32))
    text = checkpoint.text(lab.origin, lab.size, bytes(32))
    _put(lab.base / "kept", note.sign(text, [(lab.origin, stranger)]))


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


POLICY = _policy()

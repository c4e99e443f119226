"""A clean log of two epochs, and the ways of tampering with what holds epochs and keys together."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit.format import checkpoint, note
from exporters.audit.jcs import canonical
from exporters.audit.place import new_epoch
from tests.support.tampering import NO_MEMORY, Lab, Tampering, line, write_log
from tests.support.tampering_records import Documents
from tests.unit.exporters.audit.lives import DAY, Life
from tests.unit.exporters.audit.logs import NOTHING, Hands, segment_paths, writer

STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


def write_clean_epochs(base: Path) -> Path:
    """Write a log of two epochs; the newest is signed by its second key.

    A checkpoint of the first epoch is kept at `base/kept`.
    """
    life = Life(base)
    life.next_epoch()
    life.rotate()
    life.let_the_old_key_go()
    return life.log


# The newest epoch and the one before it.


def on_previous(change: Callable[[dict[str, Any]], object]) -> Callable[[Lab], None]:
    """Change what record 0 of the newest epoch says, and sign it again."""

    def changed(documents: Documents) -> Documents:
        change(documents[0]["data"])
        return documents

    return lambda lab: lab.resign(changed)


def forget_previous(genesis: dict[str, Any]) -> None:
    genesis["previous"] = None


def name_another_root(genesis: dict[str, Any]) -> None:
    genesis["previous"]["root"] = base64.b64encode(bytes(32)).decode()


def remove_older(lab: Lab) -> None:
    shutil.rmtree(lab.log / "epochs")


def remove_newest(lab: Lab) -> None:
    """Put the older epoch in the newest one's place; the newest's checkpoint was kept elsewhere."""
    older = lab.older.log
    shutil.move(lab.log / "checkpoint", lab.base / "kept")
    for part in ("tile", "checkpoints"):
        shutil.rmtree(lab.log / part)
    for path in older.iterdir():
        path.rename(lab.log / path.name)
    shutil.rmtree(lab.log / "epochs")


def shorten_older(lab: Lab) -> None:
    """Cut the older epoch at the checkpoint that was kept elsewhere, and all that is later."""
    older = lab.older
    kept = (lab.base / "kept").read_bytes()
    size = checkpoint.parse(note.split(kept)[0]).size
    older.grow_again(older.entries()[:size], None)
    shutil.rmtree(older.log / "checkpoints")
    older.put("checkpoint", kept)


def expire_older(lab: Lab) -> None:
    """Let the agent go on until the older epoch has been kept as long as was promised."""
    hands = Hands()
    hands.pass_time(151 * DAY)
    options = {"origin": lab.origin.rpartition("/")[0], "retention": "30d", "epoch_length": "90d"}
    exporter = writer(lab.base, hands, boot="boot-late", **options)
    exporter.start(NOTHING)
    for _ in range(61):
        hands.pass_time(60.0)
        exporter.tick(hands.wall)
    exporter.stop(5.0)
    assert not list((lab.log / "epochs").iterdir())


# Keys.


def forget_old_signatures(lab: Lab) -> None:
    """Remove the checkpoints of the newest epoch that its first key signed."""
    first = note.parse_vkey(lab.records()[0]["data"]["vkeys"][0])
    for path in (lab.log / "checkpoints").iterdir():
        if first.key_id in {s.key_id for s in note.split(path.read_bytes())[1]}:
            path.unlink()


def rotate_to_none(lab: Lab) -> None:
    """Let the record of a new key name one whose id is not its own; the history goes with it."""

    def change(documents: Documents) -> Documents:
        data = next(d["data"] for d in documents if ".log.key.rotate." in d["type"])
        name, _, key = data["new"].split("+", 2)
        data["new"] = f"{name}+00000000+{key}"
        return documents

    lab.resign(change)


def stranger_signs(lab: Lab) -> None:
    """Sign the log's own checkpoint with a key that no record names."""
    text, _ = note.split((lab.log / "checkpoint").read_bytes())
    lab.put("checkpoint", note.sign(text, [(lab.origin, STRANGER)]))


def put_epoch_on_top(lab: Lab) -> None:
    """Begin a new epoch as a stranger: it names the real one, which does not name its key."""
    signed = checkpoint.parse(note.split((lab.log / "checkpoint").read_bytes())[0])
    prefix, _, epoch = lab.origin.rpartition("/")
    name = new_epoch(0.0, [epoch])
    origin = f"{prefix}/{name}"
    genesis = lab.records()[0] | {"source": origin, "bootid": "stranger", "id": "stranger-0"}
    previous = {"origin": lab.origin, "size": signed.size}
    genesis["data"] |= {
        "origin": origin,
        "epoch": name,
        "previous": previous | {"root": base64.b64encode(signed.root).decode()},
        "vkeys": [str(note.vkey(origin, note.public_bytes(STRANGER)))],
    }
    older = lab.log / "epochs" / epoch
    older.mkdir(parents=True)
    for part in ("tile", "checkpoints", "checkpoint"):
        (lab.log / part).rename(older / part)
    write_log(lab.log, [canonical(genesis)], origin, STRANGER)


def replace_newest(lab: Lab) -> None:
    """Put a stranger's epoch in the place of the newest, which the older one names."""
    older = lab.older
    newest = [lab.log / name for name in ("tile", "checkpoints", "checkpoint")]
    for path in newest:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in older.log.iterdir():
        path.rename(lab.log / path.name)
    older.log.rmdir()
    put_epoch_on_top(Lab(lab.base, lab.other))


def put_epoch_before(lab: Lab) -> None:
    """Put a stranger's epoch in the place of one whose time was over."""
    expired = lab.older.log.name
    expire_older(lab)
    prefix = lab.origin.rpartition("/")[0]
    name = new_epoch(0.0, [expired])
    origin = f"{prefix}/{name}"
    genesis = lab.records_now()[0] | {"source": origin, "bootid": "stranger", "id": "stranger-0"}
    genesis["data"] |= {
        "origin": origin,
        "epoch": name,
        "previous": None,
        "vkeys": [str(note.vkey(origin, note.public_bytes(STRANGER)))],
    }
    write_log(lab.log / "epochs" / name, [canonical(genesis)], origin, STRANGER)


# Checkpoints that the log kept.


def damage_kept(lab: Lab) -> None:
    lab.put(f"checkpoints/{_kept(lab)[0]}", b"rubbish")


def swap_kept(lab: Lab) -> None:
    """Put a kept checkpoint in the place of another one."""
    first, second = _kept(lab)[:2]
    lab.put(f"checkpoints/{first}", (lab.log / "checkpoints" / second).read_bytes())


def keep_of_another(lab: Lab) -> None:
    """Sign, with the log's key, a checkpoint of another log, and keep it."""
    text = checkpoint.text(f"{lab.origin}/other", int(_kept(lab)[0]), bytes(32))
    lab.put(f"checkpoints/{_kept(lab)[0]}", note.sign(text, [(lab.origin, lab.key)]))


def _kept(lab: Lab) -> list[str]:
    return sorted(path.name for path in (lab.log / "checkpoints").iterdir())


# Private files.


def damage_private(lab: Lab) -> None:
    """Damage a record of the private log; the agent then starts again, and says so."""
    path = segment_paths(lab.log)[-1]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    hands = Hands()
    hands.pass_time(1_000.0)
    exporter = writer(lab.base, hands, boot="boot-3", origin=lab.origin.rpartition("/")[0])
    exporter.start(NOTHING)
    exporter.stop(5.0)


def table() -> list[Tampering]:
    """Return the lines of the table that are about epochs, keys and kept checkpoints."""
    return [
        line("everything removed", "key", "no_records", lambda lab: shutil.rmtree(lab.log)),
        line("the checkpoint signed by a stranger", "key", f"key_unknown {NO_MEMORY}",
             stranger_signs),
        line("a stranger's epoch put on top", "key", f"key_unvouched {NO_MEMORY}",
             put_epoch_on_top),
        line("a checkpoint that the log kept is no checkpoint", "key",
             f"kept_checkpoint_altered {NO_MEMORY}", damage_kept),
        line("a checkpoint that the log kept put in the place of another", "key",
             f"kept_checkpoint_altered {NO_MEMORY}", swap_kept),
        line("the holder of the key keeps a checkpoint of another log", "key",
             f"kept_checkpoint_altered {NO_MEMORY}", keep_of_another),
        line("a record of the private log damaged; the agent starts again and says so", "key",
             f"gap_recorded {NO_MEMORY}", damage_private),
        line("of two epochs, the older removed", "key", f"epoch_missing {NO_MEMORY}",
             remove_older, epochs=2),
        line("the same", "first", f"epoch_missing key_unknown {NO_MEMORY}", remove_older,
             epochs=2),
        line("the same, after its time was over, by the agent itself", "checkpoint",
             "epoch_expired", expire_older, epochs=2),
        line("of two epochs, the newest removed", "checkpoint", "rollback", remove_newest,
             epochs=2),
        line("of two epochs, the older cut", "key", f"rollback {NO_MEMORY}", shorten_older,
             epochs=2),
        line("the same", "first", f"key_unvouched rollback {NO_MEMORY}", shorten_older, epochs=2),
        line("of two epochs, the newest does not name the older", "key",
             f"epoch_unlinked {NO_MEMORY}", on_previous(forget_previous), epochs=2),
        line("of two epochs, the newest names another root of the older", "key",
             f"epoch_unlinked {NO_MEMORY}", on_previous(name_another_root), epochs=2),
        line("of two epochs, the newest replaced by a stranger's", "first",
             f"epoch_unlinked key_unvouched {NO_MEMORY}", replace_newest, epochs=2),
        line("a stranger's epoch put in the place of one whose time was over", "key",
             f"epoch_unlinked {NO_MEMORY}", put_epoch_before, epochs=2),
        line("the checkpoints removed that a replaced key signed", "first",
             f"key_unknown key_unlinked {NO_MEMORY}", forget_old_signatures, epochs=2),
        line("the record of a new key names none", "key", f"key_unlinked {NO_MEMORY}",
             rotate_to_none, epochs=2),
    ]  # fmt: skip

"""Keys whose destruction makes what they protected unreadable or unlinkable: crypto-shredding.

    <state>/vault/names.key                   keeps account names out of the file names below
    <state>/vault/actors/<account>/<quarter>  HMAC key of one person for one quarter
    <state>/vault/blobs/<sha256>              AES-256-GCM key of one sealed blob
    <state>/vault/replay/<epoch>/<key id>     key of the signals that an epoch's records seal

The log holds pseudonyms, ciphertexts and the digests of sealed blobs only, so nothing in it has to
change when a key is destroyed, and every proof stays valid.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from exporters.audit import beneath, blobs, disk
from exporters.audit.seal import ReplayKey, new_key

FOLDER = "vault"
_NONCE = 12
_PATH = r"^(actors/[0-9a-f]{64}/\d{4}q[1-4]|blobs/[0-9a-f]{64}|replay/[^/.][^/]*/[0-9a-f]{64})$"


class NotInVault(Exception):
    """There is no key for what was asked for: it was destroyed, or never was."""


class _ActorKey(msgspec.Struct, frozen=True):
    id: str
    key: str


def pseudonym(state: Path, account: str, now: float) -> str:
    """Return the name under which a person stands in the log this quarter.

    `hmac-sha256:<key id>:<64 hex digits>`: the same for all of a quarter, another in the next.
    Raises OSError.
    """
    moment = dt.datetime.fromtimestamp(now, tz=dt.UTC)
    quarter = f"{moment.year}q{(moment.month + 2) // 3}"
    path = _actor(state, account) / quarter
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_ActorKey)
    except FileNotFoundError:
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        kept = _ActorKey(f"{quarter}-{secrets.token_hex(8)}", secret)
        disk.make_directory(path.parent, 0o700)
        disk.write_whole(path, msgspec.json.encode(kept), 0o600)
    key = base64.b64decode(kept.key)
    digest = hmac.new(key, account.encode(), hashlib.sha256).hexdigest()
    return f"hmac-sha256:{kept.id}:{digest}"


def seal(state: Path, public: Path, content: bytes) -> str:
    """Publish `content` encrypted under a key of its own; return `sha256:<hex>` of that.

    Raises OSError.
    """
    key, nonce = AESGCM.generate_key(256), secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(key).encrypt(nonce, content, None)
    path = _blob(state, f"sha256:{hashlib.sha256(sealed).hexdigest()}")
    disk.make_directory(path.parent, 0o700)
    disk.write_whole(path, key, 0o600)
    return blobs.put(public, sealed)


def unseal(state: Path, public: Path, digest: str) -> bytes:
    """Return what was sealed. Raises `NotInVault` if its key or the blob is gone or damaged."""
    try:
        key = _blob(state, digest).read_bytes()
        blob = f"{blobs.FOLDER}/{digest.removeprefix('sha256:')}"
        sealed = beneath.read(public, blob, blobs.MOST)
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], None)
    except (FileNotFoundError, InvalidTag, ValueError) as error:
        raise NotInVault(f"{digest} cannot be read any more") from error


class Target(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file of the vault that is to be destroyed: its path below the vault, and its key's id."""

    path: Annotated[str, msgspec.Meta(pattern=_PATH)]
    key: str | None = None


def actor_targets(state: Path, account: str) -> list[Target]:
    """Return all keys of a person. Raises `NotInVault` if there is none."""
    folder = _actor(state, account)
    if not folder.is_dir():
        raise NotInVault("there is no key of this account: it never acted, or was erased before")
    return [
        Target(path=f"actors/{folder.name}/{path.name}", key=_actor_key_id(path))
        for path in sorted(folder.iterdir())
        if not path.name.startswith(".")
    ]


def blob_targets(state: Path, digest: str) -> list[Target]:
    """Return the key of a sealed blob. Raises `NotInVault` if it is not a sealed blob."""
    path = _blob(state, digest)
    if not path.is_file():
        raise NotInVault(f"{digest} is no sealed blob of this log, or was erased before")
    return [Target(path=f"blobs/{path.name}")]


def replay_targets(state: Path, epoch: str | None = None) -> list[Target]:
    """Return the replay keys of an epoch, None: of all. Raises `NotInVault` if there is none."""
    found = [key for key in replay_keys(state) if epoch in (None, key.epoch)]
    if not found:
        of = "of this log" if epoch is None else f"of an epoch {epoch[:80]!r}"
        why = "nothing was sealed, or it was erased before"
        raise NotInVault(f"there is no replay key {of}: {why}")
    return [
        Target(path=f"replay/{key.epoch}/{key.id.removeprefix('sha256:')}", key=key.id)
        for key in found
    ]


def destroy(state: Path, public: Path, targets: Iterable[Target]) -> None:
    """Destroy keys and the blobs that they open; what is gone already is no error.

    Raises OSError.
    """
    for target in targets:
        path = state / FOLDER / target.path
        kind = target.path.partition("/")[0]
        if kind == "blobs":
            blobs.remove(public, path.name)
        with suppress(FileNotFoundError):
            _destroy(path)
        if kind == "actors":
            _drop_if_empty(path.parent)


def replay_key(state: Path, epoch: str) -> ReplayKey:
    """Return the key for what an epoch seals from now on; made if there is none. Raises OSError."""
    for known in _keys_in(_replay(state) / epoch):
        return known
    key = new_key(epoch)
    path = _replay(state) / epoch / key.id.removeprefix("sha256:")
    disk.make_directory(path.parent, 0o700)
    disk.write_whole(path, msgspec.json.encode(key), 0o600)
    return key


def replay_keys(state: Path) -> list[ReplayKey]:
    """Return the keys of all epochs that there are, oldest epoch first. Raises OSError."""
    folder = _replay(state)
    epochs = sorted(folder.iterdir()) if folder.is_dir() else []
    return [key for epoch in epochs for key in _keys_in(epoch)]


def forget_replay_keys(state: Path, epoch: str) -> None:
    """Destroy the keys of an epoch that is no more. Raises OSError."""
    folder = _replay(state) / epoch
    if folder.is_dir():
        for path in sorted(folder.iterdir()):
            _destroy(path)
        shutil.rmtree(folder)
        disk.sync_directory(folder.parent)


def _drop_if_empty(folder: Path) -> None:
    """Remove a person's folder with its last key; a name without one must not stay either."""
    for path in folder.glob(".*.tmp"):
        _destroy(path)
    with suppress(OSError):
        folder.rmdir()
        disk.sync_directory(folder.parent)


def _actor_key_id(path: Path) -> str | None:
    """Return a key's id, None if the file holds no key that can be read."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_ActorKey).id
    except msgspec.MsgspecError:
        return None


def _keys_in(folder: Path) -> list[ReplayKey]:
    """Return the keys in an epoch's folder; files that hold none are passed over."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        with suppress(msgspec.MsgspecError, ValueError):
            key = msgspec.json.decode(path.read_bytes(), type=ReplayKey)
            if key.id.removeprefix("sha256:") == path.name and key.epoch == folder.name:
                found.append(key)
    return found


def _replay(state: Path) -> Path:
    return state / FOLDER / "replay"


def _destroy(path: Path) -> None:
    """Overwrite and remove a key; copies that backups or the file system made are not reached."""
    with disk.descriptor(path, os.O_WRONLY) as fd:
        disk.write_all(fd, bytes(path.stat().st_size), 0)
        os.fsync(fd)
    path.unlink()
    disk.sync_directory(path.parent)


def _actor(state: Path, account: str) -> Path:
    path = state / FOLDER / "names.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = secrets.token_bytes(32)
        disk.make_directory(path.parent, 0o700)
        disk.write_whole(path, key, 0o600)
    name = hmac.new(key, account.encode(), hashlib.sha256).hexdigest()
    return state / FOLDER / "actors" / name


def _blob(state: Path, digest: str) -> Path:
    name = digest.removeprefix("sha256:")
    if len(name) != 64 or not all(c in "0123456789abcdef" for c in name):
        raise NotInVault(f"{digest[:80]!r} is no digest of a blob")
    return state / FOLDER / "blobs" / name

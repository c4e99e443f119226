"""The keys that sign an epoch's checkpoints: Ed25519, in a private file, replaceable.

`<state>/keys/<epoch>.json` (mode 0600) lists the keys that sign, newest first.  A key that was
replaced signs beside the new one until its overlap ends; then it is deleted.
"""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exporters.audit import disk
from exporters.audit.format import checkpoint, note

FOLDER = "keys"
ROTATE = "rotate"


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One signing key: 32 secret bytes (base64), made and, if replaced, usable `until`.

    Times are epoch seconds.
    """

    seed: str
    created: float
    until: float | None = None

    def private(self) -> Ed25519PrivateKey:
        """Return the key itself."""
        return Ed25519PrivateKey.from_private_bytes(base64.b64decode(self.seed))

    def __repr__(self) -> str:
        return f"Key(created={self.created}, until={self.until})"


class KeyFileDamaged(Exception):
    """A key file that holds no keys."""


class Signer:
    """Signs the checkpoints of one origin."""

    def __init__(self, path: Path, origin: str, keys: list[Key]) -> None:
        self._path, self._origin, self._keys = path, origin, keys

    @classmethod
    def load(cls, state: Path, origin: str) -> Signer | None:
        """Return the signer of an epoch, None if it has no key yet.

        Raises `KeyFileDamaged` or OSError.
        """
        path = key_file(state, origin)
        try:
            keys = msgspec.json.decode(path.read_bytes(), type=list[Key])
            for key in keys:
                key.private()
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise KeyFileDamaged(f"{path} holds no signing keys") from error
        if not keys:
            raise KeyFileDamaged(f"{path} holds no signing keys")
        return cls(path, origin, keys)

    @classmethod
    def create(cls, state: Path, origin: str, now: float) -> Signer:
        """Return the signer of an epoch, with a new key if it has none yet."""
        known = cls.load(state, origin)
        if known is not None:
            return known
        disk.make_directory(state / FOLDER, 0o700)
        signer = cls(key_file(state, origin), origin, [_new(now)])
        signer._save()
        return signer

    @property
    def vkeys(self) -> list[str]:
        """The public keys that sign now, newest first."""
        return [_vkey(self._origin, key) for key in self._keys]

    @property
    def created(self) -> float:
        """When (epoch seconds) the newest key was made."""
        return self._keys[0].created

    def rotate(self, now: float, overlap: float) -> tuple[str, str]:
        """Add a new key durably; return (old, new) public key.  It signs from now on."""
        before = self._keys
        older = [
            key if key.until is not None else msgspec.structs.replace(key, until=now + overlap)
            for key in before
        ]
        self._keys = [_new(now), *older]
        try:
            self._save()
        except OSError:
            self._keys = before
            raise
        return _vkey(self._origin, before[0]), _vkey(self._origin, self._keys[0])

    def forget_old(self, now: float) -> bool:
        """Delete the keys whose overlap has ended; tell whether there were any."""
        kept = [key for key in self._keys if key.until is None or key.until > now]
        if len(kept) == len(self._keys):
            return False
        self._keys = kept
        self._save()
        return True

    def sign(self, size: int, root: bytes) -> bytes:
        """Return the signed checkpoint of a tree."""
        text = checkpoint.text(self._origin, size, root)
        signers = [(self._origin, key.private()) for key in self._keys]
        return note.sign(text, signers)

    def _save(self) -> None:
        disk.write_whole(self._path, msgspec.json.encode(self._keys), 0o600)


def request_rotation(state: Path) -> None:
    """Ask the agent that writes this log for a new key: now, or at its next start."""
    disk.write_whole(state / ROTATE, b"", 0o600)


def rotation_requested(state: Path) -> bool:
    """Tell whether somebody asked for a new key."""
    return (state / ROTATE).exists()


def rotation_done(state: Path) -> None:
    """Forget the request."""
    (state / ROTATE).unlink(missing_ok=True)


def forget_keys(state: Path, epoch: str) -> None:
    """Delete the keys of an epoch that is no more."""
    (state / FOLDER / f"{epoch}.json").unlink(missing_ok=True)


def key_file(state: Path, origin: str) -> Path:
    """Return where the keys of an epoch are."""
    return state / FOLDER / f"{origin.rpartition('/')[2]}.json"


def _new(now: float) -> Key:
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    return Key(seed=base64.b64encode(secret).decode(), created=now)


def _vkey(origin: str, key: Key) -> str:
    return str(note.vkey(origin, note.public_bytes(key.private())))

"""Keys of what a log seals: from the private folder, or from a file that was handed out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from exporters.audit import disk, place, requests, vault
from exporters.audit.place import Place
from exporters.audit.read.source import SourceError
from exporters.audit.seal import ReplayKey

SECRET_BYTES = 32


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file that is handed out."""

    schema: Literal["pantau.replay-keys/1"] = "pantau.replay-keys/1"
    keys: list[ReplayKey]


class Beside(NamedTuple):
    """Keys, by id, and the private folder that they are in."""

    keys: Mapping[str, ReplayKey]
    state: Path


def read_keys(path: Path) -> Mapping[str, ReplayKey]:
    """Return the keys in a file, or in the private folder of a log, by id. Raises `SourceError`."""
    try:
        if path.is_dir():
            if not place.is_state(path):
                raise SourceError(f"{path} is not the private folder of a log")
            return _by_id(vault.replay_keys(path))
        return _by_id(msgspec.json.decode(path.read_bytes(), type=KeyFile).keys)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, ValueError) as error:
        text = f"{path} holds no replay keys; `pantau audit keys DIR --replay-key -o FILE` makes it"
        raise SourceError(text) from error


def keys_beside(directory: Path) -> Beside | None:
    """Return the keys in the private folder beside a published log; None if it cannot be read."""
    state = place.find(directory).state
    try:
        found = vault.replay_keys(state)
        return Beside(_by_id(found), Path(os.path.normpath(state))) if found else None
    except (OSError, ValueError):
        return None


def hand_out(state: Path, path: Path, now: float) -> int:
    """Write the keys of a log to a file that only its owner can read; return how many.

    That it is done is noted for the log before.  Raises `NotInVault` if there is none, OSError.
    """
    keys = vault.replay_keys(state)
    if not keys:
        raise vault.NotInVault(f"{state} holds no replay key: nothing was sealed, or it was erased")
    data = {"what": "replay_keys", "epochs": sorted({key.epoch for key in keys})}
    requests.ask(state, requests.DISCLOSURE, now, data)
    disk.write_whole(path, msgspec.json.encode(KeyFile(keys=keys)) + b"\n", 0o600)
    return len(keys)


def read_text(at: Place, digest: str, now: float) -> str:
    """Return a sealed text, once it is noted for the log that it was read.

    Raises `NotInVault` if it cannot be read any more, OSError.
    """
    text = vault.unseal(at.state, at.public, digest)
    blob = f"sha256:{digest.removeprefix('sha256:')}"
    requests.ask(at.state, requests.DISCLOSURE, now, {"what": "text", "blob": blob})
    return text.decode("utf-8", "replace")


def _by_id(keys: list[ReplayKey]) -> Mapping[str, ReplayKey]:
    if any(len(key.secret()) != SECRET_BYTES for key in keys):
        raise ValueError("a key is not of 32 bytes")
    return {key.id: key for key in keys}

"""Texts that records name by digest: `blobs/<sha256>` in the published directory."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from contextlib import suppress
from pathlib import Path

from exporters.audit import beneath, disk

FOLDER = "blobs"
MOST = 64 << 20
"""Bytes of a text that is read; as much is taken from a server."""
_NAME = re.compile(r"[0-9a-f]{64}")
_changing = threading.Lock()


def put(directory: Path, content: bytes) -> str:
    """Store `content` durably, once, and return `sha256:<hex>`. Raises OSError."""
    name = hashlib.sha256(content).hexdigest()
    path = directory / FOLDER / name
    with _changing:
        try:
            os.utime(path)  # what is put again is not old
            disk.sync_directory(path.parent)
        except FileNotFoundError:
            disk.make_directory(path.parent)
            disk.write_whole(path, content)
    return f"sha256:{name}"


def older(directory: Path, before: float) -> set[str]:
    """Return the names of blobs last put before a moment (epoch seconds). Raises OSError."""
    with os.scandir(directory / FOLDER) as found:
        return {e.name for e in found if _NAME.fullmatch(e.name) and e.stat().st_mtime < before}


def remove_older(directory: Path, name: str, before: float) -> bool:
    """Delete the blob `<sha256>` unless it was put again; tell whether. Raises OSError."""
    with _changing:
        if (directory / FOLDER / name).stat().st_mtime >= before:
            return False
        remove(directory, name)
        return True


def remove(directory: Path, name: str) -> None:
    """Delete the blob `<sha256>`, durably, if it is there. Raises OSError."""
    with suppress(FileNotFoundError):
        (directory / FOLDER / name).unlink()
        disk.sync_directory(directory / FOLDER)


def size(directory: Path, digest: str) -> int | None:
    """Return how many bytes the blob `sha256:<hex>` has, None if there is none. Raises OSError."""
    try:
        return (directory / FOLDER / digest.removeprefix("sha256:")).stat().st_size
    except FileNotFoundError:
        return None


def problem(directory: Path, digest: str) -> str | None:
    """Return what is wrong with the blob `sha256:<hex>`, or None: `missing` or `altered`.

    What is no regular file, or of more than `MOST` bytes, is none of ours: `altered`.
    """
    name = digest.removeprefix("sha256:")
    try:
        with beneath.opened(directory, f"{FOLDER}/{name}", MOST) as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except OSError as error:
        return "altered" if error.errno in beneath.NO_FILE else "missing"
    return None if found == name else "altered"

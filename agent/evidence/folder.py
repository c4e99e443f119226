"""The private folder of evidence: `<digest>/` for each window's sample, and what came of it.

`sample.msgpack` is the sample, `window.json` says whose it is, `report.html` and `report.json` are
rendered from it, `failed.json` says why they are not.  Only the owner may read any of it.  A note
`<digest>.erased` asks for an erasure and for its record: it is there before anything is destroyed,
until the record is durable.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from agent.config.model import Config
from agent.evidence.cite import Found
from exporters.audit import disk
from policies.model import Window

_DIGEST = re.compile(r"[0-9a-f]{64}")
_ERASED = ".erased"
_WORK = "work-"

REPORTS = ("report.html", "report.json")


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Whose sample it is.  `rules`: breached in that window; none for one kept to compare with.

    `made` is when it was kept, epoch seconds.
    """

    system: str
    window: Window
    revision: int
    rules: tuple[str, ...]
    digest: str
    made: int


class Failure(msgspec.Struct, frozen=True):
    """Why a sample has no report."""

    why: str
    detail: str = ""


class Folder:
    """The folder at `path`; nothing is there before the first `keep`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep(self, found: Found, now: int) -> Entry:
        """Keep a sample, at once whole or not at all; raises OSError."""
        entry = Entry(
            system=found.system,
            window=found.window,
            revision=found.revision,
            rules=found.rules,
            digest=found.digest,
            made=now,
        )
        place = self.place(found.digest)
        if place.exists():
            return self._entry(place) or entry
        with self.working() as work:
            (work / "sample.msgpack").write_bytes(found.body)
            (work / "window.json").write_bytes(msgspec.json.encode(entry))
            for name in ("sample.msgpack", "window.json"):
                _private(work / name)
            work.rename(place)
        return entry

    def entries(self) -> list[Entry]:
        """Return what is kept, oldest first; of windows that end together the longest is last."""
        if not self.path.is_dir():
            return []
        places = [p for p in self.path.iterdir() if _DIGEST.fullmatch(p.name)]
        found = [entry for place in places if (entry := self._entry(place)) is not None]
        return sorted(found, key=lambda e: (e.window.end, -e.window.start, e.made, e.digest))

    def place(self, digest: str) -> Path:
        """Return the folder of a digest, `sha256:<hex>`."""
        return self.path / digest.removeprefix("sha256:")

    def sample(self, digest: str) -> bytes:
        """Return a sample's bytes; raises OSError."""
        return (self.place(digest) / "sample.msgpack").read_bytes()

    def report(self, digest: str) -> dict[str, str]:
        """Return the digests of the files of a report by name; empty if there is none."""
        place = self.place(digest)
        files = [place / name for name in REPORTS]
        if not all(file.exists() for file in files):
            return {}
        return {file.name: f"sha256:{_sha256(file)}" for file in files}

    def failure(self, digest: str) -> Failure | None:
        """Return why there is no report, None if it is not known that there will be none."""
        try:
            body = (self.place(digest) / "failed.json").read_bytes()
            return msgspec.json.decode(body, type=Failure)
        except (OSError, msgspec.MsgspecError):
            return None

    def fail(self, digest: str, failure: Failure) -> None:
        """Note that there will be no report; raises OSError."""
        file = self.place(digest) / "failed.json"
        file.write_bytes(msgspec.json.encode(failure))
        _private(file)

    def put_report(self, digest: str, work: Path) -> None:
        """Take the report over from where it was rendered; raises OSError."""
        for name in REPORTS:
            _private(work / name)
            (work / name).replace(self.place(digest) / name)

    def remove(self, digest: str) -> None:
        """Remove a sample and its report; raises OSError."""
        place = self.place(digest)
        # Out of sight first: half of it must never pass for evidence.
        gone = place.with_name(f"{_WORK}{place.name}")
        _destroy(gone)
        with contextlib.suppress(FileNotFoundError):
            place.rename(gone)
        _destroy(gone)

    def erase(self, digest: str) -> None:
        """Remove it, once it is durably noted that this is to be recorded; raises OSError.

        Whoever finds the note does what is missing (`erased`).
        """
        disk.write_whole(self._note(digest), b"", 0o600)
        self._remove_for_good(digest)

    def erased(self) -> list[str]:
        """Return the digests whose erasure is noted, none of which is there any more.

        Raises OSError.
        """
        noted = [f"sha256:{p.name.removesuffix(_ERASED)}" for p in self.path.glob(f"*{_ERASED}")]
        for digest in noted:
            self._remove_for_good(digest)
        return sorted(noted)

    def forget_erased(self, digest: str) -> None:
        """Remove the note of an erasure, whose record is durable; raises OSError."""
        self._note(digest).unlink(missing_ok=True)

    def _note(self, digest: str) -> Path:
        return self.path / f"{digest.removeprefix('sha256:')}{_ERASED}"

    def _remove_for_good(self, digest: str) -> None:
        self.remove(digest)
        disk.sync_directory(self.path)

    @contextmanager
    def working(self) -> Iterator[Path]:
        """Give a folder to work in, which is removed afterwards if it is still there."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=self.path))
        try:
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what a killed process left half done."""
        for left in self.path.glob(f"{_WORK}*"):
            shutil.rmtree(left, ignore_errors=True)

    def _entry(self, place: Path) -> Entry | None:
        try:
            return msgspec.json.decode((place / "window.json").read_bytes(), type=Entry)
        except (OSError, msgspec.MsgspecError):
            return None


def evidence_folder(config: Config) -> Path:
    """Return where samples and reports are kept."""
    return config.evidence.path or config.store.path / "evidence"


def _destroy(folder: Path) -> None:
    """Remove a folder whole, also while another process does; raises OSError."""
    while folder.exists():
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _private(file: Path) -> None:
    file.chmod(0o600)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

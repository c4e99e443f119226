"""What a client gets from a server, without the network; an auditor's copy of it."""

from __future__ import annotations

from pathlib import Path

from exporters.audit.read.pull import Pulled
from exporters.audit.read.source import Folder, SourceError
from exporters.audit.serving import find


class Served:
    """A served log, without the network: what a client gets for a path."""

    def __init__(self, log: Path) -> None:
        self.name = "https://log.example"
        self._log = Folder(log)
        self.asked: list[str] = []
        self.fail_after: int | None = None

    def read(self, path: str) -> bytes | None:
        self.asked.append(path)
        if self.fail_after is not None and len(self.asked) > self.fail_after:
            raise SourceError("the line is dead")
        found = find(self._log, path)
        return None if found is None else found.content


def public(folder: Path) -> dict[str, bytes]:
    """Return the files of a published log but the hint, without those that wider ones replaced."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "log.json" and ".p/" not in str(path)
    }


def codes(pulled: Pulled) -> list[str]:
    """Return the codes of what is wrong with a log that was pulled."""
    return [problem.code for problem in pulled.problems]

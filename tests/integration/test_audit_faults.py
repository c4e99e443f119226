"""Every file system call of a short run of the audit log's writer, killed at and failing.

strace injects the fault into a running writer, after everything is loaded; longer lives are in
`test_audit_every_call.py`, without strace.  Then a writer without faults starts on what is left.
Whatever happened: what was acknowledged is in a published tree, what outsiders can see is whole,
verifiers that are not ours accept it, and no size was ever signed with two roots.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from exporters.audit import disk
from policies.model import rfc3339
from tests.real import verifiers
from tests.real.components import require_binary
from tests.real.strace import attach
from tests.support.audit_tree import folders, names, require_whole
from tests.unit.exporters.audit.logs import judged

pytestmark = [pytest.mark.slow, pytest.mark.integration]

CHANGING: tuple[str, ...] = (
    *("openat", "pwrite64", "fsync", "fdatasync", "link", "linkat", "rename", "renameat"),
    *("unlink", "unlinkat", "mkdir", "rmdir", "ftruncate", "flock", "chmod", "fchmod"),
)
READING = ("read", "close", "getdents64", "pread64", "newfstatat", "lseek")


class Forker:
    """The program that forks writers."""

    def __init__(self) -> None:
        self.batches = 3
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.audit_writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, base: Path, boot: str, first: int, *fault: str, short: bool = False) -> int:
        """Run one writer, with a fault for strace to inject; return its exit code."""
        go = base / "go"
        if not go.exists():
            os.mkfifo(go)
        order = {
            "base": str(base),
            "boot": boot,
            "first": first,
            "batches": self.batches,
            "short": short,
        }
        self._in.write(json.dumps(order) + "\n")
        self._in.flush()
        pid = int(self._line("ready"))
        tracer = attach(pid, base / "trace", *fault) if fault else None
        with disk.descriptor(go, os.O_RDWR) as fifo:
            os.write(fifo, b"x")
            code = int(self._line("ended"))
        if tracer is not None:
            tracer.communicate()
        return code

    def close(self) -> None:
        """End it."""
        self._process.communicate()

    @property
    def _in(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _line(self, word: str) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(word):
                return line.split()[1]
        raise AssertionError("the writers' parent died")


@pytest.fixture
def forker() -> Iterator[Forker]:
    require_binary("strace")
    found = Forker()
    yield found
    found.close()


def calls(forker: Forker, base: Path) -> dict[str, int]:
    """Return how often each file system call is made in a run without faults."""
    prepare(base, forker)
    every = ",".join(f"?{call}" for call in CHANGING + READING)
    assert forker.run(base, "boot-2", 10, "-e", f"trace={every}") == 0
    found: dict[str, int] = {}
    for line in (base / "trace").read_text().splitlines():
        name = re.match(r"(\w+)\(", line)
        if name is not None:
            found[name[1]] = found.get(name[1], 0) + 1
    return found


def prepare(base: Path, forker: Forker) -> None:
    """Leave a log of an earlier run in `base`."""
    shutil.rmtree(base, ignore_errors=True)
    base.mkdir()
    assert forker.run(base, "boot-1", 0) == 0


def require_recovered(base: Path, forker: Forker) -> None:
    """Start without faults, then look at everything as an outsider does."""
    assert forker.run(base, "boot-3", 20) == 0
    every = [require_whole(folder) for folder in folders(base / "audit")]
    records = [record for epoch in every for record in epoch]
    windows = {r["data"]["window"]["start"] for r in records if "window.signals" in r["type"]}
    verdicts = {r["data"]["window"]["start"] for r in records if "policy.verdict" in r["type"]}
    expected = {window_start(int(n)) for n in (base / "acknowledged").read_text().split()}
    assert expected <= windows
    assert expected <= verdicts
    ids = [record["id"] for record in records]
    assert len(ids) == len(set(ids))
    roots: dict[tuple[str, str], str] = {}
    for line in (base / "signed").read_text().splitlines():
        origin, size, root = line.split()
        assert roots.setdefault((origin, size), root) == root, "two roots were signed for one size"


def require_accepted(base: Path) -> None:
    """Show every epoch to the verifiers that are not ours."""
    for epoch in folders(base / "audit"):
        verifiers.require_accepted(epoch)


def window_start(index: int) -> str:
    return rfc3339(judged(index).window.start)


FAULTS = [
    ("error=EIO", CHANGING),
    ("error=ENOSPC", ("openat", "pwrite64", "fsync", "fdatasync", "link", "linkat", "mkdir")),
    ("signal=KILL", CHANGING),
    ("error=EIO", ("read", "close", "getdents64", "pread64")),
]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("fault", "which"), FAULTS, ids=["EIO", "ENOSPC", "KILL", "EIO reading"])
def test_a_fault_at_every_single_call_of_a_short_run(
    folder: Path, forker: Forker, fault: str, which: tuple[str, ...]
) -> None:
    forker.batches = 1
    assert sweep(folder, forker, fault, which) > 50


def sweep(folder: Path, forker: Forker, fault: str, which: tuple[str, ...]) -> int:
    """Let a fault happen at every place of each call; return how many there were."""
    base, original = folder / "log", folder / "original"
    made = calls(forker, base)
    prepare(original, forker)
    (original / "go").unlink()
    tried = 0
    for call in which:
        for at in range(1, made.get(call, 0) + 1):
            shutil.rmtree(base, ignore_errors=True)
            shutil.copytree(original, base)
            inject = f"inject={call}:{fault}:when={at}"
            forker.run(base, "boot-2", 10, "-e", f"trace={call}", "-e", inject)
            try:
                require_recovered(base, forker)
            except AssertionError as error:
                raise AssertionError(f"{inject}: {error}") from error
            tried += 1
    require_accepted(base)
    return tried


def test_short_writes_are_continued(folder: Path, forker: Forker) -> None:
    base = folder / "log"
    prepare(base, forker)
    assert forker.run(base, "boot-2", 10, short=True) == 0
    (only,) = folders(base / "audit")
    assert names(require_whole(only)).count("window.signals") == 6
    require_recovered(base, forker)
    require_accepted(base)


@pytest.mark.timeout(600)
def test_killed_in_the_middle_of_short_writes(folder: Path, forker: Forker) -> None:
    base, original = folder / "log", folder / "original"
    prepare(original, forker)
    (original / "go").unlink()
    for at in range(1, 400, 36):
        shutil.rmtree(base, ignore_errors=True)
        shutil.copytree(original, base)
        inject = f"inject=pwrite64:signal=KILL:when={at}"
        forker.run(base, "boot-2", 10, "-e", "trace=pwrite64", "-e", inject, short=True)
        require_recovered(base, forker)
    require_accepted(base)

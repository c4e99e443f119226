"""A writer of an audit log to be killed and lied to: run as a program, it forks one per order.

Reads lines of JSON `{base, boot, first, batches, short}` on standard input.  For each it forks a
process that says `ready <pid>`, waits for a byte from `base/go`, and then writes, publishes and
stops.  What it was told is durable goes to `base/acknowledged`, what it signs to `base/signed`
(before the signature leaves the program).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec

from exporters.audit.exporter import AuditExporter
from exporters.audit.signer import Signer
from exporters.base import ExportError, Numbered
from policies.model import Outgoing, Report
from tests.unit.exporters.audit.logs import NOTHING, Hands, judged, policy_change, writer
from tests.unit.exporters.samples import alert, gap

ATTEMPTS = 3


def told(index: int) -> Report:
    """Return a report that withholds something, so that a key is made and records are sealed."""
    return msgspec.structs.replace(judged(index), withheld=(gap("race", "Black", "White"),))


def batches(first: int) -> list[list[Outgoing]]:
    """Return what is exported, one acknowledgement each."""
    return [
        [policy_change(), told(first)],
        [told(first + 1), alert(closed_at=1_800_000_000 + first)],
        [told(first + 2)],
    ]


def write(base: Path, boot: str, first: int, most: int) -> None:
    """Write `most` batches as the agent does: each until it is taken, checkpoints in between."""
    acknowledged = os.open(base / "acknowledged", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    note_signatures(base)
    hands = Hands()
    hands.wall += first * 10
    exporter = writer(base, hands, boot, ballast_mb=0)
    wait_to_go(base)
    exporter.start(NOTHING)
    for number, batch in enumerate(batches(first)[:most]):
        if attempt(partial(exporter.export, as_numbered(batch))):
            os.write(acknowledged, f"{first + number}\n".encode())
        publish(exporter)
        hands.pass_time(61)
        attempt(partial(exporter.tick, hands.wall))
    exporter.stop(5.0)


def as_numbered(items: list[Outgoing]) -> list[Numbered]:
    """Return the items with numbers."""
    return [Numbered(place, item) for place, item in enumerate(items, start=1)]


def attempt(action: Callable[[], None]) -> bool:
    """Do as the delivery does: try again for a while; tell whether it was done."""
    for _ in range(ATTEMPTS):
        with suppress(ExportError):
            action()
            return True
    return False


def publish(exporter: AuditExporter) -> None:
    """Publish on this thread, so that faults are counted on one."""
    if exporter._publisher is not None:
        exporter._publisher.attempt()


def note_signatures(base: Path) -> None:
    """Write down what is going to be signed, before anybody can see it."""
    noted = os.open(base / "signed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    sign = Signer.sign

    def noting(self: Signer, size: int, root: bytes) -> bytes:
        os.write(noted, f"{self.vkeys[0].partition('+')[0]} {size} {root.hex()}\n".encode())
        return sign(self, size, root)

    Signer.sign = noting  # type: ignore[method-assign]


def wait_to_go(base: Path) -> None:
    """Say that all is loaded, and wait for the other side."""
    go = os.open(base / "go", os.O_RDWR)
    os.write(1, f"ready {os.getpid()}\n".encode())
    while True:
        # The first read may be one that is told to fail.
        with suppress(OSError):
            os.read(go, 1)
            return


def shorten_writes() -> None:
    """Let no write take more than 100 bytes at once."""
    whole = os.pwrite

    def short(fd: int, data: Any, offset: int) -> int:
        return whole(fd, memoryview(data)[:100], offset)

    os.pwrite = short


def main() -> None:
    """Fork a writer for every order."""
    # It loads more the first time; a child's calls should be those of the log alone.
    httpx.Client().close()
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            if order["short"]:
                shorten_writes()
            code = 0
            try:
                write(Path(order["base"]), order["boot"], order["first"], order["batches"])
            except ExportError:
                code = 3
            except BaseException as error:  # noqa: BLE001 - a child must not return into the loop
                os.write(2, f"{type(error).__name__}: {error}\n".encode())
                code = 4
            os._exit(code)
        _, status = os.waitpid(child, 0)
        os.write(1, f"ended {os.waitstatus_to_exitcode(status)}\n".encode())


if __name__ == "__main__":
    main()

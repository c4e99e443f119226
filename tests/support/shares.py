"""Long work in equal shares, one process for each processor."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path


def run_shares(folder: Path, program: Sequence[str], *arguments: str) -> list[list[str]]:
    """Run `program <folder of its own> <arguments> <share> <of>` once for each processor, at once.

    Returns the lines that each printed.  They go to files: a process whose pipe is full until
    somebody reads it waits, and nobody reads the second while the first one runs.
    """
    of, running = os.cpu_count() or 1, []
    for share in range(of):
        (folder / str(share)).mkdir()
        command = [*program, str(folder / str(share)), *arguments, str(share), str(of)]
        with (
            (folder / f"{share}.printed").open("w") as printed,
            (folder / f"{share}.said").open("w") as said,
        ):
            running.append(subprocess.Popen(command, stdout=printed, stderr=said))
    codes = [process.wait() for process in running]
    for share, code in enumerate(codes):
        assert code == 0, (folder / f"{share}.said").read_text()[-2_000:]
    return [(folder / f"{share}.printed").read_text().splitlines() for share in range(of)]

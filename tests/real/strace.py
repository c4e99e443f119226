"""strace, attached to a process that waits to be let go."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.real.components import missing


def attach(pid: int, output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """Start strace on a process; return when it traces."""
    command = ["strace", "-o", str(output), "-p", str(pid), *arguments]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert tracer.stderr is not None
    said = tracer.stderr.readline()
    if b"attached" not in said:
        tracer.wait()
        missing("strace that may attach to a process", said.decode(errors="replace").strip())
    return tracer

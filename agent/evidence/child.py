"""Start a script in a child process with limits on memory and time, and say how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

BOOTSTRAP = Path(__file__).with_name("limited.py")
REPORT = Path(__file__).with_name("evidently_report.py")

End = Literal["made", "not_installed", "no_memory", "out_of_memory", "timeout", "failed", "stopped"]

OUT_OF_MEMORY, NOT_INSTALLED = 12, 13
"""Exit codes of `limited.py` and of `evidently_report.py`, which share no import with the agent."""

_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class Limits:
    """`memory_mb` of address space, `timeout` in seconds, and `free_mb` that must be there."""

    memory_mb: int
    free_mb: int
    timeout: float


class Child:
    """Runs one script at a time; `stop`, from any thread, ends it for good."""

    def __init__(self, python: Path, limits: Limits, script: Path = REPORT) -> None:
        self._python, self._limits, self._script = python, limits, script
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    @property
    def pid(self) -> int | None:
        """The process id of the running script."""
        process = self._process
        return None if process is None else process.pid

    def run(self, folder: Path) -> tuple[End, str]:
        """Run the script on `folder`; return how it ended and, where it failed, its last words."""
        free = available_mb()
        if free is not None and free < self._limits.free_mb:
            return "no_memory", f"{free} MiB are free, `evidence.free_mb` is {self._limits.free_mb}"
        words = folder / "output.txt"
        with self._lock:
            if self._stopped.is_set():
                return "stopped", ""
            try:
                with words.open("wb") as output:
                    self._process = subprocess.Popen(
                        self._command(folder),
                        stdin=subprocess.DEVNULL,
                        stdout=output,
                        stderr=output,
                        cwd=folder,
                        env=_environment(folder),
                        start_new_session=True,
                    )
            except OSError as error:
                return "failed", f"{self._python}: {error.strerror}"
        try:
            code: int | None = self._process.wait(self._limits.timeout)
        except subprocess.TimeoutExpired:
            self._kill()
            code = None
        self._process = None
        if self._stopped.is_set():
            return "stopped", ""
        return _ending(code), words.read_text(errors="replace")[-_TAIL:].strip()

    def stop(self) -> None:
        """Kill what runs, and start nothing any more."""
        self._stopped.set()
        with self._lock:
            self._kill()

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _command(self, folder: Path) -> list[str]:
        memory = str(self._limits.memory_mb)
        script = [str(self._script), str(folder)]
        return [str(self._python), "-I", str(BOOTSTRAP), str(os.getpid()), memory, *script]


def available_mb() -> int | None:
    """Return the memory that may still be taken here, in MiB; None where nothing tells.

    The least of what the machine has (`MemAvailable`) and what the control group allows (v1 or v2).
    """
    found = [_machine_mb(), _group_mb("memory.max", "memory.current")]
    found.append(_group_mb("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
    known = [one for one in found if one is not None]
    return min(known, default=None)


def _machine_mb() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) >> 10
    except (OSError, ValueError):
        pass
    return None


def _group_mb(limit: str, used: str, root: Path = Path("/sys/fs/cgroup")) -> int | None:
    try:
        allowed = (root / limit).read_text(encoding="ascii").strip()
        taken = int((root / used).read_text(encoding="ascii"))
        return None if allowed == "max" else max(0, int(allowed) - taken) >> 20
    except (OSError, ValueError):
        return None


def _environment(folder: Path) -> dict[str, str]:
    """Return what the child may know: where to put temporary files, and no secret of ours."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    return kept | {"HOME": str(folder), "TMPDIR": str(folder), "MPLCONFIGDIR": str(folder)}


def _ending(code: int | None) -> End:
    if code is None:
        return "timeout"
    endings: dict[int, End] = {
        0: "made",
        NOT_INSTALLED: "not_installed",
        OUT_OF_MEMORY: "out_of_memory",
    }
    return endings.get(code, "failed")

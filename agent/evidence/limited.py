"""Run a script with a limit on its memory, and die with the process that started this one.

`python -I limited.py PARENT_PID MEBIBYTES SCRIPT ARGUMENT...`; only the standard library, because
it runs in whatever environment holds what the script needs.
"""

from __future__ import annotations

import ctypes
import os
import resource
import runpy
import signal
import sys

_PR_SET_PDEATHSIG = 1
OUT_OF_MEMORY = 12


def main() -> None:
    """Set the limits, then be the script."""
    parent, mebibytes = int(sys.argv[1]), int(sys.argv[2])
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)  # It ended before this could be asked for.
    os.nice(10)
    try:
        # Where memory runs out all the same, this goes first and not the agent.
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:  # noqa: PTH123
            score.write("1000")
    except OSError:
        pass
    resource.setrlimit(resource.RLIMIT_AS, (mebibytes << 20, mebibytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.argv = sys.argv[3:]
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except MemoryError:
        os._exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main()

"""`make bench-audit`: the audit log on one core, held to its aims; writes `docs/audit.md`.

An aim that is missed is printed, and ends it with 1.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import machine, page
from benchmarks.measure import start

PAGE = Path(__file__).resolve().parents[1] / "docs" / "audit.md"
BEGIN = "<!-- measured: begin (written by `make bench-audit`) -->"
END = "<!-- measured: end -->"
CORE = 0
MISSED = "MISSED"


def main() -> None:
    """Run the three benchmarks; write the page if all was measured in full."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    records = parser.parse_args().records
    said = [
        line
        for name, count in (("audit_log", 300), ("audit_tree", records), ("audit_verify", records))
        for line in ["", f"$ python -m benchmarks.{name} {count}", *lines_of(name, count)]
    ]
    if records >= 1_000_000:
        measured = "\n".join(["```", *said[1:], "```", "", page.machine_table(machine.describe())])
        page.write(PAGE, measured, BEGIN, END)
        print(f"wrote {PAGE.name}", file=sys.stderr)
    else:
        print("Fewer than 1,000,000 records: nothing is written.", file=sys.stderr)
    if any(MISSED in line for line in said):
        sys.exit(1)


def lines_of(name: str, count: int) -> list[str]:
    """Run a benchmark on one core; return what it said, and show it meanwhile."""
    process = start(CORE, [sys.executable, "-u", "-m", f"benchmarks.{name}", str(count)])
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line.decode().rstrip())
        print(said[-1], flush=True)
    if process.wait() != 0:
        raise RuntimeError(f"benchmarks.{name} ended with exit code {process.returncode}")
    return said


if __name__ == "__main__":
    main()

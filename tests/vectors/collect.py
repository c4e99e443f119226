"""Prints the proofs of transparency-dev/merkle's own test data as JSON Lines.

`python tests/vectors/collect.py <checkout of the library>`: each line is one of its files, with the
path as `file`.  `README.md` names the revision that the kept lines are of.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

KINDS = ("inclusion", "consistency")


def main(checkout: Path) -> None:
    """Print what lies there, in the order of the paths."""
    data = checkout / "testdata"
    for path in sorted(path for kind in KINDS for path in (data / kind).rglob("*.json")):
        vector = json.loads(path.read_text())
        print(json.dumps({"file": path.relative_to(data).as_posix(), **vector}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

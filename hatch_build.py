"""Compiles the JSON reader in `native/` into the package, where the machine can.

Without `cargo` (Rust 1.88 or newer) the package is pure Python: the same numbers, read more slowly.
`PANTAU_NATIVE=0` leaves it out, `PANTAU_NATIVE=1` makes its absence an error.

Installers keep to themselves what is printed here, so why there is none stands in `PROBLEM`, too.
`python hatch_build.py`, which `make` runs once it has installed, tells it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "collectors/decoders/_columns.abi3.so"
PROBLEM = "build/json-reader.txt"
_ASK = "from collectors.decoders import _columns"


class NativeReader(BuildHookInterface[Any]):
    """Adds the compiled module to wheels, editable ones too."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; on failure say so and go on without."""
        del version
        wanted = os.environ.get("PANTAU_NATIVE", "")
        if wanted == "0" or sys.platform == "win32":
            note(Path(self.root), "it was left out, as PANTAU_NATIVE=0 says")
            return
        problem = compile_into(Path(self.root))
        note(Path(self.root), problem)
        if problem is not None:
            if wanted == "1":
                raise RuntimeError(problem)
            print(f"Pantau: no compiled JSON reader, Python's takes its place: {problem}")
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"cp311-abi3-{_platform()}"
        build_data["force_include"][str(Path(self.root) / MODULE)] = MODULE


def compile_into(root: Path) -> str | None:
    """Build the crate and put the module into the package; return what went wrong, if anything."""
    cargo = shutil.which("cargo")
    if cargo is None:
        return "there is no `cargo`: install Rust 1.88 or newer, then `make clean setup`"
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "native" / "target"))
    command = [cargo, "build", "--release", "--quiet", "--target-dir", str(target)]
    done = subprocess.run(command, cwd=root / "native", capture_output=True, text=True, check=False)
    if done.returncode:
        # What an earlier build left is of other sources.
        (root / MODULE).unlink(missing_ok=True)
        return f"cargo failed: {done.stderr.strip()[-2000:]}"
    name = "lib_columns.dylib" if sys.platform == "darwin" else "lib_columns.so"
    built = target / "release" / name
    # A new file: a process that runs may have the old one mapped.
    (root / MODULE).unlink(missing_ok=True)
    shutil.copyfile(built, root / MODULE)
    return None


def note(root: Path, problem: str | None) -> None:
    """Keep why there is no compiled reader, or forget why there was none."""
    file = root / PROBLEM
    with contextlib.suppress(OSError):  # A tree that cannot be written is no reason to fail.
        file.unlink(missing_ok=True)
        if problem is not None:
            file.parent.mkdir(exist_ok=True)
            file.write_text(f"{problem}\n", encoding="utf-8")


def why_missing(root: Path) -> str | None:
    """Return why the package of this tree has no compiled reader, None if it has one."""
    done = subprocess.run(
        [sys.executable, "-c", _ASK], cwd=root, capture_output=True, text=True, check=False
    )
    if not done.returncode:
        return None
    if (root / MODULE).exists():
        return f"it cannot be loaded: {done.stderr.strip().splitlines()[-1]}"
    with contextlib.suppress(OSError):
        return (root / PROBLEM).read_text(encoding="utf-8").strip()
    return "it was never compiled: `make clean setup`"


def main(root: Path) -> int:
    """Say on standard error what is missing and why; return 1 where it is required."""
    why = why_missing(root)
    if why is None:
        return 0
    print(f"The JSON reader is not compiled, Python's takes its place: {why}", file=sys.stderr)
    if os.environ.get("PANTAU_REQUIRE_REAL", "") in ("", "0"):
        return 0
    print("PANTAU_REQUIRE_REAL is set: it is required here.", file=sys.stderr)
    return 1


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


if __name__ == "__main__":
    sys.exit(main(Path(__file__).parent))

"""Compiles the JSON reader in `native/` into the package, where the machine can.

Without `cargo` (Rust 1.88 or newer) the package is pure Python: the same numbers, read more slowly.
`PANTAU_NATIVE=0` leaves it out, `PANTAU_NATIVE=1` makes its absence an error.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "collectors/decoders/_columns.abi3.so"


class NativeReader(BuildHookInterface[Any]):
    """Adds the compiled module to wheels, editable ones too."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile; on failure say so and go on without."""
        del version
        wanted = os.environ.get("PANTAU_NATIVE", "")
        if wanted == "0" or sys.platform == "win32":
            return
        problem = compile_into(Path(self.root))
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
        return "there is no `cargo`"
    target = Path(os.environ.get("CARGO_TARGET_DIR", root / "native" / "target"))
    command = [cargo, "build", "--release", "--quiet", "--target-dir", str(target)]
    done = subprocess.run(command, cwd=root / "native", capture_output=True, text=True, check=False)
    if done.returncode:
        return f"cargo failed: {done.stderr.strip()[-2000:]}"
    name = "lib_columns.dylib" if sys.platform == "darwin" else "lib_columns.so"
    built = target / "release" / name
    # A new file: a process that runs may have the old one mapped.
    (root / MODULE).unlink(missing_ok=True)
    shutil.copyfile(built, root / MODULE)
    return None


def _platform() -> str:
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")

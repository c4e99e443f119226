"""Programs around verifiers that this project did not write, built from `tests/verifiers`."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.components import missing

SOURCE = Path(__file__).resolve().parents[1] / "verifiers"
REPOSITORY = SOURCE.parents[1]
CACHE = Path(os.environ.get("PANTAU_CACHE", REPOSITORY / ".cache")) / "verifiers"
GO = "/usr/local/go/bin/go"
"""Where Go's own installation puts it, which is not always on PATH."""
BUILD_SECONDS = 900
PATIENCE = 120


def require_programs() -> Path:
    """Return the folder of the module's programs, or end the test as `missing` does."""
    folder = CACHE / _digest()
    with _locked():
        if not folder.exists():
            go = shutil.which("go") or (GO if Path(GO).exists() else None)
            if go is None:
                missing("Go, which builds the verifiers", "https://go.dev/dl, 1.26 or newer")
            _build(go, folder)
    return folder


def require_program(name: str) -> Path:
    """Return a program of the module, or end the test as `missing` does."""
    return require_programs() / name


def run(program: str, *arguments: object, token: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end and return what it said.  One that does not end is a failure."""
    command = [str(require_program(program)), *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env={**os.environ, "TOKEN": token},
    )


def fsck(url: str, key_file: Path, token: str = "") -> bool:
    """Tell whether tessera's fsck accepts a log; its exit code is always 0, so its words count."""
    flags = [f"-storage_url={url}", f"-public_key={key_file}", "-N=8", "-ui=false", "-v=1"]
    ended = run("fsck", *flags, *([f"-bearer_token={token}"] if token else []))
    return "Successfully fsck'd log" in ended.stderr and "fsck failed" not in ended.stderr


def require_accepted(log: Path) -> None:
    """Show a published log, or an epoch of it, to all verifiers, with the key that it names."""
    vkey = json.loads((log / "log.json").read_bytes())["vkeys"][0]
    program = run("verify", f"file://{log}", vkey)
    assert program.returncode == 0, program.stderr
    with tempfile.NamedTemporaryFile("w") as key_file:
        key_file.write(vkey)
        key_file.flush()
        assert fsck(f"file://{log}/", Path(key_file.name))


def _build(go: str, folder: Path) -> None:
    making = folder.with_name(f"{folder.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as caches:
        packages = ["./...", "github.com/transparency-dev/tessera/cmd/fsck"]
        built = subprocess.run(
            [go, "build", "-ldflags=-s -w", "-o", f"{making}/", *packages],
            cwd=SOURCE,
            env={
                **os.environ,
                "CGO_ENABLED": "0",
                "GOFLAGS": "-mod=readonly -modcacherw -trimpath -buildvcs=false",
                "GOMODCACHE": f"{caches}/modules",
                "GOCACHE": f"{caches}/build",
            },
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
    if built.returncode != 0:
        raise AssertionError(f"the verifiers do not build:\n{built.stderr[-3_000:]}")
    making.rename(folder)


def _digest() -> str:
    """Return a digest of everything that is built."""
    found = hashlib.sha256()
    for path in sorted([*SOURCE.rglob("*.go"), SOURCE / "go.mod", SOURCE / "go.sum"]):
        found.update(f"{path.relative_to(SOURCE)}\n".encode() + path.read_bytes())
    return found.hexdigest()[:16]


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

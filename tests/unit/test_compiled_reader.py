"""Where the JSON reader could not be compiled, somebody hears of it, and why."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hatch_build
from hatch_build import MODULE, PROBLEM, NativeReader, main
from tests.real import components

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree to build, and a `cargo` that fails."""
    (tmp_path / "tree" / "native").mkdir(parents=True)
    decoders = (tmp_path / "tree" / MODULE).parent
    decoders.mkdir(parents=True)
    for package in (decoders, decoders.parent):
        (package / "__init__.py").touch()
    cargo = tmp_path / "bin" / "cargo"
    cargo.parent.mkdir()
    cargo.write_text("#!/bin/sh\necho 'error: no field `x` on type `Y`' >&2\nexit 101\n")
    cargo.chmod(0o755)
    monkeypatch.setenv("PATH", str(cargo.parent), prepend=os.pathsep)
    monkeypatch.delenv("PANTAU_NATIVE", raising=False)
    monkeypatch.delenv("PANTAU_REQUIRE_REAL", raising=False)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return tmp_path / "tree"


def build(tree: Path) -> None:
    """Run the hook as an installer does."""
    hook = NativeReader(str(tree), {}, None, None, str(tree), "wheel")  # type: ignore[arg-type]
    hook.initialize("editable", {"force_include": {}})


@pytest.mark.parametrize(("required", "status"), [("", 0), ("0", 0), ("1", 1)])
def test_a_failing_compiler_is_told_with_its_words_and_fails_where_it_is_required(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    required: str,
    status: int,
) -> None:
    (tree / MODULE).write_bytes(b"of older sources")
    build(tree)
    assert not (tree / MODULE).exists()
    monkeypatch.setenv("PANTAU_REQUIRE_REAL", required)
    capsys.readouterr()
    assert main(tree) == status
    told = capsys.readouterr()
    assert told.out == ""
    assert "cargo failed: error: no field `x` on type `Y`" in told.err
    assert (tree / PROBLEM).exists()


def test_without_cargo_it_says_what_to_install(
    tree: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    build(tree)
    assert main(tree) == 0
    assert "install Rust 1.88 or newer" in capsys.readouterr().err


def test_a_module_that_cannot_be_loaded_is_told_so(
    tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tree / MODULE).write_bytes(b"no library")
    assert main(tree) == 0
    assert "it cannot be loaded: ImportError" in capsys.readouterr().err


def test_a_tree_that_has_it_says_nothing() -> None:
    components.require_compiled_reader()
    done = subprocess.run(
        [sys.executable, str(ROOT / "hatch_build.py")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_skip_for_want_of_it_says_why(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(tree)
    monkeypatch.setattr(components, "AVAILABLE", False)
    monkeypatch.setattr(components, "_ROOT", tree)
    with pytest.raises(pytest.skip.Exception, match=r"JSON reader \(cargo failed: error"):
        components.require_compiled_reader()


def test_every_crate_that_is_compiled_is_pinned() -> None:
    lock = ROOT / "native" / "Cargo.lock"
    if not lock.exists():
        components.missing("native/Cargo.lock", "compile the JSON reader: make clean setup")
    manifest = tomllib.loads((ROOT / "native" / "Cargo.toml").read_text())
    beside = manifest["target"]["cfg(any())"]["dependencies"]
    pinned = {
        (name, spec) if isinstance(spec, str) else (spec.get("package", name), spec["version"])
        for name, spec in (*manifest["dependencies"].items(), *beside.items())
    }
    taken = {
        (one["name"], "=" + one["version"].partition("+")[0])
        for one in tomllib.loads(lock.read_text())["package"]
        if "source" in one
    }
    assert taken == pinned


def test_what_was_wrong_is_forgotten_once_it_is_mended(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(tree)
    monkeypatch.setattr(hatch_build, "compile_into", lambda _: None)
    build(tree)
    assert not (tree / PROBLEM).exists()

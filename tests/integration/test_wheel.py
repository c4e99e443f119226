"""What users install is the wheel: it is complete, and it runs outside this repository."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "exporters", "policies", "collectors")
RESOURCES = {".yaml", ".yml", ".json", ".typed", ".pyi", ".html", ".css", ".js", ".sql"}
COMPILED = "collectors/decoders/_columns.abi3.so"
"""Only where the machine that built the wheel could compile it."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    _run(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", str(directory), str(ROOT)),
        cwd=directory,
    )
    (built,) = directory.glob("pantau-*.whl")
    return built


def test_the_wheel_holds_every_module_and_resource_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in RESOURCES | {".py"}
    }
    assert names - {COMPILED} == expected
    assert {f"{package}/py.typed" for package in PACKAGES} <= names


def test_the_wheel_carries_its_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (licence,) = (n for n in archive.namelist() if n.endswith("licenses/LICENSE"))
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_installed_wheel_runs_with_the_locked_dependencies(wheel: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    _run(sys.executable, "-m", "venv", str(venv), cwd=tmp_path)
    pip = (str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet")
    _run(*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock"), cwd=tmp_path)
    _run(*pip, "--no-deps", "--no-index", str(wheel), cwd=tmp_path)

    pantau = str(venv / "bin" / "pantau")
    assert "backtest" in _run(pantau, "--help", cwd=tmp_path)
    assert "asean-guide" in _run(pantau, "policy", "list", cwd=tmp_path)


def _run(*command: str, cwd: Path) -> str:
    """Run outside the repository, so that nothing is imported from it; return the output."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout

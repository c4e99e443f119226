from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from agent.cli.main import app, main

GOLDEN = Path(__file__).parents[2] / "golden" / "help.txt"
HEAVY = ("numpy", "pydantic", "kafka", "msgspec", "rich", "yaml", "httpx", "cryptography")


def commands(group: typer.Typer = app, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield every group and command below a group, in the order of its help."""
    yield " ".join(path)
    for command in group.registered_commands:
        yield " ".join((*path, command.name or ""))
    for inner in group.registered_groups:
        assert inner.typer_instance is not None
        yield from commands(inner.typer_instance, (*path, inner.name or ""))


COMMANDS = tuple(commands())


def help_texts(capsys: pytest.CaptureFixture[str]) -> str:
    parts = []
    for command in COMMANDS:
        assert main([*command.split(), "--help"]) == 0
        parts.append(f"$ pantau {command}".rstrip() + " --help\n" + capsys.readouterr().out)
    return "\n".join(parts)


def test_help_texts(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What people read; write it anew with `PANTAU_WRITE_GOLDEN=1 pytest tests/unit/cli`."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("PANTAU_CONFIG", raising=False)
    texts = help_texts(capsys)
    if os.environ.get("PANTAU_WRITE_GOLDEN"):
        GOLDEN.write_text(texts, encoding="utf-8")
    assert texts == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    # typer itself reads a command's options by means of pydantic.
    [(["--help"], set()), (["--version"], set()), (["run", "--help"], {"pydantic"})],
)
def test_help_imports_nothing_heavy(arguments: list[str], allowed: set[str]) -> None:
    """Speed without a timed test: help must not load what only the agent needs."""
    code = (
        "import json, sys\n"
        "from agent.cli.main import main\n"
        f"code = main({arguments!r})\n"
        "print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    exit_code, modules = json.loads(done.stderr.splitlines()[-1])
    assert exit_code == 0
    assert done.stdout
    loaded = {name.partition(".")[0] for name in modules}
    assert loaded & set(HEAVY) <= allowed
    assert loaded.isdisjoint({"policies", "exporters", "collectors"})


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    from agent import __version__

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"pantau {__version__}\n"


def test_the_contract_names_each_command() -> None:
    contract = (Path(__file__).parents[3] / "docs" / "contract.md").read_text(encoding="utf-8")
    usage = contract.split("```")[1].splitlines()
    assert {"demo", "policy clock close", "audit unseal", "report erase"} <= set(COMMANDS)
    for command in filter(None, COMMANDS):
        group, *rest = command.split()
        lines = [line for line in usage if line.startswith(f"pantau {group}")]
        assert any(set(rest) <= set(line.split()) for line in lines), command

"""What each way of ending means to whoever called the program (contract, "Command line")."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from agent.cli import exits
from agent.cli.main import app, main
from agent.config.problems import ConfigError, Problem
from collectors.base import CollectorError
from exporters.base import ExportError
from policies.complaint import PackError


class Custom(CollectorError):
    """A collector's own kind of error."""


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigError([Problem("a.yaml", 3, "b.c", "is wrong")]), 2, "a.yaml:3: b.c: is wrong\n"),
        (PackError("there is no policy pack 'x'"), 2, "there is no policy pack 'x'\n"),
        (CollectorError("no such topic"), 3, "pantau: no such topic\n"),
        (Custom("no such topic"), 3, "pantau: no such topic\n"),
        (ExportError("refused"), 3, "pantau: refused\n"),
        (OSError(28, "No space left on device"), 3, "pantau: [Errno 28] No space left on device\n"),
    ],
)
def test_an_error_for_a_person_is_printed_without_a_traceback(
    error: Exception, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exits.report(error) == code
    assert capsys.readouterr() == ("", text)


def test_a_defect_of_the_program_never_reads_as_a_finding(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exits.report(KeyError("x")) == exits.RUNTIME
    assert "Traceback" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["chek"],
        ["check"],
        ["check", "-c"],
        ["backtest", "-c", "x", "--fail-on", "sometimes"],
        ["audit", "verify"],
        ["policy", "show"],
        ["--nonsense"],
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PANTAU_CONFIG", raising=False)
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Error: " in err or "Usage: pantau" in err


def test_a_wrong_configuration_is_2_and_says_everything_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text("systems:\n  - id: loan\n    windws: [1h]\nstoer: {}\n", encoding="utf-8")
    for command in (["check"], ["run"], ["backtest", "--input", "x.csv", "--output", "json"]):
        assert main([*command, "-c", str(file)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err == (
            f"{file}:3: systems.0.windws: unknown key; did you mean `windows`?\n"
            f"{file}:4: stoer: unknown key; did you mean `store`?\n"
        )


def test_several_systems_need_a_choice(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "pantau.yaml"
    file.write_text("systems: [{id: loan}, {id: card}]\n", encoding="utf-8")
    command = ["backtest", "-c", str(file), "--input", "x.csv"]
    assert main(command) == 2
    assert capsys.readouterr().err == (
        "--system: missing; several systems are configured: loan, card\n"
    )
    assert main([*command, "--system", "lone"]) == 2
    assert capsys.readouterr().err == (
        "--system: no system is called 'lone'; did you mean `loan`?\n"
    )


@pytest.mark.parametrize(
    ("error", "code"), [(KeyboardInterrupt(), 130), (typer.Abort(), 130), (typer.Exit(4), 4)]
)
def test_other_ways_to_end(
    error: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end() -> None:
        raise error

    monkeypatch.setattr(app.registered_commands[0], "callback", end)
    assert main(["demo"]) == code


def test_a_closed_pipe_is_quiet_and_no_finding() -> None:
    read, write = os.pipe()
    os.close(read)
    code = "import sys\nfrom agent.cli.main import main\nsys.exit(main(['policy', 'list']))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (exits.BROKEN_PIPE, "")

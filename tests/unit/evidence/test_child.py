"""The rendering process, really killed, really out of memory, really hanging."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent.evidence import child as child_module
from agent.evidence.child import BOOTSTRAP, REPORT, Child, Limits, available_mb
from tests.real.processes import eventually

PYTHON = Path(sys.executable)
PLENTY = Limits(memory_mb=1_024, free_mb=0, timeout=60.0)


def script(folder: Path, text: str) -> Path:
    path = folder / "script.py"
    path.write_text(text)
    return path


def test_a_script_that_works_is_made(tmp_path: Path) -> None:
    text = "import sys, pathlib; pathlib.Path(sys.argv[1], 'done').write_text('x')"
    assert Child(PYTHON, PLENTY, script(tmp_path, text)).run(tmp_path) == ("made", "")
    assert (tmp_path / "done").exists()


def test_one_that_takes_too_much_memory_ends_and_says_so(tmp_path: Path) -> None:
    greedy = script(tmp_path, "held = bytearray(512 << 20)")
    limits = Limits(memory_mb=128, free_mb=0, timeout=60.0)
    assert Child(PYTHON, limits, greedy).run(tmp_path)[0] == "out_of_memory"


def test_one_that_hangs_is_killed_with_its_own_children(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open(sys.argv[1] + '/pid', 'w').write(str(p.pid))\n"
        "time.sleep(600)"
    )
    limits = Limits(memory_mb=1_024, free_mb=0, timeout=3.0)
    assert Child(PYTHON, limits, script(tmp_path, text)).run(tmp_path)[0] == "timeout"
    grandchild = int((tmp_path / "pid").read_text())
    eventually(lambda: gone(grandchild) or None, "end of the grandchild")


def test_one_that_is_killed_from_outside_has_failed(tmp_path: Path) -> None:
    child = Child(PYTHON, PLENTY, script(tmp_path, "import time; time.sleep(600)"))
    ends: list[tuple[str, str]] = []
    thread = threading.Thread(target=lambda: ends.append(child.run(tmp_path)))
    thread.start()
    pid = eventually(lambda: child.pid, "process")
    os.kill(pid, signal.SIGKILL)
    thread.join(30)
    assert ends == [("failed", "")]


def test_a_stop_kills_what_runs_and_starts_nothing_more(tmp_path: Path) -> None:
    child = Child(PYTHON, PLENTY, script(tmp_path, "import time; time.sleep(600)"))
    ends: list[tuple[str, str]] = []
    thread = threading.Thread(target=lambda: ends.append(child.run(tmp_path)))
    thread.start()
    pid = eventually(lambda: child.pid, "process")
    child.stop()
    thread.join(30)
    assert gone(pid)
    assert ends == [("stopped", "")] == [child.run(tmp_path)]


def test_it_dies_with_the_agent(tmp_path: Path) -> None:
    text = "import os, sys, time\nopen(sys.argv[1] + '/pid', 'w').write(str(os.getpid()))\n"
    sleeper = script(tmp_path, text + "time.sleep(600)")
    code = (
        "from pathlib import Path\nfrom agent.evidence.child import Child, Limits\nimport sys\n"
        f"Child(Path(sys.executable), Limits(1024, 0, 600.0), Path({str(sleeper)!r}))"
        f".run(Path({str(tmp_path)!r}))"
    )
    agent = subprocess.Popen([sys.executable, "-c", code])
    pid = eventually(lambda: pid_in(tmp_path), "rendering process")
    agent.kill()
    agent.wait()
    eventually(lambda: gone(pid) or None, "end of the rendering process")


def pid_in(folder: Path) -> int | None:
    file = folder / "pid"
    return int(file.read_text() or 0) or None if file.exists() else None


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_it_is_not_started_without_memory(tmp_path: Path) -> None:
    limits = Limits(memory_mb=1_024, free_mb=10**9, timeout=60.0)
    marker = "import sys; open(sys.argv[1] + '/started', 'w')"
    end, words = Child(PYTHON, limits, script(tmp_path, marker)).run(tmp_path)
    assert end == "no_memory"
    assert "evidence.free_mb" in words
    assert not (tmp_path / "started").exists()


def test_the_control_group_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = available_mb()
    assert machine is not None
    assert machine > 10
    (tmp_path / "memory.max").write_text(str(300 << 20))
    (tmp_path / "memory.current").write_text(str(290 << 20))
    read = child_module._group_mb
    assert read("memory.max", "memory.current", tmp_path) == 10
    monkeypatch.setattr(child_module, "_group_mb", lambda a, b: read(a, b, tmp_path))
    assert available_mb() == 10
    (tmp_path / "memory.max").write_text("max\n")
    assert read("memory.max", "memory.current", tmp_path) is None


def test_an_interpreter_that_is_not_there_has_failed(tmp_path: Path) -> None:
    end, words = Child(tmp_path / "python", PLENTY).run(tmp_path)
    assert end == "failed"
    assert "No such file" in words


def test_without_evidently_it_says_so(tmp_path: Path) -> None:
    (tmp_path / "question.json").write_text("{}")
    assert Child(PYTHON, PLENTY).run(tmp_path) == ("not_installed", "evidently") or Child(
        PYTHON, PLENTY
    ).run(tmp_path) == ("not_installed", "pandas")


def test_no_secret_of_the_agent_reaches_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANTAU_STORE__PATH", "hunter2")
    text = "import os, sys; open(sys.argv[1] + '/env', 'w').write(repr(dict(os.environ)))"
    Child(PYTHON, PLENTY, script(tmp_path, text)).run(tmp_path)
    assert "hunter2" not in (tmp_path / "env").read_text()


def test_exit_codes_are_those_of_the_scripts() -> None:
    def constant(path: Path, name: str) -> int:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
                return int(ast.literal_eval(node.value))
        raise AssertionError(name)

    assert constant(BOOTSTRAP, "OUT_OF_MEMORY") == child_module.OUT_OF_MEMORY
    assert constant(REPORT, "NOT_INSTALLED") == child_module.NOT_INSTALLED

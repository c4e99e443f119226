"""What the pages on guarantees and operations name is there."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from agent import report
from collectors.decoders.base import REASONS
from exporters.agent_metrics import AgentMetrics
from exporters.programme_metrics import ProgrammeMetrics
from exporters.signal_series import FAMILIES

ROOT = Path(__file__).resolve().parents[2]
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()


def functions_in(path: Path) -> set[str]:
    """Return the names of the test functions in a file."""
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_test_that_a_guarantee_names_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", GUARANTEES)
    assert len(named) > 40
    missing = [f"{p}::{name}" for p, name in named if name not in functions_in(ROOT / p)]
    assert missing == []


def test_every_guarantee_names_a_test() -> None:
    rows = [line for line in GUARANTEES.splitlines() if line.startswith("| ")]
    promises = [row for row in rows if not row.startswith("| Fault ")]
    assert len(promises) > 30
    assert [row for row in promises if "`tests/" not in row] == []


OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
SOURCES = [p for top in ("agent", "exporters", "collectors") for p in (ROOT / top).rglob("*.py")]
LOGGING = {"debug", "info", "warning", "error", "exception", "log"}


def logged_events() -> set[str]:
    """Return the name of every event that the program logs."""
    found = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if node.func.attr in LOGGING and owner.split(".")[-1] in ("_log", "_logger"):
                    found |= {name for name in strings(node) if "_" in name}
    return found


def strings(call: ast.Call) -> set[str]:
    """Return the constant texts among a call's positional arguments."""
    nodes = [node for argument in call.args for node in ast.walk(argument)]
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def named(section: str) -> set[str]:
    """Return the code words in the first column of a section's table."""
    text = OPERATIONS.split(f"\n## {section}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    return {word for row in rows for word in re.findall(r"`([\w ]+)`", row)}


# What is composed where it is logged, and what one function logs for several others.
COMPOSED = {"kafka_partitions_": {"kafka_partitions_assigned", "kafka_partitions_revoked"}}
HANDED_ON = {"delivery_failed", "delivery_skipped"}


def test_every_event_in_the_log_is_explained() -> None:
    logged = {name for one in logged_events() for name in COMPOSED.get(one, {one})}
    assert named("What the log says") - {"event"} == logged | HANDED_ON


def test_every_metric_of_the_agent_is_explained() -> None:
    exposed = re.findall(r"^# TYPE (pantau_\w+)", AgentMetrics("0").exposition().decode(), re.M)
    assert named("Watching the watcher") == set(exposed) - FAMILIES.keys()


def test_every_metric_of_the_programme_is_explained() -> None:
    registry = CollectorRegistry()
    ProgrammeMetrics(registry)
    exposed = re.findall(r"^# TYPE (pantau_\w+)", generate_latest(registry).decode(), re.M)
    said = named("The programme, by country and sector")
    assert said == {name for name in exposed if not name.endswith("_created")}


def test_the_rules_of_the_example_use_metrics_that_exist() -> None:
    expressions = re.findall(r"^ +expr: (.*)$", OPERATIONS, re.M)
    used = {name for text in expressions for name in re.findall(r"pantau_\w+", text)}
    assert used <= named("Watching the watcher") | FAMILIES.keys()
    assert len(expressions) > 5


def literal_reasons() -> set[object]:
    """Return the reasons that stand in the code where a record is rejected."""
    found: set[object] = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and node.args:
                reason, made = node.args[0], ast.unparse(node.func)
                if made in ("Rejected", "rejected.setdefault") and isinstance(reason, ast.Constant):
                    found.add(reason.value)
    return found


def test_every_reason_for_a_rejection_is_explained() -> None:
    literal = literal_reasons()
    assert literal == {"truncated", "empty_record", "corrupt_batch", "future"}
    assert named("Why records are rejected") == {*REASONS, *literal}


def test_every_reason_of_an_incomplete_window_is_explained() -> None:
    # The audit log is the only exporter whose failure degrades verdicts.
    assert named("`incomplete_because`") == {*returned(report._incomplete), "audit_unavailable"}


def returned(function: Callable[..., object]) -> set[str]:
    """Return the constant texts that a function returns."""
    nodes = ast.walk(ast.parse(inspect.getsource(function)))
    values = [n.value for n in nodes if isinstance(n, ast.Return)]
    return {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}

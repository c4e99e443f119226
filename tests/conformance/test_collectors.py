"""What every collector in the table must do: a new line there is tested here at once."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from collectors import table
from collectors.base import Channel, Collector, CollectorError, Resume
from collectors.schema import EventSchema
from tests.real.processes import free_port
from tests.support.unclosed import left_open

NOWHERE: dict[str, Callable[[Path], dict[str, Any]]] = {
    "file": lambda folder: {"path": str(folder / "none.csv")},
    "kafka": lambda _: {
        "brokers": [f"127.0.0.1:{free_port()}"],
        "topic": "none",
        "connect_timeout": "1s",
    },
}
"""A source that is not there, for each type; a new collector adds its line."""


@pytest.fixture(params=table.names())
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def configured(kind: str, tmp_path: Path) -> dict[str, Any]:
    assert kind in NOWHERE, f"add a source that is not there for {kind!r} to NOWHERE"
    return {"type": kind, **NOWHERE[kind](tmp_path)}


@pytest.fixture
def options(kind: str, configured: dict[str, Any]) -> BaseModel:
    return table.options_model(kind).model_validate(configured)


@pytest.fixture
def collector(options: BaseModel) -> Collector:
    return table.build(options, EventSchema(), b"key")


def test_its_options_name_its_type_and_are_described(kind: str, options: BaseModel) -> None:
    assert options.type == kind  # type: ignore[attr-defined]
    for name, field in type(options).model_fields.items():
        assert name == "type" or field.description, f"{kind}.{name} has no description"
    assert {"system", "name"} <= set(type(options).model_fields)


def test_an_unknown_option_is_refused(kind: str, configured: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="no_such_option"):
        table.options_model(kind).model_validate({**configured, "no_such_option": 1})


def test_options_do_not_change(options: BaseModel) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        options.system = "other"  # type: ignore[attr-defined]


def test_its_name_tells_it_apart(kind: str, configured: dict[str, Any]) -> None:
    def name(**changes: Any) -> str:
        options = table.options_model(kind).model_validate({**configured, **changes})
        return table.build(options, EventSchema(), b"key").name

    assert name().startswith(f"{kind}:")
    assert name(name="loans") == "loans"


def test_a_source_that_is_not_there_is_a_clear_error(collector: Collector) -> None:
    with pytest.raises(CollectorError) as raised:
        collector.check()
    assert "none" in str(raised.value) or "127.0.0.1" in str(raised.value)


def test_a_source_that_is_not_there_leaves_nothing_open(collector: Collector) -> None:
    def attempt() -> None:
        with contextlib.suppress(CollectorError):
            collector.check()

    assert left_open(attempt) == []


def test_stop_before_run_and_twice_ends_the_run_at_once(collector: Collector) -> None:
    collector.stop()
    collector.stop()
    raised: list[BaseException] = []

    def run() -> None:
        try:
            collector.run(Channel(), Resume())
        except CollectorError as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_options_do_not_import_the_collector(kind: str) -> None:
    """The configuration is checked without the client libraries, so that `--help` is fast."""
    code = (
        "import sys; from collectors import table; "
        f"table.options_model({kind!r}); "
        "sys.exit(' '.join(m for m in ('kafka', 'pyarrow') if m in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_unknown_type_is_answered_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="there are: file, kafka"):
        table.options_model("pulsar")

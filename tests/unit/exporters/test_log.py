"""The application log: one JSON object per line, no secrets, no floods."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from exporters.log import RateLimited, clean_text, configure, get_logger

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in ("httpx", "httpcore", "kafka")}
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    logging.captureWarnings(False)
    structlog.reset_defaults()


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def lines(stream: io.StringIO) -> Lines:
    configure("info", "json", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_object_with_time_level_and_logger(lines: Lines) -> None:
    get_logger("agent.windows").info("window_closed", system="loans", events=12)
    (line,) = lines()
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "window_closed",
        "level": "info",
        "logger": "agent.windows",
        "system": "loans",
        "events": 12,
    }


def test_lines_of_libraries_have_the_same_form(lines: Lines) -> None:
    logging.getLogger("kafka.conn").warning("broker %s went away", "b1:9092")
    (line,) = lines()
    assert line["event"] == "broker b1:9092 went away"
    assert (line["level"], line["logger"]) == ("warning", "kafka.conn")
    assert line["time"].endswith("Z")


def test_chatty_libraries_speak_from_warning_on(lines: Lines) -> None:
    logging.getLogger("httpx").info("HTTP Request: POST http://am/api/v2/alerts")
    get_logger("x").debug("too_fine")
    assert lines() == []


def test_debug_lets_everything_through(stream: io.StringIO) -> None:
    configure("debug", "json", stream)
    logging.getLogger("httpx").debug("hello")
    assert json.loads(stream.getvalue())["event"] == "hello"


def test_secrets_are_blanked_wherever_they_stand(lines: Lines) -> None:
    logger = get_logger("x")
    logger.info(
        "connected",
        sasl_password="hunter2",
        headers={"Authorization": "Bearer hunter2", "Accept": "json"},
        url="https://user:hunter2@host/path",
        password_file="/etc/pantau/password",
        nested=[{"api_key": "hunter2"}],
        detail="sasl failed: password=hunter2, mechanism=PLAIN",
    )
    logging.getLogger("kafka").error("bad config: {'sasl_plain_password': 'hunter2'}")
    try:
        raise ValueError("token: hunter2")
    except ValueError:
        logger.exception("connection_failed")
    text = json.dumps(lines())
    assert "hunter2" not in text
    assert "/etc/pantau/password" in text
    assert "https://***@host/path" in text
    assert "mechanism=PLAIN" in text


@pytest.mark.parametrize("name", ["agent.pipeline", "kafka.conn"])
def test_of_an_exception_the_calls_are_told_but_no_value(lines: Lines, name: str) -> None:
    applicant = "Siti binti Ahmad"
    try:
        raise KeyError(applicant)
    except KeyError:
        logging.getLogger(name).exception("lookup failed")
        get_logger(name).exception("lookup_failed")
    for line in lines():
        called, kind = line["exception"].splitlines()
        assert called.startswith("tests.unit.exporters.test_log:")
        assert kind == "KeyError"
        assert "Siti" not in json.dumps(line)


def test_console_is_for_people(stream: io.StringIO) -> None:
    configure("info", "console", stream)
    get_logger("x").info("window_closed", system="loans", token="hunter2")
    assert "window_closed" in stream.getvalue()
    assert "loans" in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_the_last_configuration_holds(lines: Lines, stream: io.StringIO) -> None:
    other = io.StringIO()
    configure("info", "json", other)
    get_logger("x").info("agent_started")
    assert len(other.getvalue().splitlines()) == 1
    assert stream.getvalue() == ""


def test_a_repeated_line_is_written_once_a_minute_with_a_count(lines: Lines) -> None:
    now = [0.0]
    limited = RateLimited(get_logger("x"), clock=lambda: now[0])
    wrote = [limited.log("warning", "record_rejected", reason="r") for _ in range(100)]
    assert wrote == [True] + [False] * 99
    assert limited.log("warning", "record_rejected", key="another") is True
    now[0] = 60.0
    assert limited.log("warning", "record_rejected", reason="r") is True
    assert [line.get("suppressed") for line in lines()] == [None, None, 99]


def test_trouble_that_ended_is_told_at_once_when_it_returns(lines: Lines) -> None:
    limited = RateLimited(get_logger("x"), clock=lambda: 0.0)
    assert limited.log("warning", "delivery_failed")
    limited.forget("delivery_failed")
    assert limited.log("warning", "delivery_failed")


def test_the_number_of_remembered_keys_is_bounded(lines: Lines) -> None:
    limited = RateLimited(get_logger("x"), max_keys=3, clock=lambda: 0.0)
    for i in range(10):
        assert limited.log("info", "seen", key=str(i))
    assert not limited.log("info", "seen", key="9")
    assert limited.log("info", "seen", key="0"), "the oldest was forgotten"


@given(st.text())
def test_ordinary_text_passes_through(text: str) -> None:
    if not any(mark in text for mark in ("@", "=", ":")):
        assert clean_text(text) == text

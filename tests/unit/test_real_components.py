"""A missing real component is never a silent pass."""

from __future__ import annotations

import pytest

from tests.real import prepare
from tests.real.components import missing, require_binary, require_module


def test_a_missing_program_skips_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PANTAU_REQUIRE_REAL", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.skip.Exception, match=r"promtool \(apt-get install prometheus\)"):
        require_binary("promtool")


def test_a_missing_program_fails_where_real_components_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PANTAU_REQUIRE_REAL", "1")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(pytest.fail.Exception, match="promtool"):
        require_binary("promtool")


def test_a_missing_module_fails_where_real_components_are_required(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PANTAU_REQUIRE_REAL", "1")
    with pytest.raises(pytest.fail.Exception, match="no_such_module"):
        require_module("no_such_module")


@pytest.mark.parametrize(("needed", "status"), [("0", 0), ("1", 1)])
def test_preparing_names_what_is_missing_and_fails_where_it_is_required(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    needed: str,
    status: int,
) -> None:
    monkeypatch.setenv("PANTAU_REQUIRE_REAL", needed)
    monkeypatch.setitem(prepare.PARTS, "kafka", lambda: missing("Kafka", "no `java`"))
    assert prepare.main(["kafka"]) == status
    told = capsys.readouterr()
    assert "kafka: real component missing: Kafka (no `java`)" in told.out + told.err


def test_preparing_a_part_that_does_not_exist_says_which_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert prepare.main(["kafak"]) == 2
    assert "no such part: kafak; there are reader," in capsys.readouterr().err

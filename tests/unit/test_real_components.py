"""A missing real component is never a silent pass."""

from __future__ import annotations

import pytest

from tests.real.components import require_binary, require_module


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

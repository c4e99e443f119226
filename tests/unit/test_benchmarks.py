"""What a page of figures says of the machine that they were measured on."""

from __future__ import annotations

import pytest

from benchmarks import machine, page


@pytest.mark.parametrize(("available", "said"), [(True, "compiled"), (False, "Python")])
def test_it_is_told_by_which_reader_json_was_read(
    monkeypatch: pytest.MonkeyPatch, *, available: bool, said: str
) -> None:
    monkeypatch.setattr(machine, "AVAILABLE", available)
    assert f"| JSON reader | {said} |" in page.machine_table(machine.describe()).splitlines()

"""Dictionary coding stays right and small on any stream."""

from __future__ import annotations

import pytest

from collectors.decoders import dictionary
from collectors.decoders.dictionary import Dictionary
from collectors.decoders.values import text
from tests.batches import cells


def test_values_with_one_text_share_a_code() -> None:
    coded = Dictionary(text)
    column = coded.column(coded.encode(["a", 1, 1.0, "1", None, ""]))
    assert cells(column) == ["a", "1", "1", "1", None, None]
    assert column.values == ("a", "1")


def test_an_earlier_column_keeps_its_texts_when_the_dictionary_is_trimmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dictionary, "MAX_ENTRIES", 3)
    coded = Dictionary(text)
    before = coded.column(coded.encode(["a", "b", "c", "d"]))
    coded.trim()
    after = coded.column(coded.encode(["d", "a"]))
    assert cells(before) == ["a", "b", "c", "d"]
    assert cells(after) == ["d", "a"]
    assert after.values == ("d", "a")


def test_long_texts_count_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "MAX_CHARACTERS", 100)
    coded = Dictionary(text)
    coded.encode(["x" * 101])
    coded.trim()
    assert len(coded) == 0


def test_nan_is_not_remembered_again_and_again() -> None:
    coded = Dictionary(text)
    assert coded.encode([float("nan") for _ in range(50)]).tolist() == [-1] * 50
    assert len(coded) == 0

"""Event ids become AES-CMACs of their text."""

from __future__ import annotations

from hashlib import blake2b

import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from collectors.batch import NO_ID
from collectors.decoders.identity import IdHash

KEY = b"a key of this installation"


def reference(text: str) -> int:
    mac = CMAC(AES(blake2b(key=KEY, person=b"pantau event id", digest_size=32).digest()))
    mac.update(text.encode())
    return int.from_bytes(mac.finalize()[:8], "little")


@given(st.lists(st.text(max_size=40) | st.text("abc", min_size=15, max_size=33), max_size=12))
def test_hashes_are_those_of_the_library(ids: list[str]) -> None:
    expected = [reference(text) if text else NO_ID for text in ids]
    assert IdHash(KEY).hashes(ids).tolist() == expected


def test_very_long_ids_and_ids_with_zero_bytes() -> None:
    ids = ["x" * 100_000, "a\0", "a", "a\0\0", "é" * 600]
    assert IdHash(KEY).hashes(ids).tolist() == [reference(text) for text in ids]


def test_another_key_gives_other_hashes() -> None:
    assert IdHash(KEY).hashes(["app-1"])[0] != IdHash(b"other").hashes(["app-1"])[0]


@pytest.mark.parametrize("key", [b"", b"x" * 65])
def test_a_key_of_the_wrong_length_is_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="needs 1 to 64"):
        IdHash(key)

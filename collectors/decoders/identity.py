"""Event ids as keyed 64-bit hashes: what is stored and compared is never the id itself."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from collectors.batch import NO_ID, Hashes, Ints

_BLOCK = 16
_LONG = 64
"""Blocks; ids longer than this are rare, and are hashed one by one."""


class IdHash:
    """AES-256-CMAC (NIST SP 800-38B, RFC 4493) of an id's UTF-8 text, its first 8 bytes.

    A message authentication code is what keeps a hash of a guessable id from being looked up in a
    table.  Of the standard ones this can be computed for thousands of ids at once, block by block,
    at a fifth of the cost of calling BLAKE2b for each.  The AES key is a BLAKE2b digest of `key`,
    which has 1 to 64 bytes; ValueError otherwise.
    """

    def __init__(self, key: bytes) -> None:
        if not 1 <= len(key) <= blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the key of the id hash has {len(key)} bytes; it needs 1 to 64")
        self._aes = algorithms.AES(
            blake2b(key=key, person=b"pantau event id", digest_size=32).digest()
        )
        # One block at a time is all CMAC asks of the cipher; the chaining is in `_chain`.
        self._encrypt = Cipher(self._aes, modes.ECB()).encryptor().update  # noqa: S305
        whole = _doubled(self._encrypt(bytes(_BLOCK)))
        self._last_whole = np.frombuffer(whole, np.uint64)
        self._last_padded = np.frombuffer(_doubled(whole), np.uint64)

    def hashes(self, ids: Sequence[str]) -> Hashes:
        """Return the hash of each id, `NO_ID` where it is empty."""
        texts: Sequence[str | bytes] = ids
        if not "".join(ids).isascii():
            texts = [text.encode() for text in ids]
        lengths = np.fromiter(map(len, texts), np.int64, len(texts))
        blocks = -(-lengths // _BLOCK)
        found = np.zeros(len(texts), np.uint64)
        for count in set(blocks.tolist()):
            rows = np.flatnonzero(blocks == count)
            chosen = texts if len(rows) == len(texts) else [texts[i] for i in rows.tolist()]
            if count > _LONG:
                found[rows] = [self._one(text) for text in chosen]
            elif count:
                found[rows] = self._chain(chosen, lengths[rows], count)
        found[(found == NO_ID) & (lengths > 0)] = 1  # a real id must not read as "no id"
        return found

    def _chain(self, texts: Sequence[str | bytes], lengths: Ints, count: int) -> Hashes:
        """Return the hashes of texts that all have `count` blocks, by CMAC's own steps."""
        n, width = len(texts), count * _BLOCK
        characters = np.array(texts, dtype=f"S{width}").view(np.uint8)
        short = lengths < width
        ends = np.arange(0, n * width, width) + lengths
        characters[ends[short]] = 0x80
        words = characters.view(np.uint64).reshape(n, count, 2)
        words[:, -1] ^= np.where(short[:, None], self._last_padded, self._last_whole)
        state = words[:, 0]
        for block in range(count):
            if block:
                state = state ^ words[:, block]
            state = np.frombuffer(self._encrypt(state.tobytes()), np.uint64).reshape(n, 2)
        return state[:, 0].astype("<u8").astype(np.uint64)

    def _one(self, text: str | bytes) -> int:
        mac = CMAC(self._aes)
        mac.update(text.encode() if isinstance(text, str) else text)
        return int.from_bytes(mac.finalize()[:8], "little")


def _doubled(block: bytes) -> bytes:
    """Multiply by x in GF(2**128), as the subkeys of CMAC are made."""
    value = int.from_bytes(block, "big") << 1
    if value >> 128:
        value = (value & ((1 << 128) - 1)) ^ 0x87
    return value.to_bytes(_BLOCK, "big")

"""The compiled module of `native/`."""

from collections.abc import Mapping, Sequence
from typing import Any

class Reader:
    def __init__(
        self,
        leaves: Sequence[tuple[list[str], list[int], list[int], list[int], list[int]]],
        dictionaries: Sequence[Mapping[Any, int]],
        max_bytes: int,
    ) -> None: ...
    def forget(self) -> None: ...
    def read(
        self, records: Sequence[bytes]
    ) -> tuple[bytearray, bytearray, list[list[object]], bytearray, list[int]]: ...

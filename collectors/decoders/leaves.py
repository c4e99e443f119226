"""The type with which each field of a JSON record is decoded, and when to widen it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from collectors.decoders.columns import Role


class Accepted(NamedTuple):
    """A type for msgspec, and the Python types that it lets through (None: all)."""

    type: Any
    kinds: frozenset[type] | None


ANYTHING = Accepted(Any, None)

_NONE = type(None)
_SCALAR = Accepted(str | int | float | None, frozenset({str, int, float, _NONE}))

# From fast to wide.  A text's type has either numbers or booleans, because a dictionary could not
# tell 1 from true; an outcome's has both, because there they are the same.
_STEPS: dict[Role, tuple[Accepted, ...]] = {
    Role.IDENTIFIER: (_SCALAR, ANYTHING),
    Role.TIME: (ANYTHING,),
    Role.NUMBER: (
        Accepted(float | bool | None, frozenset({float, int, bool, _NONE})),
        ANYTHING,
    ),
    Role.TEXT: (
        _SCALAR,
        Accepted(str | bool | None, frozenset({str, bool, _NONE})),
        ANYTHING,
    ),
    Role.OUTCOME: (
        Accepted(str | int | float | bool | None, frozenset({str, int, float, bool, _NONE})),
        ANYTHING,
    ),
}


class Leaf:
    """One path of the record and the type it is decoded with at present.

    A path that is read in several ways takes anything.
    """

    def __init__(self, path: str, roles: Iterable[Role]) -> None:
        self.path = path
        roles = set(roles)
        self._steps = _STEPS[roles.pop()] if len(roles) == 1 else (ANYTHING,)
        self._step = 0
        self.refused = 0
        """Values seen that the present type does not let through."""

    @property
    def accepted(self) -> Accepted:
        """The present type."""
        return self._steps[self._step]

    @property
    def loose(self) -> bool:
        """Whether values come unchecked, so that each must be looked at."""
        return self.accepted.kinds is None

    def count(self, value: object) -> None:
        """Count `value` if the present type refuses it."""
        kinds = self.accepted.kinds
        if kinds is not None and type(value) not in kinds:
            self.refused += 1

    def widen(self) -> None:
        """Go to the next wider type."""
        self._step = min(self._step + 1, len(self._steps) - 1)

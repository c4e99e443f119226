"""Text that people typed, before it is printed: what a terminal obeys, and what nobody sees."""

from __future__ import annotations

import re
import unicodedata

_ACTS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, line ends, what turns the direction of writing, and halves of characters."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Characters that count as letters or symbols and show nothing."""


def acting(text: str) -> str | None:
    """Return the first character of a text that acts instead of being shown, as `U+001B`."""
    found = _ACTS.search(text)
    return None if found is None else f"U+{ord(found[0]):04X}"


def shown(text: str) -> str:
    r"""Return the text with an escape such as `\x1b` for each character that would act."""
    return _ACTS.sub(lambda found: ascii(found[0])[1:-1], text)


def is_visible(text: str) -> bool:
    """Tell whether there is anything to see: a letter, a digit, a sign."""
    return any(unicodedata.category(c)[0] in "LNPS" and c not in _BLANK for c in text)


def unsaid(text: str) -> str | None:
    """Return what is wrong with a text as somebody's words, lines and tabs aside; else None."""
    acts = acting(text.replace("\n", " ").replace("\t", " "))
    if acts is not None:
        return f"holds the control character {acts}; take it out"
    return None if is_visible(text) else "needs at least one character that can be seen"

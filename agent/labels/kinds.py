"""What can be joined to a prediction later: two kinds, kept and joined in the same way."""

from __future__ import annotations

from typing import Literal

Kind = Literal["labels", "reviews"]

LABELS: Kind = "labels"
"""The true outcomes (contract C9)."""

REVIEWS: Kind = "reviews"
"""What humans decided."""

"""The words and value types that every part of a pack file is made of."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
)

from policies.visible import unsaid

Oversight = Literal["human_in_the_loop", "human_over_the_loop", "human_out_of_the_loop"]
Maturity = Literal["baseline", "intermediate", "advanced"]
Origin = Literal["convention", "tool_default", "law_elsewhere", "ours"]
"""Where a number comes from.  None of them is an ASEAN requirement: the Guide gives no numbers.

`convention`: the literature or common practice. `tool_default`: a well-known tool ships it.
`law_elsewhere`: a law outside ASEAN states it. `ours`: this project, or the team, chose it.
"""
SubjectKind = Literal["system", "feature", "output", "attribute", "group", "class"]
PrincipleId = Literal["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
Confidence = Literal["high", "medium", "low"]
Kind = Literal["base", "sector", "country", "topic", "team"]
Evidence = Literal["automatic", "attachable", "manual"]
"""Who shows it: the agent's own records, a document that a human attaches, or a human's word."""

OVERSIGHT: tuple[Oversight, ...] = (
    "human_in_the_loop",
    "human_over_the_loop",
    "human_out_of_the_loop",
)
"""Human involvement, the most of it first."""
MATURITY: tuple[Maturity, ...] = ("baseline", "intermediate", "advanced")
"""Stages, in order: a rule runs from its stage on.  The names are this project's, not ASEAN's."""
KINDS: tuple[Kind, ...] = ("base", "sector", "country", "topic", "team")
"""Kinds of pack in order of precedence: what a later one says holds."""

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_UNITS = {"m": 60, "h": 3_600, "d": 86_400}


def seconds(after: str) -> int:
    """Return `30m`, `4h` or `2d` as whole seconds."""
    return int(after[:-1]) * _UNITS[after[-1]]


def after_words(seconds: int) -> str:
    """Return `at once`, `after 4h`, `after 2d`."""
    if seconds == 0:
        return "at once"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"after {seconds // size}{unit}"
    return f"after {seconds}s"


def _day(value: object) -> object:
    if isinstance(value, str) and _DAY.fullmatch(value):
        return dt.date.fromisoformat(value)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    raise ValueError("needs a day, YYYY-MM-DD")


def _said(text: str) -> str:
    wrong = unsaid(text)
    if wrong is not None:
        raise ValueError(wrong)
    return text


Number = Annotated[float, Strict(), Field(allow_inf_nan=False)]
Count = Annotated[int, Strict(), Field(ge=1, le=100)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_said)]
RuleId = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Za-z0-9]*(-[A-Za-z0-9]+)*$")]
SignalName = Annotated[str, StringConstraints(pattern=r"^[a-z]+(_[a-z]+)*\.[a-z0-9_]+$")]
PackId = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
QuestionId = Annotated[str, StringConstraints(pattern=r"^[0-9]+\.[0-9]+$")]
After = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,4}[mhd]$")]
Day = Annotated[dt.date, BeforeValidator(_day)]


class Part(BaseModel):
    """Everything in a pack: unknown keys are errors, values never change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Verified(Part):
    """Something read elsewhere: when it was last looked up and how sure we are of it."""

    verified_on: Day
    confidence: Confidence
    note: Text | None = None

"""What a country or a supervisor adds besides rules: laws, clocks, retention, attributes."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, Strict, model_validator

from policies.part import Maturity, Oversight, PackId, Part, Text, Verified

Category = Literal[
    "age",
    "sex",
    "race",
    "ethnicity",
    "religion",
    "political_opinion",
    "sexual_behaviour",
    "criminal_record",
    "health",
    "disability",
    "biometrics",
    "nationality",
    "union_membership",
    "marital_status",
    "language",
    "region",
    "other",
]
"""What an audit attribute says about a person."""

Starts = Literal["detected_at", "aware_at", "confirmed_at", "assessed_notifiable_at"]
"""When a clock starts.  `detected_at` is the agent's; the others are a human's to state."""

MOST = 36_500
Positive = Annotated[int, Strict(), Field(ge=1, le=MOST)]
HOUR, DAY = 3_600, 86_400
LONGEST_CLOCK = MOST * DAY
"""Seconds of the longest clock that a pack may have."""
MOST_ID, MOST_TEXT = 100, 500
"""Most characters of a clock's id and of its texts, which go where alerts and records go."""
ClockId = Annotated[PackId, Field(max_length=MOST_ID)]
ClockText = Annotated[Text, Field(max_length=MOST_TEXT)]


def length_words(seconds: int, *, calendar: bool) -> str:
    """Return how long a clock runs, and how working days are counted."""
    hours = f"{seconds // HOUR} h"
    if calendar:
        return hours
    return (
        f"{seconds // DAY} working days (counted as {hours}, so never too late: weekends and "
        "holidays are not known)"
    )


class Cited(Verified):
    """A fact of a text: where it stands there, and further places that it speaks to.

    Both are places of frameworks, `<key>:<item id>`, where the text has a list.
    """

    source: Text
    crosswalk: tuple[Text, ...] = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Return `source` and `crosswalk`."""
        return (self.source, *self.crosswalk)


class Law(Verified):
    """A law or guideline, for a human to look up."""

    id: PackId
    title: Text
    status: Literal[
        "in_force", "partly_in_force", "passed", "proposed", "draft", "guideline", "none"
    ]
    subject: Literal["data_protection", "ai", "cybersecurity", "sector"]
    source: Text


class ClockSpec(Cited):
    """How long there is to tell somebody of an incident, and from when it counts.

    `calendar` false: `days` are working days, which the agent does not know; it counts them as
    calendar days, which is never too late.
    """

    id: ClockId
    title: ClockText
    event: Literal["ai_incident", "data_breach"]
    starts: Starts
    hours: Positive | None = None
    days: Positive | None = None
    calendar: bool = True
    recipient: ClockText
    source: ClockText

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.hours is None) == (self.days is None):
            raise ValueError("needs exactly one of `hours` and `days`")
        if self.hours is not None and not self.calendar:
            raise ValueError("`calendar: false` is of `days`: an hour is no working day")
        return self

    @property
    def seconds(self) -> int:
        """How long the clock runs."""
        return self.hours * HOUR if self.hours is not None else (self.days or 0) * DAY

    @property
    def length(self) -> str:
        """How long the clock runs, in words."""
        return length_words(self.seconds, calendar=self.calendar)


IN_THE_LOG = ("events", "alerts", "breach_records", "evidence")
"""What of `Retention.what` the audit log holds records of; a dossier is kept by people alone.

Of a breach the log holds when its clocks ran, by whose word, and what alerts were sent; what
happened and who is concerned is for people to keep.
"""


class Retention(Cited):
    """How long something must be kept at least."""

    what: Literal["events", "alerts", "breach_records", "evidence", "dossier"]
    days: Positive
    reason: Text

    @property
    def in_the_log(self) -> bool:
        """Tell whether the audit log holds such records, and so must be kept as long."""
        return self.what in IN_THE_LOG


class AttributeRule(Cited):
    """How audit attributes of some categories may be processed.

    `forbidden`: not without a waiver in the system's card. `consent_only`: only with consent as
    their lawful basis. `safeguards`: said to whoever reads `policy explain`.
    """

    categories: Annotated[tuple[Category, ...], Field(min_length=1)]
    processing: Literal["forbidden", "consent_only", "safeguards"]
    reason: Text


class Requirement(Part):
    """The least that a pack asks of a system: human involvement, or a stage."""

    oversight: Oversight | None = None
    maturity: Maturity | None = None
    reason: Text
    source: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.oversight is None) == (self.maturity is None):
            raise ValueError("needs exactly one of `oversight` and `maturity`")
        return self

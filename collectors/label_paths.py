"""What a collector entry may say of a source that holds labels, or reviews, alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LABELS = (
    "This source holds labels and no events, and here is where they stand in its records; `{}` "
    "where they stand as `systems[].event` says. Default: it holds events."
)
"""Description of the key `labels` of every type of collector that has it."""

REVIEWS = (
    "This source holds human decisions and no events, and here is where they stand in its records; "
    "`{}` where they stand as `systems[].event` says. Default: it holds events."
)
"""Description of the key `reviews` of every type of collector that has it."""


class LabelPaths(BaseModel):
    """Where a label stands in the records of a source that holds labels alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the event's id. Default: `systems[].event.id`, or inferred.",
    )
    label: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the label. Default: `systems[].event.label`, or inferred.",
    )
    recorded_time: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the time at which the label was recorded. Default: "
        "`systems[].event.recorded_time`, or inferred.",
    )


class ReviewPaths(BaseModel):
    """Where a human decision stands in the records of a source that holds them alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the event's id. Default: `systems[].event.id`, or inferred.",
    )
    decision: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the decision. Default: `systems[].event.human.decision`.",
    )
    reviewer: str | None = Field(
        default=None,
        min_length=1,
        description="Path of who decided. Default: `systems[].event.human.reviewer`.",
    )
    recorded_time: str | None = Field(
        default=None,
        min_length=1,
        description="Path of the time of the decision. Default: "
        "`systems[].event.human.decided_at`, else `systems[].event.recorded_time`, or inferred.",
    )


def refuse_both(labels: LabelPaths | None, reviews: ReviewPaths | None) -> None:
    """Raise `ValueError` for a source that would hold labels alone and reviews alone."""
    if labels is not None and reviews is not None:
        raise ValueError(
            "has both `labels` and `reviews`; where one source holds both, read it by two entries,"
            " each with a `name` (and a `group`) of its own"
        )

"""What a collector entry may say of a source that holds labels alone."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

LABELS = (
    "This source holds labels and no events, and here is where they stand in its records; `{}` "
    "where they stand as `systems[].event` says. Default: it holds events."
)
"""Description of the key `labels` of every type of collector that has it."""


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

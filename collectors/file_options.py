"""What a `file` entry under `collectors:` may say."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from collectors.label_paths import LABELS, REVIEWS, LabelPaths, ReviewPaths, refuse_both

FileFormat = Literal["auto", "csv", "jsonl"]


class FileOptions(BaseModel):
    """A file of predictions: CSV or JSON Lines, plain or gzip."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    type: Literal["file"] = "file"
    path: Path = Field(description="The file: .csv, .jsonl or .ndjson, each also with .gz.")
    format: FileFormat = Field(
        default="auto", description="What the file holds; `auto` goes by its extension."
    )
    decoder: str = Field(
        default="json", description="How a line is read, in a file that is not CSV."
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="What separates the cells of a CSV."
    )
    speed: float | None = Field(
        default=None,
        gt=0,
        description="Replay at this multiple of event time: 60 plays an hour in a minute. "
        "Default: as fast as possible.",
    )
    follow: bool = Field(
        default=False, description="At the end of the file wait for more, as `tail -f` does."
    )
    batch_size: int = Field(
        default=5_000, ge=1, le=100_000, description="Most records handed on at a time."
    )
    labels: LabelPaths | None = Field(default=None, description=LABELS)
    reviews: ReviewPaths | None = Field(default=None, description=REVIEWS)
    system: str | None = Field(
        default=None, description="Id of the system; required if several are configured."
    )
    name: str | None = Field(
        default=None,
        min_length=1,
        description="Name in metrics and logs; default file:<name of the file>.",
    )

    @model_validator(mode="after")
    def _one_kind(self) -> FileOptions:
        refuse_both(self.labels, self.reviews)
        return self

    @model_validator(mode="after")
    def _gzip_cannot_grow(self) -> FileOptions:
        if self.follow and self.path.suffix == ".gz":
            raise ValueError("`follow` needs a plain file; a .gz is complete when it is written")
        return self

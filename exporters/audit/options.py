"""The audit log's section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exporters.options import Duration, Options


class AuditOptions(Options):
    """Where the audit log is and who it says it is.

    What happens when it cannot be written is said in one place for the whole agent:
    `store.audit_failure`.
    """

    type: Literal["audit"] = "audit"
    path: Annotated[Path, Field(description="the published directory of the log")] = Path("audit")
    state: Annotated[
        Path | None,
        Field(description="its private directory, outside `path`; `<path>.state` if not set"),
    ] = None
    origin: Annotated[
        str | None,
        Field(
            pattern=r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$",
            description="the log's name, for example bank/prod/loans; `<host>/<system>` if not set",
        ),
    ] = None
    heartbeat: Annotated[
        Duration, Field(description="a record at least this often, even if nothing happens")
    ] = 60
    checkpoint_every: Annotated[
        Duration,
        Field(description="how long a record may wait until a signed checkpoint covers it"),
    ] = 10
    retention: Annotated[
        Duration,
        Field(
            ge=86_400,
            description="how long an epoch is kept after it ended; the newest is never deleted",
        ),
    ] = 400 * 86_400
    epoch_length: Annotated[
        Duration,
        Field(
            ge=86_400,
            description="age at which an epoch is closed and the next one begun, under a new key",
        ),
    ] = 90 * 86_400
    key_max_age: Annotated[
        Duration | None,
        Field(
            description="age at which the signing key is replaced; if not set, at the epoch's end"
        ),
    ] = None
    key_overlap: Annotated[
        Duration, Field(description="how long a replaced key signs beside the new one")
    ] = 7 * 86_400
    ballast_mb: Annotated[
        int,
        Field(
            ge=0,
            le=1024,
            description="room kept back for what must still be said when the disk is full, in MiB",
        ),
    ] = 4
    segment_mb: Annotated[
        int, Field(ge=1, le=1024, description="size at which the next file is begun, in MiB")
    ] = 64

    @model_validator(mode="after")
    def _state_is_private(self) -> Self:
        if self.state is not None and self.state.is_relative_to(self.path):
            raise ValueError("`state` must not lie inside `path`, which is published")
        return self

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
    path: Path = Path("audit")
    state: Path | None = None
    origin: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*$")] | None = None
    heartbeat: Duration = 60
    segment_mb: Annotated[int, Field(ge=1, le=1024)] = 64

    @model_validator(mode="after")
    def _state_is_private(self) -> Self:
        if self.state is not None and self.state.is_relative_to(self.path):
            raise ValueError("`state` must not lie inside `path`, which is published")
        return self

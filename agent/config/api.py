"""The API's section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from agent.config.values import Section


class Api(Section):
    """The API port; it serves the audit log, read-only, below `/audit/`."""

    token_file: Path = Field(
        description="File that holds the bearer token, of 16 characters or more."
    )
    host: str = Field(
        default="0.0.0.0",  # noqa: S104 - auditors come from outside the container, with a token
        description="Address to listen on.",
    )
    port: Annotated[int, Field(ge=0, le=65_535, description="0 takes a free one.")] = 8080
    cert_file: Path | None = Field(
        default=None, description="Certificate chain (PEM); without it the API speaks plain HTTP."
    )
    key_file: Path | None = Field(default=None, description="Its private key (PEM).")

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("`cert_file` and `key_file` belong together")
        return self

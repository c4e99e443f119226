"""The audit log's section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from exporters.audit.format import note
from exporters.options import Duration, Options


class WitnessOptions(Options):
    """A C2SP tlog-witness that is asked to cosign every checkpoint."""

    url: Annotated[
        str,
        Field(
            pattern=r"^https?://[^\s?#@]+$",
            description="its address; `/add-checkpoint` is appended",
        ),
    ]
    vkey: Annotated[str, Field(description="its public key, `<name>+<id>+<key>`")]

    @field_validator("vkey")
    @classmethod
    def _is_a_cosigner(cls, value: str) -> str:
        if note.parse_vkey(value).algorithm != note.COSIGNATURE:
            raise ValueError("is not the key of a witness (a cosignature key, type 0x04)")
        return value


class CheckpointTopic(Options):
    """A Kafka topic that gets a copy of every checkpoint; it is never created."""

    brokers: Annotated[
        tuple[str, ...], Field(min_length=1, description="addresses `host:port` to start from")
    ]
    topic: Annotated[str, Field(min_length=1, max_length=249, description="the topic's name")]
    protocol: Annotated[
        Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="as the brokers' listener says"),
    ] = "PLAINTEXT"
    mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None,
        Field(description="SASL mechanism"),
    ] = None
    username: Annotated[str | None, Field(description="SASL user")] = None
    password_file: Annotated[
        Path | None, Field(description="file that holds the SASL password")
    ] = None
    ca_file: Annotated[
        Path | None, Field(description="certificates to trust (PEM); the system's if not set")
    ] = None
    cert_file: Annotated[Path | None, Field(description="the agent's own certificate (PEM)")] = None
    key_file: Annotated[Path | None, Field(description="its private key (PEM)")] = None

    @field_validator("brokers", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _complete(self) -> Self:
        wanted = (self.mechanism, self.username, self.password_file)
        if self.protocol.startswith("SASL_") and None in wanted:
            raise ValueError(f"`{self.protocol}` needs `mechanism`, `username`, `password_file`")
        if not self.protocol.startswith("SASL_") and any(wanted):
            raise ValueError("`mechanism`, `username` and `password_file` need a SASL protocol")
        return self


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
            description="how long an epoch is kept after it ended; the newest is never deleted; "
            "if not set, longer where a pack in force asks for it, and refused if set to less",
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
    witnesses: Annotated[
        tuple[WitnessOptions, ...],
        Field(max_length=8, description="who is asked to cosign checkpoints, `{url, vkey}` each"),
    ] = ()
    checkpoint_topic: Annotated[
        CheckpointTopic | None,
        Field(description="Kafka topic that gets a copy of every checkpoint"),
    ] = None
    segment_mb: Annotated[
        int, Field(ge=1, le=1024, description="size at which the next file is begun, in MiB")
    ] = 64

    @model_validator(mode="after")
    def _state_is_private(self) -> Self:
        if self.state is not None and self.state.is_relative_to(self.path):
            raise ValueError("`state` must not lie inside `path`, which is published")
        return self

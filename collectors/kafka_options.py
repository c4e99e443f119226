"""What a `kafka` entry under `collectors:` may say."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from collectors.label_paths import LABELS, REVIEWS, LabelPaths, ReviewPaths, refuse_both

_UNITS = {"s": 1, "m": 60, "h": 3_600}
_DURATION = re.compile(r"([0-9]{1,6})([smh])")
_BROKER = re.compile(r"(\[[0-9a-fA-F:]+\]|[^\s:,/]+):[0-9]{1,5}")

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def _seconds(value: Any) -> int:
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[1]) == 0:
        raise ValueError("needs a number and a unit out of s, m, h, such as 10s or 1m")
    return int(match[1]) * _UNITS[match[2]]


Duration = Annotated[
    int,
    BeforeValidator(_seconds),
    PlainSerializer(lambda seconds: f"{seconds}s", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": "^0*[1-9][0-9]{0,5}[smh]$", "examples": ["10s"]}),
]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class KafkaSecurity(_Section):
    """How the connection to the brokers is encrypted, and who the agent is to them."""

    protocol: Protocol = Field(default="PLAINTEXT", description="As the brokers' listener says.")
    mechanism: Mechanism | None = Field(default=None, description="SASL mechanism.")
    username: str | None = Field(default=None, description="SASL user.")
    password: SecretStr | None = Field(
        default=None, description="SASL password; better is `password_file`."
    )
    password_file: Path | None = Field(
        default=None, description="File that holds the SASL password, read at each connect."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust (PEM); without it those of the system."
    )
    cert_file: Path | None = Field(default=None, description="The agent's own certificate (PEM).")
    key_file: Path | None = Field(default=None, description="Its private key (PEM).")
    check_hostname: bool = Field(
        default=True, description="Check that the certificate belongs to the broker's host."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.protocol.startswith("SASL_"):
            if self.mechanism is None or self.username is None:
                raise ValueError(f"`{self.protocol}` needs `mechanism` and `username`")
            if (self.password is None) == (self.password_file is None):
                raise ValueError("needs either `password_file` or `password`")
        elif self.mechanism or self.username or self.password or self.password_file:
            raise ValueError(
                f"`mechanism`, `username` and passwords need `protocol: SASL_SSL` (or "
                f"SASL_PLAINTEXT), not {self.protocol}"
            )
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("`key_file` needs `cert_file`")
        return self


class KafkaOptions(_Section):
    """A Kafka topic that carries predictions, one record each."""

    type: Literal["kafka"] = "kafka"
    brokers: tuple[str, ...] = Field(
        min_length=1, description="Addresses `host:port` to start from; one is enough."
    )
    topic: str = Field(min_length=1, max_length=249, description="The topic; never created.")
    group: str = Field(
        default="pantau",
        min_length=1,
        description="Consumer group; each system's agent needs one of its own per cluster.",
    )
    decoder: str = Field(default="json", description="How a record's value is read.")
    labels: LabelPaths | None = Field(default=None, description=LABELS)
    reviews: ReviewPaths | None = Field(default=None, description=REVIEWS)
    system: str | None = Field(
        default=None, description="Id of the system; required if several are configured."
    )
    name: str | None = Field(
        default=None, min_length=1, description="Name in metrics and logs; default kafka:<topic>."
    )
    client_id: str = Field(
        default="pantau", min_length=1, description="Name of the client in the brokers' logs."
    )
    group_instance_id: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9._-]{1,249}$",
        description="Static membership: a name that outlives a restart and that no other agent "
        "has, such as the pod's name. A restarted agent then goes on at once, instead of after "
        "`session_timeout`. Default: a name of the store, which outlives a restart too.",
    )
    security: KafkaSecurity = Field(default=KafkaSecurity(), description="TLS and SASL.")
    auto_offset_reset: Literal["earliest", "latest"] = Field(
        default="earliest",
        description="Where a group that has never read the topic starts: at the oldest record "
        "there is, or at new ones only. It does not matter afterwards.",
    )
    connect_timeout: Duration = Field(
        default=15, description="How long the brokers may take to answer at start-up."
    )
    session_timeout: Duration = Field(
        default=45, description="Time without a heartbeat after which the group drops the agent."
    )
    fetch_max_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=64 * 1024,
        le=50 * 1024 * 1024,
        description="Most bytes of one fetch, from all partitions of a broker; a single larger "
        "record is still read.",
    )
    partition_fetch_max_bytes: int = Field(
        default=2 * 1024 * 1024,
        ge=16 * 1024,
        le=50 * 1024 * 1024,
        description="Most bytes of one partition in a fetch.",
    )
    fetch_min_bytes: int = Field(
        default=256 * 1024,
        ge=1,
        description="A broker answers as soon as it has this many new bytes, or after "
        "`fetch_max_wait_ms`; fewer, larger answers cost less.",
    )
    fetch_max_wait_ms: int = Field(
        default=100, ge=1, le=10_000, description="See `fetch_min_bytes`."
    )
    batch_max_records: int = Field(
        default=10_000, ge=1, le=100_000, description="Most records handed on at once."
    )

    @field_validator("brokers", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator("brokers")
    @classmethod
    def _addresses(cls, brokers: tuple[str, ...]) -> tuple[str, ...]:
        for broker in brokers:
            if not _BROKER.fullmatch(broker):
                raise ValueError(f"{broker!r} is not an address like kafka-1.example:9092")
        return brokers

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        refuse_both(self.labels, self.reviews)
        return self

    @model_validator(mode="after")
    def _satisfiable(self) -> Self:
        # A broker would wait out every fetch for bytes that it may not send.
        if self.fetch_min_bytes > min(self.partition_fetch_max_bytes, self.fetch_max_bytes):
            raise ValueError(
                "`fetch_min_bytes` must not be larger than `partition_fetch_max_bytes` and "
                "`fetch_max_bytes`"
            )
        return self


def with_static_membership(options: KafkaOptions, store_id: str, name: str) -> KafkaOptions:
    """Return options that name this member of the group for good.

    Without a configured name it is made from the store, which one agent at a time can use, and the
    collector's name: an agent that was killed takes its own place again at once.
    """
    if options.group_instance_id is not None or not store_id:
        return options
    mark = hashlib.blake2s(f"{store_id} {name}".encode(), digest_size=8).hexdigest()
    return options.model_copy(update={"group_instance_id": f"pantau-{mark}"})

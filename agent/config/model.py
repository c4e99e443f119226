"""The configuration file as a whole (contract C14).  Attribute names are the keys of the YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    PrivateAttr,
    SerializeAsAny,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from agent.config.api import Api
from agent.config.card import Words
from agent.config.components import parse_options
from agent.config.system import System
from agent.config.values import Count, PositiveDuration, Section, refuse, refuse_at

CollectorOptions = Annotated[
    SerializeAsAny[BaseModel], BeforeValidator(lambda value: parse_options("collectors", value))
]
ExporterOptions = Annotated[
    SerializeAsAny[BaseModel], BeforeValidator(lambda value: parse_options("exporters", value))
]


class Policies(Section):
    """What is required of the systems."""

    packs: tuple[Words, ...] = Field(
        default=("asean-guide",),
        min_length=1,
        description="Policy packs that apply: names that `pantau policy list` shows, or YAML "
        "files.",
    )
    automatic: bool = Field(
        default=True,
        description="Whether the packs of a system's `sector` and `country` apply as well, where "
        "there are such packs; `pantau check` and `pantau policy explain` print which do. With "
        "false their rules, incident clocks and retention do not; what they forbid and require of "
        "a system always does, and clocks of incidents that are open go on.",
    )


class Alerts(Section):
    """How a finding reaches people."""

    route: Literal["agent", "prometheus"] = Field(
        default="agent",
        description="Who pages: `agent` sends alerts by its alerting exporters, `prometheus` "
        "leaves it to rules on the exported metrics. Exactly one of them pages.",
    )


class Store(Section):
    """The agent's own state on disk, and what it may grow to."""

    path: Path = Field(
        default=Path("pantau-state"), description="Folder of the state; one agent, one folder."
    )
    commit_interval: PositiveDuration = Field(
        default=1, description="Time between two durable transactions."
    )
    dedup_max_ids: Count = Field(
        default=3_000_000,
        description="Most event ids kept to recognise repeats; beyond it the oldest go first, "
        "which is counted.",
    )
    quarantine_max_records: Count = Field(
        default=10_000,
        description="Most rejected records described; beyond it the oldest go first.",
    )
    audit_failure: Literal["degrade", "stop"] = Field(
        default="degrade",
        description="When the audit log cannot be written for `audit_failure_after`: `degrade` "
        "goes on with every verdict `not_assessable`, `stop` ends the agent.",
    )
    audit_failure_after: PositiveDuration = Field(
        default=60,
        description="How long the audit log may be unwritable before `audit_failure` applies.",
    )


class Evidence(Section):
    """Samples of events kept as evidence of a breach, and reports rendered from them.

    Off by default: a sample holds values of single events.
    """

    enabled: bool = Field(
        default=False,
        description="Keep a sample of each window, and have an Evidently report made of each "
        "window that breaches a rule. Samples hold values of features and predictions of single "
        "events (no ids), on this machine only.",
    )
    sample: Annotated[int, Field(ge=1, le=20_000)] = Field(
        default=2_000, description="Most events of a window's sample."
    )
    ttl: PositiveDuration = Field(
        default=7 * 86_400,
        description="How long a sample and its report are kept; then they are removed.",
    )
    max_windows: Count = Field(
        default=200, description="Most windows kept; beyond it the oldest go first."
    )
    attributes: bool = Field(
        default=False,
        description="Whether samples hold protected attributes too, until the day that "
        "`audit_attributes.<name>.expires` names.",
    )
    path: Path | None = Field(
        default=None,
        description="Private folder of samples and reports; default `evidence` in `store.path`.",
    )
    python: Path | None = Field(
        default=None,
        description="Python interpreter of an environment that has Evidently; default the agent's "
        "own.",
    )
    timeout: PositiveDuration = Field(
        default=120, description="How long rendering one report may take."
    )
    memory_mb: Annotated[int, Field(ge=64)] = Field(
        default=2_048, description="Most address space of the rendering process, in MiB."
    )
    free_mb: Annotated[int, Field(ge=0)] = Field(
        default=600,
        description="Rendering waits until this much memory is free on the machine and in the "
        "agent's control group, in MiB; it takes some 350.",
    )


class Agent(Section):
    """The running program."""

    stop_timeout: PositiveDuration = Field(
        default=25,
        description="Time to drain and stop on SIGTERM; keep it below the pod's grace period.",
    )
    queue_max_events: Count = Field(
        default=40_000, description="Events waiting for the pipeline above which reading pauses."
    )
    outbox_max_items: Count = Field(
        default=100_000,
        description="Items waiting for an exporter that is not required; beyond it the oldest are "
        "dropped, which is counted.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe messages written to standard error."
    )


class Config(Section):
    """One configuration file."""

    systems: tuple[System, ...] = Field(min_length=1, description="The systems to watch.")
    collectors: tuple[CollectorOptions, ...] = Field(
        default=(), description="Where predictions come from; required unless `--input` is given."
    )
    policies: Policies = Field(default=Policies(), description="What is required of the systems.")
    alerts: Alerts = Field(default=Alerts(), description="How a finding reaches people.")
    exporters: tuple[ExporterOptions, ...] = Field(
        default=({"type": "prometheus"}, {"type": "audit"}),
        validate_default=True,
        description="Where results go. The audit log cannot be switched off: without an `audit` "
        "entry it is written with its defaults.",
    )
    store: Store = Field(default=Store(), description="The agent's own state on disk.")
    agent: Agent = Field(default=Agent(), description="The running program.")
    api: Api | None = Field(
        default=None, description="The API port, for auditors; without this there is none."
    )
    evidence: Evidence = Field(
        default=Evidence(), description="Samples and reports as evidence of a breach."
    )

    _folder: Path = PrivateAttr(default_factory=Path)

    @property
    def folder(self) -> Path:
        """The folder of the configuration file, which relative paths start from."""
        return self._folder

    @field_validator("systems", mode="wrap")
    @classmethod
    def _unique_ids(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> Any:
        return _with_more_problems(value, handler, _repeated(value, "id"))

    @field_validator("collectors")
    @classmethod
    def _known_systems(
        cls, collectors: tuple[BaseModel, ...], info: ValidationInfo
    ) -> tuple[BaseModel, ...]:
        systems = info.data.get("systems")
        if systems is None:
            return collectors
        ids = [system.id for system in systems]
        problems: list[tuple[tuple[str | int, ...], str, Any]] = []
        for place, collector in enumerate(collectors):
            named = getattr(collector, "system", None)
            if named is None and len(ids) > 1:
                message = f"missing; several systems are configured: {', '.join(ids)}"
                problems.append(((place, "system"), message, None))
            elif named is not None and named not in ids:
                message = f"is not the id of a configured system ({', '.join(ids)})"
                problems.append(((place, "system"), message, named))
            problems += _without_decision(place, collector, systems)
        if problems:
            raise refuse_at(problems)
        return collectors

    @field_validator("exporters")
    @classmethod
    def _always_audited(cls, exporters: tuple[BaseModel, ...]) -> tuple[BaseModel, ...]:
        if any(getattr(exporter, "type", None) == "audit" for exporter in exporters):
            return exporters
        return (*exporters, parse_options("exporters", {"type": "audit"}))


def _without_decision(
    place: int, collector: BaseModel, systems: tuple[System, ...]
) -> list[tuple[tuple[str | int, ...], str, Any]]:
    """Return the problem of a source of reviews whose system says nothing of human decisions."""
    reviews, named = getattr(collector, "reviews", None), getattr(collector, "system", None)
    if reviews is None:
        return []
    system = next((s for s in systems if named in (None, s.id)), None)
    if system is None or (system.event.human is not None and system.event.human.decision):
        return []
    message = f"needs `event.human.decision` of the system {system.id}: which decision is meant"
    return [((place, "reviews"), message, reviews.model_dump(exclude_none=True))]


def _repeated(entries: Any, key: str) -> list[InitErrorDetails]:
    """Return a problem for each mapping whose text under `key` an earlier one has as well."""
    problems, seen = [], set()
    for place, entry in enumerate(entries if isinstance(entries, list | tuple) else ()):
        value = entry.get(key) if isinstance(entry, dict) else getattr(entry, key, None)
        if isinstance(value, str) and value in seen:
            message = "is used by an earlier entry; every entry needs its own"
            problems.append(InitErrorDetails(type=refuse(message), loc=(place, key), input=value))
        elif isinstance(value, str):
            seen.add(value)
    return problems


def _same_kind(found: ErrorDetails) -> PydanticCustomError:
    context = {**found.get("ctx", {}), "message": found["msg"]}
    return PydanticCustomError(found["type"], "{message}", context)


def _with_more_problems(
    value: Any, handler: ValidatorFunctionWrapHandler, problems: list[InitErrorDetails]
) -> Any:
    """Validate `value`, reporting `problems` together with those that the validation finds."""
    try:
        result = handler(value)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            kind = _same_kind(found)
            problems.append(InitErrorDetails(type=kind, loc=found["loc"], input=found["input"]))
        raise ValidationError.from_exception_data("configuration", problems) from None
    if problems:
        raise ValidationError.from_exception_data("configuration", problems)
    return result

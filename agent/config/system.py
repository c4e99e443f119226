"""One monitored system: its card in the inventory, where its fields stand, and how it is judged."""

from __future__ import annotations

import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    AfterValidator,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    Strict,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from agent.config.card import (
    ImpactAssessment,
    Mitigation,
    OversightDrill,
    Waiver,
    Words,
    refuse_unknown_attribute,
)
from agent.config.countries import COUNTRIES
from agent.config.extra import (
    Baselines,
    Energy,
    Feedback,
    Human,
    Latency,
    LowConfidence,
    Scores,
    Status,
)
from agent.config.intersections import Intersections, refuse_bad_intersections
from agent.config.values import (
    Count,
    Day,
    DottedPath,
    Duration,
    Instant,
    PositiveDuration,
    Scalar,
    Section,
    Share,
    Text,
    Typed,
    WindowName,
    format_duration,
    refuse,
    refuse_at,
)
from agent.windows import LENGTHS
from policies.regime import Category

Level = Literal["low", "medium", "high"]
Oversight = Literal["human_in_the_loop", "human_over_the_loop", "human_out_of_the_loop"]
Maturity = Literal["baseline", "intermediate", "advanced"]
Task = Literal["classification", "regression"]
Kind = Literal["numeric", "categorical"]

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


def _identifier(value: str) -> str:
    if not _ID.fullmatch(value):
        raise refuse(
            "needs 1 to 128 letters, digits, dots, dashes or underscores, "
            "the first a letter or a digit"
        )
    return value


Identifier = Annotated[str, AfterValidator(_identifier)]


class Risk(Section):
    """The risk of harm, on the two axes of the ASEAN Guide C.2."""

    probability: Level = Field(default="high", description="How likely harm to a person is.")
    severity: Level = Field(default="high", description="How severe that harm would be.")

    def minimal(self) -> bool:
        """Tell whether the Guide's lowest tier holds: low probability and low severity."""
        return self.probability == "low" and self.severity == "low"

    def high(self) -> bool:
        """Tell whether the highest tier holds: high probability or high severity."""
        return "high" in (self.probability, self.severity)


class RowTime(Section):
    """Event times for a file without any: row i happened at `start + i * every`."""

    start: Instant = Field(description="Time of the first row, RFC 3339 with an offset.")
    every: PositiveDuration = Field(description="Time from one row to the next.")


def _time_form(value: Any) -> str:
    return "<rows>" if isinstance(value, dict | RowTime) else "<path>"


class EventPaths(Section):
    """Where the canonical fields stand in the incoming record, as dotted paths."""

    id: DottedPath | None = Field(
        default=None,
        description="Path of the event's id; joins labels to predictions. Default: inferred.",
    )
    time: (
        Annotated[
            Annotated[DottedPath, Tag("<path>")] | Annotated[RowTime, Tag("<rows>")],
            Discriminator(_time_form),
        ]
        | None
    ) = Field(
        default=None,
        description="Path of the event's time, or `{start, every}` for files without a time. "
        "Default: inferred.",
    )
    prediction: DottedPath | None = Field(
        default=None, description="Path of the model's decision or number. Default: inferred."
    )
    score: DottedPath | None = Field(
        default=None, description="Path of the model's score, from 0 to 1. Default: inferred."
    )
    label: DottedPath | None = Field(
        default=None,
        description="Path of the true outcome; may also arrive later under the same id. "
        "Default: inferred.",
    )
    score_for: Scalar | None = Field(
        default=None,
        description="Class that a high score speaks for, such as default or 1, where it is not the "
        "favourable one. Default: `favourable`; of 0 and 1 always 1.",
    )
    model_version: DottedPath | None = Field(
        default=None, description="Path of the model's version. Default: inferred."
    )
    recorded_time: DottedPath | None = Field(
        default=None,
        description="Path of the time at which a label was recorded. Default: inferred.",
    )
    latency: Latency | None = Field(
        default=None,
        description="Path of the time that the prediction took, in seconds; or `{path, unit}`.",
    )
    status: Status | None = Field(
        default=None,
        description="Path of the status of the request: 500 and above, or a text such as `error`, "
        "is a failure; or `{path, errors, errors_from}`.",
    )
    human: Human | None = Field(default=None, description="What a human decided.")
    feedback: Feedback | None = Field(
        default=None,
        description="Path of `complaint`, `appeal` or another kind of feedback; or `{path, "
        "complaint, appeal}`. A record with it and no prediction is counted as feedback only.",
    )
    scores: Scores | None = Field(
        default=None, description="Scores of generated content that the stream already carries."
    )
    refused: DottedPath | None = Field(
        default=None, description="Path of whether the model refused to answer: true or false."
    )
    tokens: DottedPath | None = Field(
        default=None, description="Path of the tokens that the prediction took."
    )
    cost: DottedPath | None = Field(
        default=None, description="Path of the cost of the prediction, in your currency."
    )
    energy: Energy | None = Field(
        default=None,
        description="Path of the energy that the prediction took, in kWh; or `{path, unit}`.",
    )
    timezone: str | None = Field(
        default=None,
        description="IANA time zone of event times that carry no offset, such as Asia/Singapore; "
        "without it such times are rejected.",
    )

    @model_validator(mode="after")
    def _score_makes_ones(self) -> EventPaths:
        made = self.score is not None and self.prediction is None
        if made and self.score_for not in (None, 1, "1"):
            raise refuse(
                "`score_for` needs `prediction`: without one, a score from the threshold on is "
                "taken for a prediction of 1"
            )
        return self

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                raise refuse("is not an IANA time zone, such as Asia/Singapore or UTC") from None
        return name


class Feature(Section):
    """One feature of the model; a kind alone, `income: numeric`, stands for `{type: numeric}`."""

    path: DottedPath | None = Field(
        default=None, description="Dotted path. Default: the feature's name."
    )
    type: Kind | None = Field(default=None, description="What its values are. Default: inferred.")

    @model_validator(mode="before")
    @classmethod
    def _kind_alone(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        kinds = {"enum": ["numeric", "categorical"], "type": "string"}
        return {"anyOf": [kinds, dict(schema)], "description": schema.get("description", "")}


class AuditAttribute(Section):
    """A protected attribute, used to assess outcomes and for nothing else."""

    required_because: ClassVar[str] = (
        "a protected attribute is processed only on a stated legal ground"
    )

    path: DottedPath | None = Field(
        default=None, description="Dotted path. Default: the attribute's name."
    )
    privileged: Text | None = Field(
        default=None,
        description="Group that the others are compared with. Default: the group with the highest "
        "selection rate.",
    )
    groups: tuple[Text, ...] | None = Field(
        default=None,
        description="Groups to report even when unseen. Default: those of the reference or stream. "
        "Any other value than these and the reference's counts as `other`.",
    )
    lawful_basis: Words = Field(
        description="Legal ground for processing it, such as legitimate-interest or consent."
    )
    purpose: Words = Field(description="What it is processed for, such as bias-monitoring.")
    dpia_ref: Words = Field(
        description="Where its data protection impact assessment is filed, such as DPIA-7."
    )
    expires: Day = Field(
        description="Day on which that basis must have been renewed, YYYY-MM-DD; when it is past, "
        "that is a finding (`governance.basis_expired_days`)."
    )
    category: Category | None = Field(
        default=None,
        description="What it says about a person; needed where its name does not tell and the "
        "country limits what may be processed.",
    )
    waiver: Waiver | None = Field(
        default=None,
        description="Who answers for processing it where the country's pack does not allow it.",
    )


class Reference(Section):
    """What the stream is compared with: a built profile, or the data to build one from."""

    path: Path | None = Field(
        default=None,
        description="Profile written by `pantau reference build`. Either this or `data`.",
    )
    data: Path | None = Field(
        default=None,
        description="File of past events from which the profile is built at each start. Either "
        "this or `path`.",
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Reference:
        if (self.path is None) == (self.data is None):
            raise refuse("needs exactly one of `path` (a built profile) and `data` (a file)")
        return self


class Time(Section):
    """Event time: how long to wait for what."""

    pane: PositiveDuration = Field(
        default=60, description="Smallest slice of event time; every window is a multiple of it."
    )
    lateness: Duration = Field(
        default=600,
        description="How far behind the newest event of its partition an event may come.",
    )
    idle: PositiveDuration = Field(
        default=120,
        description=(
            "A partition silent for this long no longer holds windows open; counted anew when its"
            " broker is back after it was out of reach."
        ),
    )
    future_skew: Duration = Field(
        default=300,
        description="An event further ahead of the clock than this is rejected as `future`.",
    )
    pair_horizon: PositiveDuration = Field(
        default=600,
        description="How much earlier than its event a label or a human decision may come; and how "
        "long a request waits for its response.",
    )
    label_horizon: PositiveDuration = Field(
        default=30 * 86_400,
        description="How long after its event a label may be recorded. So long after its window's "
        "end verdicts on labels are made, once; until then they are provisional.",
    )
    review_horizon: PositiveDuration = Field(
        default=7 * 86_400,
        description="How long after its event a human decision may be recorded, where these come "
        "later (`event.human.later`, `collectors[].reviews`). So long after its window's end "
        "verdicts on human decisions are made, once; until then they are provisional.",
    )
    dedup_horizon: PositiveDuration = Field(
        default=600, description="How long an event's id is kept to recognise a repeat."
    )
    restate_horizon: Duration = Field(
        default=0,
        description="How long after its closing a window is still restated by events of a "
        "partition that was idle; 0s makes every window final when it closes.",
    )


class Labels(Section):
    """How labels, and human decisions that come later, are kept until their windows are mature."""

    max_pending: Count = Field(
        default=1_000_000,
        description="Most predictions, and most labels, kept in waiting; as many again for human "
        "decisions that come later. Beyond it a sample is kept, the same ids of both; "
        "`coverage.sampling` in each report says its share.",
    )


class Drift(Section):
    """Settings of the drift signals."""

    share_threshold: Share = Field(
        default=0.1, description="PSI from which a feature counts in `drift.share`."
    )


class Review(Section):
    """The governance review of the system: when it was last held, and how often it is due."""

    last: Day | None = Field(default=None, description="Day of the last review, YYYY-MM-DD.")
    cadence_days: Count | None = Field(
        default=None, description="Days from one review to the next."
    )


class GridIntensity(Section):
    """How much carbon the electricity of the system's place costs."""

    value: Annotated[float, Strict(), Field(ge=0, le=10)] = Field(
        description="Kilograms of CO2 equivalent per kWh."
    )
    origin: Words = Field(description="Where the number is from, such as IEA 2025.")


class System(Section):
    """A monitored AI system."""

    id: Identifier = Field(description="Name of the system, unique; label of everything about it.")
    owner: Annotated[Words | None, Typed()] = Field(
        default=None,
        description="Who answers for it: a person or a mailbox. Sealed in the audit log.",
    )
    vendor: Words | None = Field(default=None, description="Who made it, if somebody else did.")
    country: str | None = Field(
        default=None, description="Where it decides about people: ISO 3166 alpha-2, such as MY."
    )
    sector: Words | None = Field(
        default=None, description="Sector it works in, such as financial-services."
    )
    risk: Risk = Field(
        default=Risk(), description="Risk of harm; high on both axes until assessed."
    )
    oversight: Oversight = Field(
        default="human_in_the_loop",
        description="Human involvement (ASEAN Guide C.2). `human_out_of_the_loop` is refused "
        "unless probability and severity of harm are both low.",
    )
    maturity: Maturity = Field(
        default="baseline", description="Which controls run and how persistent a finding must be."
    )
    task: Task | None = Field(default=None, description="What the model does. Default: inferred.")
    event: EventPaths = Field(
        default=EventPaths(), description="Where the canonical fields stand in the incoming record."
    )
    threshold: Share = Field(
        default=0.5, description="If only `score` is mapped: prediction 1 from this score on."
    )
    favourable: Scalar | None = Field(
        default=None,
        description="Prediction that is good for the person, such as 1 or approve; 1, 1.0, "
        '"1" and true are the same. Without it fairness is not assessed.',
    )
    label_observed: Literal["all", "favourable_only"] = Field(
        default="all",
        description="Whose true outcome can become known: everybody's, or only of those who got "
        "the favourable decision; then rates of true and false positives cannot be known.",
    )
    features: dict[str, Feature] | None = Field(
        default=None,
        description="Features by name: `income: numeric`, or `income: {path, type}`. "
        "Default: inferred.",
    )
    audit_attributes: dict[str, AuditAttribute] = Field(
        default={}, description="Protected attributes by name, each with its legal ground."
    )
    intersections: tuple[tuple[Text, ...], ...] = Field(
        default=(),
        description="Audit attributes to be watched together: `[[gender, country]]` compares "
        "groups such as `female*SG`. Their groups are smaller, so `min_group_n` asks for longer "
        "windows. A profile needs to be built again for them.",
    )
    impact_assessment: ImpactAssessment | None = Field(
        default=None,
        description="The risk impact assessment; it counts from its `date`. None above minimal "
        "risk is a finding from the stage `intermediate` on, an expired one at every stage.",
    )
    oversight_drill: OversightDrill | None = Field(
        default=None,
        description="The last drill of switching the system off; an old one is a finding.",
    )
    mitigations: tuple[Mitigation, ...] = Field(
        default=(),
        description="What was done about findings, and when: gaps between groups, or any other.",
    )
    reference: Reference | None = Field(
        default=None,
        description="What the stream is compared with. Default: none (`no_reference`).",
    )
    review: Review = Field(
        default=Review(), description="When governance of the system is reviewed."
    )
    latency_slo: Annotated[float, Strict(), Field(gt=0, le=1e6)] | None = Field(
        default=None, description="Seconds within which 95 % of predictions should be made."
    )
    low_confidence: LowConfidence = Field(
        default=LowConfidence(), description="Which scores count as uncertain."
    )
    toxicity_threshold: Share = Field(
        default=0.5, description="Toxicity from which an answer counts as toxic."
    )
    baselines: Baselines = Field(
        default=Baselines(), description="What is usual, where only you can know it."
    )
    grid_intensity: GridIntensity | None = Field(
        default=None,
        description="Carbon intensity of the electricity used. Default: the yearly average of "
        "`country`, where one is known.",
    )
    versions: tuple[Text, ...] | None = Field(
        default=None,
        description="Registered model versions; any other is a finding. Default: not checked.",
    )
    time: Time = Field(default=Time(), description="Waiting times in event time.")
    windows: tuple[WindowName, ...] = Field(
        default=("1h", "1d"),
        min_length=1,
        validate_default=True,
        description="Lengths of the tumbling windows, aligned to the Unix epoch in UTC.",
    )
    fairness_window: WindowName | None = Field(
        default=None,
        validate_default=True,
        description="The one length at which group values are published. Default: the longest.",
    )
    labels: Labels = Field(
        default=Labels(), description="How labels are kept until their windows are mature."
    )
    drift: Drift = Field(default=Drift(), description="Settings of the drift signals.")
    min_drift_n: Count = Field(default=100, description="Fewest values for a drift signal.")
    min_group_n: Count = Field(
        default=100, description="Fewest people per group for a fairness signal."
    )
    min_performance_n: Count = Field(
        default=100, description="Fewest labelled rows for performance."
    )
    min_label_coverage: Share = Field(
        default=0.8,
        description="Share of predictions with a label below which nothing is decided by them; of "
        "the favourable predictions, where `label_observed` says so.",
    )
    min_field_n: Count = Field(
        default=100,
        description="Fewest values for a signal on an optional field: latency, review time, "
        "scores, tokens, cost, energy; and for outliers.",
    )
    k_display: Count = Field(default=10, description="Groups smaller than this are never shown.")

    max_lost_share: Share = Field(
        default=0.05,
        description="Share of records undecodable or late above which a window is incomplete, and "
        "each of its verdicts `not_assessable`.",
    )
    max_versions: Count = Field(
        default=20, description="Most model versions told apart in one window."
    )
    max_empty_windows: Count = Field(
        default=1_000, description="Most empty windows in a row that are reported one by one."
    )

    @field_validator("country")
    @classmethod
    def _known_country(cls, code: str | None) -> str | None:
        if code is None or code in COUNTRIES:
            return code
        upper = code.upper()
        hint = f"; did you mean {upper}?" if upper in COUNTRIES else ""
        raise refuse(f"is not a two-letter country code of ISO 3166, such as MY{hint}")

    @field_validator("oversight")
    @classmethod
    def _allowed_by_the_guide(cls, oversight: str, info: ValidationInfo) -> str:
        risk = info.data.get("risk")
        if oversight == "human_out_of_the_loop" and risk is not None and not risk.minimal():
            fit = "human_in_the_loop"
            if not risk.high():
                fit = f"human_over_the_loop or {fit}"
            raise refuse(
                "is allowed by the ASEAN Guide (C.2) only for minimal risk; here the risk is "
                f"probability {risk.probability}, severity {risk.severity}. Choose {fit}, or "
                "assess the risk as low/low"
            )
        return oversight

    @field_validator("audit_attributes")
    @classmethod
    def _apart_from_features(
        cls, attributes: dict[str, AuditAttribute], info: ValidationInfo
    ) -> dict[str, AuditAttribute]:
        features = info.data.get("features") or {}
        feature_paths = {f.path or name: name for name, f in features.items()}
        problems: list[tuple[tuple[str | int, ...], str, Any]] = []
        for name, attribute in attributes.items():
            feature = feature_paths.get(attribute.path or name)
            if "*" in name:
                text = "must not contain *, which joins the names of an intersection"
                problems.append(((name,), text, name))
            elif feature is not None:
                text = (
                    f"is read from the same field as the feature {feature}; a protected attribute "
                    "is kept apart from the features, so name it in one place only"
                )
                problems.append(((name,), text, name))
            privileged = attribute.privileged
            if privileged is not None and privileged not in (attribute.groups or (privileged,)):
                text = "is not one of the groups"
                problems.append(((name, "privileged"), text, privileged))
        if problems:
            raise refuse_at(problems)
        return attributes

    @field_validator("intersections")
    @classmethod
    def _of_audit_attributes(
        cls, intersections: Intersections, info: ValidationInfo
    ) -> Intersections:
        if "audit_attributes" in info.data:
            refuse_bad_intersections(intersections, info.data["audit_attributes"])
        return intersections

    @field_validator("mitigations")
    @classmethod
    def _of_known_attributes(
        cls, mitigations: tuple[Mitigation, ...], info: ValidationInfo
    ) -> tuple[Mitigation, ...]:
        refuse_unknown_attribute(mitigations, list(info.data.get("audit_attributes") or ()))
        return mitigations

    @field_validator("windows")
    @classmethod
    def _multiples_of_the_pane(
        cls, windows: tuple[str, ...], info: ValidationInfo
    ) -> tuple[str, ...]:
        time = info.data.get("time")
        problems: list[tuple[tuple[str | int, ...], str, Any]] = []
        for place, name in enumerate(windows):
            if name in windows[:place]:
                problems.append(((place,), "is listed twice", name))
            elif time is not None and LENGTHS[name] % time.pane:
                text = f"is not a multiple of time.pane, which is {format_duration(time.pane)}"
                problems.append(((place,), text, name))
        if problems:
            raise refuse_at(problems)
        return tuple(sorted(windows, key=LENGTHS.__getitem__))

    @field_validator("fairness_window")
    @classmethod
    def _one_of_the_windows(cls, name: str | None, info: ValidationInfo) -> str | None:
        windows = info.data.get("windows")
        if windows is None:
            return name
        if name is not None and name not in windows:
            raise refuse(f"is not one of this system's windows ({', '.join(windows)})")
        return name or str(windows[-1])

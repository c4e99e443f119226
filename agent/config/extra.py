"""The optional fields of an event: where they stand, and what their values mean."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, GetJsonSchemaHandler, Strict, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from agent.config.values import DottedPath, Section, Text, refuse

Number = Annotated[float, Strict(), Field(ge=0, le=1e12)]


class PathOrSection(Section):
    """A section for which its `path` alone may be written: `latency: ms` for `{path: ms}`."""

    path: DottedPath = Field(description="Dotted path.")

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        text = {"minLength": 1, "maxLength": 512, "type": "string"}
        return {"anyOf": [text, dict(schema)], "description": schema.get("description", "")}


class Latency(PathOrSection):
    """Time that the prediction took; a path alone is in seconds."""

    unit: Literal["s", "ms", "us", "ns"] = Field(default="s", description="Unit of the values.")


class Status(PathOrSection):
    """Whether the request failed; a path alone takes the defaults."""

    errors: tuple[Text, ...] = Field(
        default=("error", "failed", "failure", "timeout", "exception"),
        description="Texts that mean an error, compared without regard to case.",
    )
    errors_from: Number = Field(
        default=500, description="Numbers from here on mean an error; 500 fits HTTP statuses."
    )


class Human(Section):
    """What a human decided about the prediction. Give `decided_at` or `seconds`, not both."""

    decision: DottedPath | None = Field(
        default=None, description="Path of the human's decision, in the values of `prediction`."
    )
    reviewer: DottedPath | None = Field(
        default=None,
        description="Path of who decided; only a keyed hash of it is looked at, and only to tell "
        "that somebody is named.",
    )
    decided_at: DottedPath | None = Field(
        default=None, description="Path of the time of the decision; the review began at `time`."
    )
    seconds: DottedPath | None = Field(
        default=None, description="Path of the seconds that the review took."
    )
    later: bool = Field(
        default=False,
        description="Decisions may also come later than their prediction, in a record of their own "
        "under the event's id: they are joined, see `time.review_horizon`. A collector with "
        "`reviews` says so too.",
    )

    @model_validator(mode="after")
    def _one_duration(self) -> Human:
        if self.decided_at is not None and self.seconds is not None:
            raise refuse("has both `decided_at` and `seconds`; keep the one that your stream fills")
        others = (self.reviewer, self.decided_at, self.seconds, self.later)
        if self.decision is None and any(others):
            raise refuse("needs `decision`: without it there is no review to look at")
        return self


class Feedback(PathOrSection):
    """What people said; a record of it without a prediction counts in its window, as no event."""

    complaint: tuple[Text, ...] = Field(
        default=("complaint",), description="Values that mean a complaint."
    )
    appeal: tuple[Text, ...] = Field(default=("appeal",), description="Values that mean an appeal.")


class Scores(Section):
    """Scores of generated content that the stream already carries; each 0 or more."""

    toxicity: DottedPath | None = Field(default=None, description="Path of the toxicity, 0 to 1.")
    groundedness: DottedPath | None = Field(
        default=None, description="Path of how well the answer rests on its sources, 0 to 1."
    )
    evaluation: DottedPath | None = Field(
        default=None, description="Path of an evaluation of the answer, on your own scale."
    )


class Energy(PathOrSection):
    """Energy that the prediction took; a path alone is in kWh."""

    unit: Literal["kWh", "Wh", "J"] = Field(default="kWh", description="Unit of the values.")


FACTORS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "kWh": 1.0, "Wh": 1e-3, "J": 1 / 3.6e6}
"""What brings a number of a unit to seconds or kWh."""


class LowConfidence(Section):
    """Which scores count as uncertain. Give `near` or `below`, not both."""

    near: Annotated[float, Strict(), Field(gt=0, le=0.5)] | None = Field(
        default=None,
        description="Scores this near to `threshold`. Default: 0.1, unless `below` is given.",
    )
    below: Annotated[float, Strict(), Field(gt=0, le=1)] | None = Field(
        default=None,
        description="Scores below this floor, for scores that are the chosen class's probability.",
    )

    @model_validator(mode="after")
    def _one_form(self) -> LowConfidence:
        if self.near is not None and self.below is not None:
            raise refuse("has both `near` and `below`; keep the one that fits your score")
        return self


class Baselines(Section):
    """What is usual, per 10,000 predictions; ratios compare with it."""

    complaint_rate: Annotated[float, Strict(), Field(gt=0, le=1e6)] | None = Field(
        default=None, description="Usual complaints per 10,000 predictions."
    )
    appeal_rate: Annotated[float, Strict(), Field(gt=0, le=1e6)] | None = Field(
        default=None, description="Usual appeals per 10,000 predictions."
    )

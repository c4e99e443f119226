"""What a system's card in the inventory says about its governance."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from agent.config.values import Day, Section, Typed, refuse, refuse_at
from policies.regime import Category
from policies.rule_spec import MOST_WAIVED
from policies.visible import unsaid


def _said(text: str) -> str:
    wrong = unsaid(text)
    if wrong is not None:
        raise refuse(wrong)
    return text


Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=512),
    AfterValidator(_said),
]
NAMES: dict[str, Category] = {
    "age": "age",
    "age_group": "age",
    "birth_year": "age",
    "sex": "sex",
    "gender": "sex",
    "race": "race",
    "ethnicity": "ethnicity",
    "ethnic_group": "ethnicity",
    "religion": "religion",
    "faith": "religion",
    "political_opinion": "political_opinion",
    "political_view": "political_opinion",
    "sexual_behaviour": "sexual_behaviour",
    "sexual_orientation": "sexual_behaviour",
    "criminal_record": "criminal_record",
    "health": "health",
    "disability": "disability",
    "nationality": "nationality",
    "citizenship": "nationality",
    "marital_status": "marital_status",
    "language": "language",
    "region": "region",
    "province": "region",
}
"""Names of attributes that say by themselves what they are about."""


def category_of(name: str, stated: Category | None) -> Category | None:
    """Return what an attribute is about: as stated, else by its name, else None."""
    return stated or NAMES.get(name.casefold().replace("-", "_").replace(" ", "_"))


class Waiver(Section):
    """Somebody's answer for doing what the country's pack does not allow, until a day."""

    by: Annotated[Words, Typed()] = Field(
        description="Who answers for it. Sealed in the audit log."
    )
    reason: Annotated[Words, Typed()] = Field(
        description="Why, and on what advice. Sealed in the audit log."
    )
    expires: Day = Field(
        description="Day on which it must have been renewed, YYYY-MM-DD; at most two years ahead."
    )

    @model_validator(mode="after")
    def _soon_enough(self) -> Waiver:
        last = dt.datetime.now(dt.UTC).date() + MOST_WAIVED
        if self.expires > last:
            message = f"is more than two years from today; the last possible day is {last}"
            raise refuse_at([(("expires",), message, str(self.expires))])
        return self


class ImpactAssessment(Section):
    """The risk impact assessment of the system (ASEAN Guide, Annex A)."""

    date: Day = Field(description="Day on which it was completed, YYYY-MM-DD.")
    reference: Words = Field(description="Where it is filed, such as AIA-2026-7.")
    expires: Day = Field(description="Day on which it must have been renewed, YYYY-MM-DD.")

    @model_validator(mode="after")
    def _in_order(self) -> ImpactAssessment:
        if self.expires <= self.date:
            message = f"is not after `date`, {self.date}"
            raise refuse_at([(("expires",), message, str(self.expires))])
        return self


class OversightDrill(Section):
    """The last drill in which people switched the system off, or had it fall back, as planned."""

    last: Day = Field(description="Day of the last drill that succeeded, YYYY-MM-DD.")
    reference: Words = Field(description="Where its protocol is filed, such as DRILL-2026-3.")


class Mitigation(Section):
    """Something done against what a rule found; values before and after show whether it helped."""

    date: Day = Field(description="Day from which it is in effect, YYYY-MM-DD.")
    rule: Words = Field(description="Rule whose findings it is to end, such as FA-1.")
    attribute: Words | None = Field(
        default=None,
        description="Audit attribute whose gap it is to close. Default: all that the rule finds, "
        "and no gap is measured before and after.",
    )
    note: Annotated[Words | None, Typed()] = Field(
        default=None, description="What was done. Sealed in the audit log."
    )


def refuse_unknown_attribute(mitigations: tuple[Mitigation, ...], known: list[str]) -> None:
    """Raise for a mitigation of an attribute that the system does not have."""
    problems: list[tuple[tuple[str | int, ...], str, object]] = [
        ((i, "attribute"), f"is not one of the audit attributes ({', '.join(known)})", m.attribute)
        for i, m in enumerate(mitigations)
        if m.attribute is not None and m.attribute not in known
    ]
    if problems and not known:
        raise refuse("needs `audit_attributes`: a mitigation closes a gap between groups")
    if problems:
        raise refuse_at(problems)

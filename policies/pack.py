"""The shape of a policy pack file as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, StringConstraints

from policies.guide import Component, Involvement, Question, Risk
from policies.part import (
    KINDS,
    MATURITY,
    OVERSIGHT,
    Kind,
    Maturity,
    Origin,
    Oversight,
    PackId,
    Part,
    PrincipleId,
    Text,
    Verified,
)
from policies.regime import AttributeRule, ClockSpec, Law, Requirement, Retention
from policies.rule_spec import Change, Defaults, Limit, Limits, Persistence, RuleSpec
from policies.yaml_lines import Document

__all__ = [
    "KINDS",
    "MATURITY",
    "OVERSIGHT",
    "Crosswalk",
    "Limit",
    "Limits",
    "Maturity",
    "Origin",
    "Oversight",
    "Pack",
    "Persistence",
    "RuleSpec",
    "Source",
]

Place = tuple[str | int, ...]
"""A path into the file, such as `("rules", 3, "crosswalk", 0)`."""


class Crosswalk(Verified):
    """A text that rules refer to as `<key>:<place>`; how sure we are of it, and since when."""

    title: Text
    kind: Literal["guide", "standard", "law", "framework"]


class Source(Part):
    """Something that the pack was written from; rules refer to it by `id`."""

    id: PackId
    title: Text
    note: Text | None = None


class Pack(Part):
    """A pack file.

    A `base` brings principles, defaults and rules; every other kind lays itself over one: it adds
    rules, changes some and requires things.  `include` names packs that it needs.
    """

    id: PackId
    kind: Kind = "base"
    title: Text
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    voluntary: bool = True
    disclaimer: Text | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    include: tuple[Text, ...] = ()
    sources: tuple[Source, ...] = ()
    principles: dict[PrincipleId, Text] = Field(default={})
    components: tuple[Component, ...] = ()
    involvement: tuple[Involvement, ...] = ()
    risk: Risk | None = None
    questions: tuple[Question, ...] = ()
    crosswalks: dict[str, Crosswalk] = Field(default={})
    defaults: Defaults | None = None
    rules: tuple[RuleSpec, ...] = ()
    changes: tuple[Change, ...] = ()
    requires: tuple[Requirement, ...] = ()
    attributes: tuple[AttributeRule, ...] = ()
    retention: tuple[Retention, ...] = ()
    laws: tuple[Law, ...] = ()
    clocks: tuple[ClockSpec, ...] = ()

    _where: str = PrivateAttr(default="")
    _document: Document | None = PrivateAttr(default=None)

    @property
    def where(self) -> str:
        """The name of the file that the pack was read from, or its id."""
        return self._where or self.id

    def complain(self, place: Place, message: str) -> str:
        """Return `file:line: rule X: message` for a place in this pack's file."""
        line = f":{self._document.line(place)}" if self._document else ""
        return f"{self.where}{line}: {rule_name(self._data(), place)}{message}"

    def _data(self) -> object:
        return self._document.data if self._document else {}

    def limits(self) -> Pack:
        """Return the pack with what it forbids and requires of a system's card, and no more."""
        kept = Pack(
            id=self.id,
            kind=self.kind,
            title=self.title,
            version=self.version,
            voluntary=self.voluntary,
            country=self.country,
            requires=self.requires,
            attributes=self.attributes,
        )
        kept._where, kept._document = self._where, self._document
        return kept

    def read_from(self, where: str, document: Document) -> Pack:
        """Remember the file, so that what is found wrong later can name the line."""
        self._where, self._document = where, document
        return self


def rule_name(data: object, place: Place) -> str:
    """Return `rule X: ` for a place inside a rule or a change of one, else nothing."""
    if len(place) < 2 or place[0] not in ("rules", "changes") or not isinstance(place[1], int):
        return ""
    listed = data.get(place[0]) if isinstance(data, dict) else None
    entry = listed[place[1]] if isinstance(listed, list) and place[1] < len(listed) else None
    name = entry.get("id" if place[0] == "rules" else "rule") if isinstance(entry, dict) else None
    kind = "rule" if place[0] == "rules" else "change"
    return f"rule {name}: " if isinstance(name, str) else f"{kind} number {place[1] + 1}: "

"""The law of a comparison: it is silent only of policies that have one digest (ADR 38).

Every field that a pack can set and every field of an effective policy is changed, one at a time.
"""

from __future__ import annotations

import copy
import datetime as dt
import json
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from policies.complaint import PackError
from policies.difference import Difference, difference_text, differences
from policies.effective import Clock, Demand, Kept, Policy, Processing, Rule, Waiving, effective
from policies.pack import Pack
from policies.pack_problems import problems
from policies.part import MATURITY, OVERSIGHT
from policies.side import Side
from tests.unit.policies.packs_with_everything import (
    BASE,
    COUNTRY,
    DOCUMENTS,
    LEVELS,
    TEAM,
    TIERS,
    WAIVER,
)

Place = tuple[str | int, ...]

WORDS: tuple[tuple[str, ...], ...] = (
    LEVELS,
    TIERS,
    MATURITY,
    ("page", "ticket", "info"),
    ("ours", "convention"),
    (">", "abs>"),
    ("high", "low"),
    ("feature", "output"),
    ("race", "sex"),
    ("health", "religion"),
    ("automatic", "attachable", "manual"),
    ("safeguards", "consent_only"),
    ("data_breach", "ai_incident"),
    ("aware_at", "confirmed_at"),
    ("alerts", "events"),
    ("guide", "law"),
    ("draft", "proposed"),
    ("ai", "sector"),
    ("P7", "P3"),
    ("P2", "P4"),
    ("drift.psi", "drift.ks"),
    ("0h", "1h", "30m", "5h"),
    ("1.0.0", "1.0.1"),
    ("MY", "SG"),
    ("AA-1", "AA-3", "AA-2"),
    ("BB-1", "BB-2"),
)
"""Values of which one may stand in the place of another."""


def others(value: Any) -> Iterator[Any]:
    """Give values that may stand in the place of one."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1)
    elif isinstance(value, float):
        yield from (value + 0.01, value - 0.01)
    elif isinstance(value, str):
        for words in WORDS:
            if value in words:
                yield from (word for word in words if word != value)
        try:
            yield (dt.date.fromisoformat(value) - dt.timedelta(days=1)).isoformat()
        except ValueError:
            yield value + "x"
    elif value is None:
        yield from ({"at": 9.0, "origin": "ours"}, "x")


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    if at:
        yield at
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*at, key))


def inside(document: Any, place: Place) -> Any:
    for step in place:
        document = document[step]
    return document


def variants(document: Any, place: Place) -> Iterator[Any]:
    """Give the document without what is at a place, and with each other value there."""
    key, old = place[-1], inside(document, place)
    for value in (KeyError, *(one for one in others(old) if one != old)):
        changed = copy.deepcopy(document)
        around = inside(changed, place[:-1])
        if value is KeyError:
            del around[key]
        else:
            around[key] = value
        yield changed


def load(document: dict[str, Any]) -> Pack:
    """Return the pack of a document, without the detour over YAML; raises `PackError`."""
    try:
        pack = Pack.model_validate(document)
    except ValidationError as error:
        raise PackError(str(error)) from error
    wrong = [f"{place}: {what}" for place, what in problems(pack, dt.date(2026, 11, 22))]
    if wrong:
        raise PackError(str(wrong))
    return pack


@cache
def loaded() -> tuple[Pack, ...]:
    return tuple(load(document) for document in DOCUMENTS)


def digests(packs: tuple[Pack, ...]) -> Iterator[str]:
    """Give the digests for systems of every level and stage."""
    for level, stage in zip(OVERSIGHT, MATURITY, strict=True):
        yield effective(packs, oversight=level, maturity=stage).digest


def is_another(packs: tuple[Pack, ...], before: Sequence[str]) -> bool:
    """Tell whether packs have other digests; raises `PackError`."""
    return any(now != was for now, was in zip(digests(packs), before, strict=True))


def told(old: tuple[Pack, ...], new: tuple[Pack, ...]) -> list[Difference]:
    return differences(Side("old", packs=old), Side("new", packs=new))


def models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Return a model and those that its fields hold."""
    found = {model}
    todo: list[Any] = [field.annotation for field in model.model_fields.values()]
    while todo:
        one = todo.pop()
        if isinstance(one, type) and issubclass(one, BaseModel):
            if one not in found:
                found |= {one}
                todo += [field.annotation for field in one.model_fields.values()]
        else:
            todo += get_args(one)
    return found


def fields(part: Any) -> Iterator[tuple[str, str]]:
    """Give (model, field) for every field that is set in a part of a pack."""
    if isinstance(part, BaseModel):
        for name in part.model_fields_set:
            yield type(part).__name__, name
            yield from fields(getattr(part, name))
    elif isinstance(part, dict | tuple):
        for inner in part.values() if isinstance(part, dict) else part:
            yield from fields(inner)


def test_the_packs_here_set_every_field_that_there_is() -> None:
    known = {(model.__name__, name) for model in models(Pack) for name in model.model_fields}
    assert known == {field for pack in loaded() for field in fields(pack)}


@pytest.mark.parametrize("number", range(len(DOCUMENTS)), ids=[d["id"] for d in DOCUMENTS])
def test_whatever_changes_a_digest_shows_between_packs(number: int) -> None:
    before = tuple(digests(loaded()))
    changing: set[str] = set()
    silent = []
    for place in places(DOCUMENTS[number]):
        for document in variants(DOCUMENTS[number], place):
            try:
                packs = (*loaded()[:number], load(document), *loaded()[number + 1 :])
                if not is_another(packs, before):
                    continue
            except PackError:
                continue
            changing |= {str(step) for step in place}
            if not told(loaded(), packs):
                silent.append(place)
    assert not silent
    assert changing >= CHANGE_A_DIGEST[number]


CHANGE_A_DIGEST: tuple[set[str], ...] = (
    {"risk", "matrix", "oversight", "persistence", "shorter", "at_once", "widened", "stages"}
    | {"clear_after", "inconclusive_after", "escalation", "role", "after", "rules", "principle"}
    | {"also", "title", "signal", "subjects", "op", "warn", "breach", "at", "origin", "basis"}
    | {"stage", "severity", "likely_cause", "action", "evidence", "crosswalk", "version", "id"},
    {"requires", "attributes", "retention", "clocks", "reason", "oversight"}
    | {"categories", "processing", "days", "hours", "calendar", "recipient", "starts", "event"},
    {"changes", "expires", "waiver", "rule", "thresholds", "severity", "stage"}
    | {"persistence", "clear_after", "escalation", "crosswalk", "evidence", "rules"},
)
"""What must have been seen to change a digest, so that the test cannot pass by changing nothing."""


def test_another_order_and_another_name_show() -> None:
    second = load({"id": "second", "kind": "team", "title": "T", "version": "1.0.0"})
    old, new = (*loaded(), second), (*loaded()[:-1], second, loaded()[-1])
    assert is_another(new, tuple(digests(old)))
    (found,) = told(old, new)
    assert found.part == "policy packs.order"
    other = (*loaded()[:-1], load(TEAM | {"id": "our-fund", "version": "1.0.1"}))
    assert told(loaded(), other) == [
        Difference("packs:our-bank id", "our-bank", "our-fund"),
        Difference("packs:our-bank version", "1.0.0", "1.0.1"),
    ]
    swapped = (load(BASE), load(COUNTRY), *(load(one) for one in (TEAM_TWO, TEAM_ONE)))
    straight = (load(BASE), load(COUNTRY), *(load(one) for one in (TEAM_ONE, TEAM_TWO)))
    assert told(straight, swapped)


def _change(rule: str) -> dict[str, Any]:
    return {"rule": rule, "severity": {"breach": "info"}, "reason": "r", "waiver": WAIVER}


TEAM_ONE = {**TEAM, "id": "one", "rules": [], "changes": [_change("AA-1")]}
TEAM_TWO = {**TEAM, "id": "two", "rules": [], "changes": [_change("AA-3")]}


def kept(maturity: Any = "intermediate") -> Policy:
    return effective(
        loaded(), oversight="human_in_the_loop", maturity=maturity, country="MY", sector="s"
    )


PARTS = {
    "rules": Rule,
    "clocks": Clock,
    "waivers": Waiving,
    "demands": Demand,
    "retention": Kept,
    "attributes": Processing,
}
NOT_PUBLISHED = {("waivers", "by"), ("waivers", "reason")}


def text() -> dict[str, Any]:
    """Return the texts of two stages as one, since not every field is set at each of them."""
    one, two = (json.loads(kept(stage).text) for stage in ("baseline", "intermediate"))
    for rule in one["rules"]:
        two["rules"].append(rule | {"id": rule["id"] + "-b", "because": {"our-bank": "why"}})
    return dict(two)


def test_the_text_here_has_every_field_that_there_is() -> None:
    document = text()
    for part, kind in PARTS.items():
        for name in kind.__struct_fields__:
            if (part, name) not in NOT_PUBLISHED:
                assert any(entry.get(name) for entry in document[part]), (part, name)
    lists = {key for key, value in document.items() if isinstance(value, list)}
    assert lists == {"packs", *PARTS}


def texts(old: dict[str, Any], new: dict[str, Any]) -> list[Difference]:
    return differences(
        Side("old", text=old, digest=json.dumps(old)), Side("new", text=new, digest=json.dumps(new))
    )


def test_whatever_changes_in_a_kept_text_shows() -> None:
    document = text()
    assert texts(document, copy.deepcopy(document)) == []
    for place in places(document):
        if isinstance(inside(document, place), dict | list) and place[-1] in ("because", "set_by"):
            continue
        for changed in variants(document, place):
            found = texts(document, changed)
            lost = inside(document, place) in (None, {}, []) and _gone(changed, place)
            assert [f.part for f in found] == ["policy text"] if lost else found, place
            assert lost or all(f.part != "policy text" for f in found), place


def _gone(document: Any, place: Place) -> bool:
    around = inside(document, place[:-1])
    return isinstance(around, dict) and place[-1] not in around


@pytest.mark.parametrize("part", ["packs", *PARTS])
def test_each_entry_of_a_kept_text_counts_even_of_one_name(part: str) -> None:
    document = text()
    entries = document[part]
    for i, entry in enumerate(entries):
        twice = {**document, part: [*entries[: i + 1], entry, *entries[i + 1 :]]}
        assert any(line[0] == "+" for line in difference_text(texts(document, twice)))
        assert any(line[0] == "-" for line in difference_text(texts(twice, document)))
        for name in (key for key, value in entry.items() if isinstance(value, str)):
            for other in (twice, document):
                changed = copy.deepcopy(other)
                changed[part][i][name] += "x"
                assert texts(other, changed), (i, name)
    if len(entries) > 1:
        turned = {**document, part: entries[::-1]}
        assert texts(document, turned)


def test_what_a_waiver_loosened_shows_though_a_later_change_took_it_back() -> None:
    def there_and_back(low: str) -> tuple[Pack, ...]:
        down = {"rule": "AA-3", "severity": {"breach": low}, "reason": "r", "waiver": WAIVER}
        back = {"rule": "AA-3", "severity": {"breach": "page"}, "reason": "r"}
        return (*loaded()[:-1], load({**TEAM, "rules": [], "changes": [down, back]}))

    old, new = there_and_back("ticket"), there_and_back("info")
    assert is_another(new, tuple(digests(old)))
    (found,) = told(old, new)
    assert found.part == "waivers:AA-3 loosens"

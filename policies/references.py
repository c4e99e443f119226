"""What packs refer to: sources, questions of Annex A, places in other texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from policies.frameworks import Framework
from policies.nearest import did_you_mean
from policies.pack import Crosswalk, Pack, Place

_CROSSWALKED = ("rules", "changes", "clocks", "retention", "attributes")
_KEYED = re.compile(r"[A-Z0-9]+(-[A-Z0-9]+)*:\S")
"""How a source begins that is a reference; every other one is words for a human."""


def reference_problems(packs: Sequence[Pack], frameworks: Mapping[str, Framework]) -> list[str]:
    """Return what rules, changes, clocks, ... refer to that no pack and no framework has."""
    sources = [source.id for pack in packs for source in pack.sources]
    questions = [question.id for pack in packs for question in pack.questions]
    texts = {key: text for pack in packs for key, text in pack.crosswalks.items()}
    found: list[str] = []
    for pack in packs:
        found += _wrong_sources(pack, texts, frameworks)
        for part in ("rules", "changes"):
            for i, entry in enumerate(getattr(pack, part)):
                at: Place = (part, i)
                for j, name in enumerate(entry.sources):
                    if name not in sources:
                        what = _unknown(name, sources, "this pack's sources")
                        found.append(pack.complain((*at, "sources", j), what))
                for name in entry.evidence:
                    if questions and name not in questions:
                        what = _unknown(name, questions, "the questions of Annex A in the base")
                        found.append(pack.complain((*at, "evidence", name), what))
        found += _wrong_references(pack, texts, frameworks)
    return found


def _wrong_references(
    pack: Pack, texts: Mapping[str, Crosswalk], frameworks: Mapping[str, Framework]
) -> list[str]:
    found = []
    for part in _CROSSWALKED:
        for i, entry in enumerate(getattr(pack, part)):
            for j, reference in enumerate(entry.crosswalk):
                wrong = _wrong_reference(reference, texts, frameworks)
                if wrong:
                    found.append(pack.complain((part, i, "crosswalk", j), wrong))
    return found


def _wrong_sources(
    pack: Pack, texts: Mapping[str, Crosswalk], frameworks: Mapping[str, Framework]
) -> Iterator[str]:
    """Give what is wrong with the sources of what a pack says besides its rules."""
    for part in ("clocks", "requires", "attributes", "retention"):
        for i, entry in enumerate(getattr(pack, part)):
            if entry.source is None or not _KEYED.match(entry.source):
                continue
            wrong = _wrong_reference(entry.source, texts, frameworks)
            if wrong:
                text = f"{wrong} (a source that is no such reference needs a space after its colon)"
                yield pack.complain((part, i, "source"), text)


def _wrong_reference(
    reference: str, texts: Mapping[str, Crosswalk], frameworks: Mapping[str, Framework]
) -> str | None:
    key, _, place = reference.partition(":")
    framework = frameworks.get(key)
    if framework is not None:
        known = [item.id for item in framework.items]
        if place in known:
            return None
        return f"{reference!r}: {framework.title} has no {place!r}{did_you_mean(place, known)}"
    if key in texts:
        return None
    return _unknown(key, [*texts, *frameworks], "this pack's crosswalks")


def _unknown(name: str, known: Iterable[str], what: str) -> str:
    return f"{name!r} is not among {what}{did_you_mean(name, known)}"

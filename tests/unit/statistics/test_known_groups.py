"""Values that are no known group: `other`, in what is counted and in the rows beside labels."""

from __future__ import annotations

import numpy as np

from agent.labels.rows import OutcomeRows
from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.known_groups import with_known_groups
from agent.summarise import summarise
from collectors.batch import Categorical
from policies.model import Window
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of

SEX = ["f", "m", "x@y.example", None, "a*b", "other", "f"]
COUNTRY = ["SG", "MY", "SG", "SG", "MY", None, "x@y.example"]
NAMES = ("sex", "country", "sex*country")


def context(groups: dict[str, tuple[str, ...]]) -> SignalContext:
    events = batch(prediction=["1"] * len(SEX), audit={"sex": SEX, "country": COUNTRY})
    layout = build_layout(schema_of(events), favourable=FAVOURABLE, attributes=NAMES)
    column = events.audit["sex"]
    rows = OutcomeRows(
        n=len(SEX),
        prediction=column,
        label=column,
        score=np.zeros(len(SEX)),
        groups={"sex": column},
    )
    return SignalContext(
        layout,
        summarise(layout, events, np.arange(events.n)),
        None,
        Window(0, 86_400, "1d"),
        Settings(groups=groups),
        outcomes=rows,
    )


def sizes(found: SignalContext, attribute: str) -> dict[str, int]:
    return {g: int(counts[0]) for g, counts in found.summary.groups[attribute].items()}


def test_what_nobody_named_counts_as_other() -> None:
    before = context({"sex": ("f", "m")})
    found = with_known_groups(before)
    assert sizes(found, "sex") == {"f": 2, "m": 1, "other": 3}
    # Nobody named countries: what fewer than three people share is taken for no name.
    assert sizes(found, "country") == {"SG": 3, "other": 3}
    # The value with a star is in no intersection that is shown, so it stays as it is.
    assert sizes(found, "sex*country") == {
        "f*SG": 1,
        "m*other": 1,
        "other*SG": 1,
        "a*b*MY": 1,
        "f*other": 1,
    }
    assert sizes(before, "sex")["x@y.example"] == 1, "the window's own summary stays as it is"


def test_rows_beside_labels_are_of_the_same_groups() -> None:
    found = with_known_groups(context({"sex": ("f", "m")}))
    assert found.outcomes is not None
    column = found.outcomes.groups["sex"]
    assert isinstance(column, Categorical)
    texts = [None if code < 0 else column.values[code] for code in column.codes]
    assert texts == ["f", "m", "other", None, "other", "other", "f"]
    assert len(set(column.values)) == len(column.values)


def test_where_nobody_named_groups_and_none_is_shared_all_are_other() -> None:
    assert sizes(with_known_groups(context({})), "sex") == {"other": 6}


def test_where_all_are_known_nothing_is_copied() -> None:
    sexes = ("f", "m", "a*b", "other", "x@y.example")
    before = context({"sex": sexes, "country": ("SG", "MY", "x@y.example")})
    assert with_known_groups(before) is before

"""Intersections of audit attributes: their groups, and that margins give no small one away."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from fairlearn.metrics import MetricFrame, selection_rate, true_positive_rate
from scipy.optimize import linprog

from agent.layout import build_layout
from agent.signals.context import Settings, SignalContext
from agent.signals.table import compute
from agent.signals.withheld import withheld_by_prediction
from agent.signals.withhold import COMPLEMENT, SMALL, Counted, withhold
from agent.summarise import summarise
from policies.model import Signal, Window
from tests.support.public_data import modelled
from tests.unit.statistics.events import FAVOURABLE, batch, schema_of
from tests.unit.statistics.outcomes import modelled_events, one, rows_of, value_of


def crossed(
    cells: dict[tuple[str, str], int], settings: Settings | None = None
) -> tuple[SignalContext, list[Signal]]:
    """Return a window of people by sex and country, and what it publishes."""
    sex = [s for (s, _), n in cells.items() for _ in range(n)]
    country = [c for (_, c), n in cells.items() for _ in range(n)]
    events = batch(
        prediction=["01"[i % 2] for i in range(len(sex))], audit={"sex": sex, "country": country}
    )
    names = ("sex", "country", "sex*country")
    layout = build_layout(schema_of(events), favourable=FAVOURABLE, attributes=names)
    summary = summarise(layout, events, np.arange(events.n))
    context = SignalContext(
        layout, summary, None, Window(0, 86_400, "1d"), settings or Settings(min_group_n=1)
    )
    return context, compute(context).published


def test_rates_of_intersections_equal_fairlearn() -> None:
    model = modelled("pensions")
    events = modelled_events(model)
    name = "sex*household"
    layout = build_layout(
        schema_of(events), favourable=FAVOURABLE, attributes=("sex", "household", name)
    )
    rows = rows_of(events)
    pairs = [f"{a}*{b}" for a, b in zip(*model.groups.values(), strict=True)]
    rows.groups[name] = batch(audit={name: pairs}, n=events.n).audit[name]  # type: ignore[index]
    context = SignalContext(
        layout,
        summarise(layout, events, np.arange(events.n)),
        None,
        Window(0, 86_400, "1d"),
        Settings(min_group_n=20),
        (),
        rows,
    )
    found = compute(context).published
    frame = MetricFrame(
        metrics={"rate": selection_rate, "tpr": true_positive_rate},
        y_true=model.label,
        y_pred=model.prediction,
        sensitive_features=model.groups,
    ).by_group
    for (sex, household), values in frame.iterrows():
        group = f"{sex}*{household}"
        rate = one(found, "fairness.selection_rate", name, group)
        assert value_of(rate) == pytest.approx(values["rate"])
        tpr = one(found, "fairness.true_positive_rate", name, group)
        assert value_of(tpr) == pytest.approx(values["tpr"])


def test_a_small_cell_is_not_what_a_margin_leaves() -> None:
    cells = {
        ("f", "SG"): 150,
        ("f", "MY"): 80,
        ("f", "BN"): 5,
        ("m", "SG"): 300,
        ("m", "MY"): 200,
        ("m", "BN"): 40,
    }
    context, published = crossed(cells)
    # Alone in its row f*BN were f - f*SG - f*MY, alone in its column BN - m*BN; so with it go
    # f*MY and m*BN, and for these m*MY.
    told = {
        s.subject["group"]: s.n
        for s in published
        if s.name == "fairness.selection_rate" and s.subject["attribute"] == "sex*country"
    }
    assert told == {"f*SG": 150, "m*SG": 300}
    withheld = withheld_by_prediction(context)["sex*country"]
    assert withheld == {"f*BN": SMALL, **dict.fromkeys(("f*MY", "m*BN", "m*MY"), COMPLEMENT)}
    assert one(published, "fairness.selection_rate", "sex", "f").n == 235
    assert one(published, "fairness.selection_rate", "country", "BN").n == 45


def test_cells_of_a_withheld_margin_are_withheld() -> None:
    cells = {("f", "SG"): 150, ("f", "BN"): 3, ("m", "SG"): 300, ("m", "BN"): 2, ("m", "MY"): 90}
    context, published = crossed(cells)
    withheld = withheld_by_prediction(context)
    assert withheld["country"] == {"BN": SMALL, "MY": COMPLEMENT}
    assert set(withheld["sex*country"]) >= {"f*BN", "m*BN", "m*MY"}
    told = [
        s.subject.get("group") for s in published if s.subject.get("attribute") == "sex*country"
    ]
    assert "m*MY" not in told


def test_a_value_with_a_star_in_it_is_withheld_as_nobody_can_tell_its_parts() -> None:
    cells = {("f", "S*G"): 150, ("m", "S*G"): 300, ("f", "MY"): 100, ("m", "MY"): 100}
    context, _ = crossed(cells)
    assert {"f*S*G", "m*S*G"} <= set(withheld_by_prediction(context)["sex*country"])


@pytest.mark.parametrize("seed", range(25))
def test_no_small_cell_can_be_solved_for(seed: int) -> None:
    """All that is published, as equations in the withheld cells: each small one can vary."""
    rng = np.random.default_rng(seed)
    rows, columns = rng.integers(2, 5), rng.integers(2, 6)
    sexes, countries = [f"s{i}" for i in range(rows)], [f"c{i}" for i in range(columns)]
    sizes = {(s, c): int(rng.choice([0, 3, 8, 25, 120, 400])) for s, c in product(sexes, countries)}
    cells = {key: n for key, n in sizes.items() if n}
    if len({s for s, _ in cells}) < 2 or len({c for _, c in cells}) < 2:
        pytest.skip("nothing is crossed")
    _, published = crossed(cells)
    told = {
        s.subject["group"]: s.n
        for s in published
        if s.name == "fairness.selection_rate" and s.n is not None
    }
    unknown = [key for key in sizes if "*".join(key) not in told]
    equations, sums = [], []
    for place, groups in ((0, sexes), (1, countries)):
        for group in groups:
            if group in told:
                inside = [key for key in unknown if key[place] == group]
                equations.append([float(key in inside) for key in unknown])
                sums.append(sum(sizes[key] for key in inside))
    equations.append([1.0] * len(unknown))
    sums.append(sum(sizes[key] for key in unknown))
    for i, key in enumerate(unknown):
        if not 0 < sizes[key] < 10:
            continue
        ends = []
        for sign in (1.0, -1.0):
            goal = np.zeros(len(unknown))
            goal[i] = sign
            found = linprog(goal, A_eq=equations, b_eq=sums, bounds=(0, None))
            assert found.status == 0
            ends.append(sign * found.fun)
        assert ends[1] - ends[0] > 1, (key, sizes, told)


def test_lines_that_overlap_are_solved_together() -> None:
    """Two cycles joined by one cell: every line has two unknowns, and that cell is determined."""
    counts = {
        "ab": 50,
        "ac": 50,
        "bb": 50,
        "bc": 50,
        "x": 4,
        "dd": 50,
        "de": 50,
        "ed": 50,
        "ee": 50,
    }
    lines = [
        frozenset({"ab", "ac", "x"}),
        frozenset({"bb", "bc", "s1"}),
        frozenset({"ab", "bb", "s2"}),
        frozenset({"ac", "bc", "s3"}),
        frozenset({"x", "dd", "ed"}),
        frozenset({"dd", "de", "s4"}),
        frozenset({"ed", "ee", "s5"}),
        frozenset({"de", "ee", "s6"}),
    ]
    shown = {f"s{i}": 300 for i in range(1, 7)}
    everything = Counted({**counts, **shown}, 0)
    already = dict.fromkeys(set(counts) - {"x"}, COMPLEMENT)
    found = withhold([everything], 10, already=already, lines=lines)
    assert set(found) & set(shown), "one more has to go, or x = (ab + ac + x) - (ab + ac)"

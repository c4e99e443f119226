"""The reference profile: exact quantiles, atoms, privacy, and a digest that notices a change."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from agent.reference.build import BuildError, build
from agent.reference.columns import categorical_profile, numeric_profile, quantile_edges
from agent.reference.load import LoadError, load, save
from agent.reference.profile import CategoricalProfile, NumericProfile, Reference, encode
from tests.support.file_calls import Fault, FileCalls, Kind
from tests.unit.statistics.events import FAVOURABLE, batch, referenced, schema_of


def sample(seed: int = 0, n: int = 900) -> Reference:
    rng = np.random.default_rng(seed)
    events = batch(
        {"income": rng.lognormal(size=n), "kind": ["a" if v < 0.6 else "b" for v in rng.random(n)]},
        prediction=["1" if v < 0.7 else "0" for v in rng.random(n)],
        score=rng.random(n),
        audit={"sex": ["f" if v < 0.5 else "m" for v in rng.random(n)]},
        version=["v1"] * n,
        time=range(1000, 1000 + n),
    )
    return referenced(events)[1]


def test_bins_of_a_continuous_column_hold_equal_shares() -> None:
    values = np.random.default_rng(3).normal(size=10_000)
    profile = numeric_profile(values)
    assert len(profile.edges) == 199
    assert set(profile.counts) == {50}
    assert profile.sd == pytest.approx(np.std(values), rel=1e-12)
    assert profile.minimum == values.min()
    assert profile.maximum == values.max()


@pytest.mark.parametrize("m", [1, 7, 150, 600, 601, 1999])
def test_each_edge_has_its_share_below_it(m: int) -> None:
    values = np.sort(np.random.default_rng(m).normal(size=m))
    edges = quantile_edges(values)
    below = np.searchsorted(values, edges, side="left")
    wanted = np.unique([-(-m * k // 200) for k in range(1, 200)])
    assert below.tolist() == [k for k in wanted if 0 < k < m]


def test_an_atom_is_its_own_bin() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([np.zeros(300), rng.exponential(size=600), -rng.exponential(size=100)])
    profile = numeric_profile(values)
    place = int(np.searchsorted(profile.edges, 0.0, side="right"))
    assert profile.counts[place] == 300
    assert profile.edges[place] == np.nextafter(0, 1)
    assert len(profile.edges) <= 199


def test_a_constant_column_tells_less_equal_and_more_apart() -> None:
    profile = numeric_profile(np.full(500, 5.0))
    assert profile.counts == (0, 500, 0)
    assert profile.sd == 0.0
    assert profile.scale == 0.001


def test_a_binary_column_has_a_bin_for_each_value() -> None:
    profile = numeric_profile(np.array([0.0] * 70 + [1.0] * 30))
    assert [c for c in profile.counts if c] == [70, 30]


def test_missing_and_infinite_values_are_counted_and_left_out_of_the_moments() -> None:
    values = np.array([1.0, 2.0, 3.0, np.nan, np.inf, -np.inf])
    profile = numeric_profile(values)
    assert (profile.n, profile.missing, profile.infinite) == (5, 1, 2)
    assert profile.mean == 2.0
    assert sum(profile.counts) == 5


@pytest.mark.parametrize(
    "values", [[], [np.nan], [np.inf, np.nan], [1e308, -1e308, 1e308], [5e-324], [-0.0, 0.0]]
)
def test_awkward_columns_still_give_a_profile_that_can_be_stored(
    values: list[float], tmp_path: Path
) -> None:
    good = [float(i) for i in range(max(len(values), 1))]
    padded = values or [np.nan]
    _, reference = referenced(batch({"x": np.array(padded), "y": good}))
    save(reference, tmp_path / "ref.json")
    assert load(tmp_path / "ref.json") == reference


def test_rare_categories_are_not_named() -> None:
    profile = categorical_profile(Counter(a=100, b=10, secret=9), missing=4)
    assert profile.categories == {"a": 100, "b": 10}
    assert profile.other == 9
    assert len(profile.rare) == 1
    assert "secret" not in profile.rare[0]


def test_small_groups_are_left_out() -> None:
    events = batch(prediction=["1"] * 30, audit={"sex": ["f"] * 21 + ["x"] * 9})
    _, reference = referenced(events)
    assert list(reference.groups["sex"]) == ["f"]
    assert reference.groups["sex"]["f"].favourable == 21


def test_the_profile_does_not_depend_on_batches_or_order() -> None:
    rng = np.random.default_rng(9)
    amounts, kinds = rng.normal(size=400), ["abc"[i % 3] for i in range(400)]
    whole = batch({"x": amounts, "k": kinds}, ids=range(1, 401), time=range(400))
    order = rng.permutation(400)
    parts = [
        batch(
            {"x": amounts[part], "k": [kinds[i] for i in part]},
            ids=[i + 1 for i in part],
            time=[int(i) for i in part],
        )
        for part in np.array_split(order, 7)
    ]
    schema = schema_of(whole)
    assert build(parts, schema).digest == build([whole], schema).digest


def test_repeats_and_label_records_are_left_out() -> None:
    first = batch(
        {"x": [1.0, 2.0, 3.0]},
        prediction=["1", "0", None],
        label=[None, "1", "1"],
        ids=[1, 2, 3],
    )
    second = batch({"x": [9.0, 4.0]}, prediction=["1", "1"], label=[None, None], ids=[1, 4])
    reference = build([first, second], schema_of(first), favourable=FAVOURABLE)
    assert reference.rows == 3
    x = reference.features["x"]
    assert isinstance(x, NumericProfile)
    assert x.maximum == 4.0


def test_events_without_an_id_are_never_repeats() -> None:
    events = batch({"x": [1.0, 1.0, 1.0]}, ids=[0, 0, 0])
    assert build([events], schema_of(events)).rows == 3


def test_no_events_is_an_error_for_a_person() -> None:
    with pytest.raises(BuildError, match="no usable event"):
        build([], schema_of(batch({"x": [1.0]})))


def test_a_saved_profile_comes_back_and_saves_to_the_same_bytes(tmp_path: Path) -> None:
    reference = sample()
    save(reference, tmp_path / "a.json")
    again = load(tmp_path / "a.json")
    assert again == reference
    save(again, tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert (again.rows, again.data_start, again.data_end) == (900, 1000, 1899)
    assert isinstance(again.features["kind"], CategoricalProfile)


@pytest.mark.parametrize("link", [False, True])
def test_a_profile_is_replaced_durably_and_a_full_disk_leaves_the_one_before(
    tmp_path: Path, *, link: bool
) -> None:
    before, after = sample(), sample(1)
    file = tmp_path / "ref.json"
    save(before, tmp_path / "real.json" if link else file)
    if link:
        file.symlink_to("real.json")
    with FileCalls().installed() as calls:
        save(after, file)
    assert calls.seen.index("fsync") < calls.seen.index("rename")
    assert calls.seen[-3:] == ["open to read", "fsync", "close"], "of the folder"
    assert load(file) == after
    assert file.is_symlink() == link
    full = Kind(frozenset({"pwrite64"}), errno.ENOSPC, short=True)
    with (
        pytest.raises(OSError, match="No space"),
        FileCalls(Fault(full, calls.seen.index("pwrite64") + 1, lambda _: None)).installed(),
    ):
        save(before, file)
    assert load(file) == after
    assert {p.name for p in tmp_path.iterdir()} <= {"ref.json", "real.json"}


def test_a_folder_that_is_not_there_is_told_by_the_name_that_was_given(tmp_path: Path) -> None:
    file = tmp_path / "none" / "ref.json"
    with pytest.raises(FileNotFoundError) as failed:
        save(sample(), file)
    assert failed.value.filename == str(file)


def test_a_profile_can_go_into_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reference = sample()
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        save(reference, pipe)
        assert os.read(reading, 1 << 20) == encode(reference)
    finally:
        os.close(reading)
    assert pipe.is_fifo()


def test_any_changed_digit_is_noticed(tmp_path: Path) -> None:
    save(sample(), tmp_path / "ref.json")
    body = (tmp_path / "ref.json").read_bytes()
    digits = [i for i, byte in enumerate(body) if chr(byte).isdigit()]
    for place in digits[:: max(1, len(digits) // 40)]:
        changed = bytearray(body)
        changed[place] = ord("7") if changed[place] != ord("7") else ord("3")
        (tmp_path / "ref.json").write_bytes(changed)
        with pytest.raises(LoadError, match=r"ref\.json"):
            load(tmp_path / "ref.json")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[1]", b"\xff\xfe", b'{"schema":"pantau.reference/1"}']
)
def test_what_is_no_profile_is_refused_with_advice(body: bytes, tmp_path: Path) -> None:
    (tmp_path / "ref.json").write_bytes(body)
    with pytest.raises(LoadError, match=r"ref\.json.*pantau reference build"):
        load(tmp_path / "ref.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"nowhere\.json.*correct `reference\.path`"):
        load(tmp_path / "nowhere.json")

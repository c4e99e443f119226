"""The table of grid intensities: every number has a year and an origin, or is left out."""

from __future__ import annotations

import pytest

from policies.grid import grid_of, grid_table
from policies.table import PACKS


def test_each_member_of_asean_has_a_number_or_a_reason_why_not() -> None:
    members = {name[-2:].upper() for name in PACKS if name.startswith("country-")}
    table = grid_table()
    assert set(table.countries) | set(table.missing) == members
    assert not set(table.countries) & set(table.missing)
    assert "Ember" in table.origin


@pytest.mark.parametrize(
    ("country", "kg", "year"), [("MY", 0.60443, 2024), ("LA", 0.23212, 2023), ("VN", 0.48613, 2024)]
)
def test_a_country_has_its_intensity_in_kilograms_with_year_and_origin(
    country: str, kg: float, year: int
) -> None:
    grid = grid_of(country)
    assert grid is not None
    assert grid.kg_per_kwh == pytest.approx(kg)
    assert grid.origin.startswith(f"{country} {year}: Ember")


@pytest.mark.parametrize("country", ["TL", "XX", "", None])
def test_where_nothing_is_known_nothing_is_invented(country: str | None) -> None:
    assert grid_of(country) is None

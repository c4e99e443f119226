"""Carbon intensity of electricity by country: yearly averages, each with its year and origin."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, Strict, StringConstraints

from policies.part import Day, Part, Text
from policies.read_file import read_model

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class Intensity(Part):
    """One country's yearly average."""

    g_per_kwh: Annotated[float, Strict(), Field(gt=0, le=2_000)]
    year: Annotated[int, Strict(), Field(ge=2015, le=2100)]


class Table(Part):
    """The file: where the numbers come from, and for which countries there are none, and why."""

    origin: Text
    verified_on: Day
    unit: Literal["gCO2e/kWh"]
    missing: dict[Country, Text] = Field(default={})
    countries: dict[Country, Intensity]


class Grid(NamedTuple):
    """A grid's intensity in kgCO2e per kWh, and where the number is from."""

    kg_per_kwh: float
    origin: str


@lru_cache(maxsize=1)
def grid_table() -> Table:
    """Return the table.  Raises `PackError` for a file that cannot be used."""
    return read_model(files("policies") / "grid_intensity.yaml", Table)


def grid_of(country: str | None) -> Grid | None:
    """Return the intensity of a country (ISO 3166 alpha-2), None where no number is known."""
    table = grid_table()
    found = table.countries.get(country or "")
    if found is None:
        return None
    return Grid(found.g_per_kwh / 1_000, f"{country} {found.year}: {table.origin}")

"""Which packs a system gets: those configured, and those of its sector and its country."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from policies.load import pack_files
from policies.nearest import did_you_mean
from policies.table import SECTOR_ALIASES

SECTOR, COUNTRY = "sector-", "country-"
"""What the names of packs begin with that are chosen by a system's sector and country."""
LIMITS_ONLY = ", only what it forbids and requires"


class Chosen(NamedTuple):
    """A pack and why it is there; `limits_only`: with what it forbids and requires, no more."""

    name: str
    why: str
    limits_only: bool = False


def choose(
    configured: Sequence[str],
    *,
    sector: str | None,
    country: str | None,
    known: Iterable[str] | None = None,
    whole: bool = True,
) -> list[Chosen]:
    """Return the configured packs, then those of the sector and country that exist.

    `known`: names of packs; default: every known one.  `whole` false: of the sector's and the
    country's only what they forbid and require.
    """
    names = set(pack_files() if known is None else known)
    chosen = [Chosen(name, "configured") for name in configured]
    for name, why in (
        (sector_pack(sector, names), f"sector {sector}"),
        (country_pack(country, names), f"country {country}"),
    ):
        if name is not None and name not in configured:
            chosen.append(Chosen(name, why if whole else why + LIMITS_ONLY, not whole))
    return chosen


def sector_pack(sector: str | None, known: Iterable[str]) -> str | None:
    """Return the name of the pack of a sector, or None; `Finance` and `finance` are the same."""
    if sector is None:
        return None
    word = "-".join(sector.casefold().replace("_", " ").replace("-", " ").split())
    name = SECTOR + SECTOR_ALIASES.get(word, word)
    return name if name in known else None


def sector_name(sector: str) -> str:
    """Return one name for a sector however it is spelt, `banking` too; as it is without a pack."""
    name = sector_pack(sector, pack_files())
    return sector if name is None else name.removeprefix(SECTOR)


def country_pack(country: str | None, known: Iterable[str]) -> str | None:
    """Return the name of the pack of a country (ISO 3166 alpha-2), or None."""
    if country is None:
        return None
    name = COUNTRY + country.lower()
    return name if name in known else None


def unknown(
    sector: str | None, country: str | None, *, beside: Iterable[str]
) -> tuple[Literal["sector", "country"], str] | None:
    """Return which of the two no pack is for, and that in words with the nearest; None if none.

    `beside`: names of packs that are there besides the known ones.
    """
    names = {*pack_files(), *beside}
    if sector is not None and sector_pack(sector, names) is None:
        return "sector", _no_pack("sector", sector, _endings(names, SECTOR))
    if country is not None and country_pack(country, names) is None:
        codes = [ending.upper() for ending in _endings(names, COUNTRY)]
        return "country", _no_pack("country", country, codes)
    return None


def unknown_sector(sector: str | None) -> str | None:
    """Return a note about a sector without a pack, with the nearest sector; None if it has one."""
    names = pack_files()
    sectors = _endings(names, SECTOR)
    if sector is None or not sectors or sector_pack(sector, names) is not None:
        return None
    return _no_pack("sector", sector, sectors)


def _endings(names: Iterable[str], prefix: str) -> list[str]:
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _no_pack(what: str, name: str, known: Iterable[str]) -> str:
    return f"no pack is for the {what} {name!r}{did_you_mean(name, known)}"

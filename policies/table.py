"""The packs there are. A new pack is one file in `packs/` and one line here.

The name says when a pack applies: `sector-<sector>` and `country-<two letters>` lay themselves over
the configured packs of a system of that sector or country; any other is named in `policies.packs`.

Packs of other distributions come by entry points of the group `pantau.packs`, whose object is a
`pathlib.Path` (or any importlib.resources `Traversable`) of the YAML file.
"""

from __future__ import annotations

PACKS: dict[str, str] = {
    "asean-guide": "asean-guide.yaml",
    "country-bn": "country-bn.yaml",
    "country-id": "country-id.yaml",
    "country-kh": "country-kh.yaml",
    "country-la": "country-la.yaml",
    "country-mm": "country-mm.yaml",
    "country-my": "country-my.yaml",
    "country-ph": "country-ph.yaml",
    "country-sg": "country-sg.yaml",
    "country-th": "country-th.yaml",
    "country-tl": "country-tl.yaml",
    "country-vn": "country-vn.yaml",
    "generative-ai": "generative-ai.yaml",
    "sector-financial-services": "sector-financial-services.yaml",
    "sector-healthcare": "sector-healthcare.yaml",
    "sector-manufacturing": "sector-manufacturing.yaml",
    "sector-platforms": "sector-platforms.yaml",
    "sector-public-services": "sector-public-services.yaml",
    "sustainability": "sustainability.yaml",
    "vendor-oversight": "vendor-oversight.yaml",
}
"""Pack name (its `id`) -> file in `policies/packs/`."""

SECTOR_ALIASES: dict[str, str] = {
    "finance": "financial-services",
    "banking": "financial-services",
    "insurance": "financial-services",
    "health": "healthcare",
    "government": "public-services",
    "public-sector": "public-services",
    "smart-city": "public-services",
    "smart-cities": "public-services",
    "public-services-and-smart-cities": "public-services",
    "industry": "manufacturing",
    "logistics": "manufacturing",
    "supply-chain": "manufacturing",
    "manufacturing-and-supply-chain": "manufacturing",
    "e-commerce": "platforms",
    "ecommerce": "platforms",
    "marketplace": "platforms",
    "platforms-and-e-commerce": "platforms",
}
"""Other words for a sector, in lower case with dashes -> the sector in the pack's name."""

ENTRY_POINT_GROUP = "pantau.packs"

"""The packs there are. A new pack is one file in `packs/` and one line here.

Packs of other distributions come by entry points of the group `pantau.packs`, whose object is a
`pathlib.Path` (or any importlib.resources `Traversable`) of the YAML file.
"""

from __future__ import annotations

PACKS: dict[str, str] = {
    "asean-guide": "asean-guide.yaml",
}
"""Pack name (its `id`) -> file in `policies/packs/`."""

ENTRY_POINT_GROUP = "pantau.packs"

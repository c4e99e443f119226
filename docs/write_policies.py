"""Write what is generated about packs: tables in `policies.md` and `asean.md`, and the schema."""

from __future__ import annotations

import json
from pathlib import Path

from policies.frameworks import frameworks
from policies.load import load_pack
from policies.model import PRINCIPLES
from policies.pack_schema import json_schema
from policies.pages import (
    countries_markdown,
    frameworks_markdown,
    overlay_markdown,
    questions_markdown,
    watched_markdown,
)
from policies.show import rules_markdown
from policies.table import PACKS

DOCS = Path(__file__).parent


def blocks() -> dict[str, str]:
    """Return every generated block by the name in its begin and end comments."""
    packs = [load_pack(name) for name in PACKS]
    base = load_pack("asean-guide")
    overlays = [pack for pack in packs if pack.kind in ("sector", "topic")]
    countries = [pack for pack in packs if pack.kind == "country"]
    return {
        "rules": rules_markdown(base),
        "overlays": "\n".join(overlay_markdown(pack) for pack in overlays),
        "countries": countries_markdown(countries),
        "frameworks": frameworks_markdown(frameworks().values()),
        "questions": questions_markdown(base),
        **{f"watched {p}": watched_markdown(packs, p) for p in PRINCIPLES},
    }


def filled(page: str) -> str:
    """Return a page of this folder with its generated blocks as they should be."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for name, block in blocks().items():
        begin = f"<!-- begin {name}: written by docs/write_policies.py -->\n"
        end = f"<!-- end {name} -->\n"
        if begin in text:
            before, rest = text.split(begin)
            text = f"{before}{begin}\n{block}\n{end}{rest.split(end)[1]}"
    return text


def generated() -> dict[str, str]:
    """Return the generated files: name -> text."""
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    return {
        "policies.md": filled("policies.md"),
        "asean.md": filled("asean.md"),
        "pantau-pack.schema.json": schema + "\n",
    }


if __name__ == "__main__":
    for name, text in generated().items():
        (DOCS / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")

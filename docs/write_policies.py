"""Write what is generated about packs: the tables in `policies.md`, and the schema of the files."""

from __future__ import annotations

import json
from pathlib import Path

from policies.load import load_pack
from policies.pack_schema import json_schema
from policies.show import rules_markdown

PAGE = Path(__file__).parent / "policies.md"
BEGIN = "<!-- begin rules: written by docs/write_policies.py -->\n"
END = "<!-- end rules -->\n"


def page() -> str:
    """Return the page with its tables as they should be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{rules_markdown(load_pack('asean-guide'))}\n{END}{after}"


def generated() -> dict[str, str]:
    """Return the generated files: name -> text."""
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    return {"policies.md": page(), "pantau-pack.schema.json": schema + "\n"}


if __name__ == "__main__":
    for name, text in generated().items():
        (PAGE.parent / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")

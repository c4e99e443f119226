"""Write the rule tables in `policies.md` from the packs themselves."""

from __future__ import annotations

from pathlib import Path

from policies.load import load_pack
from policies.show import rules_markdown

PAGE = Path(__file__).parent / "policies.md"
BEGIN = "<!-- begin rules: written by docs/write_policies.py -->\n"
END = "<!-- end rules -->\n"


def page() -> str:
    """Return the page with its tables as they should be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    return f"{before}{BEGIN}\n{rules_markdown(load_pack('asean-guide'))}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("wrote docs/policies.md")

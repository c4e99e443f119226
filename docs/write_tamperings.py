"""Write the table of `audit.md` that says which tampering gives which finding."""

from __future__ import annotations

from pathlib import Path

from tests.support import tampering_epochs
from tests.support.tampering import GIVEN, table

PAGE = Path(__file__).parent / "audit.md"
BEGIN = "<!-- begin tamperings: written by docs/write_tamperings.py -->\n"
END = "<!-- end tamperings -->\n"


def page() -> str:
    """Return the page with its table as it should be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    lines = ["| What was done | The auditor has | Findings |", "|---|---|---|"]
    for line in [*table(), *tampering_epochs.table()]:
        codes = ", ".join(f"`{code}`" for code in sorted(line.codes))
        lines.append(f"| {line.what} | {GIVEN[line.given]} | {codes} |")
    body = "\n".join(lines)
    return f"{before}{BEGIN}\n{body}\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("wrote docs/audit.md")

"""Write the program into `verify-without-us.md`: the page shows the file that the tests run."""

from __future__ import annotations

from pathlib import Path

PAGE = Path(__file__).parent / "verify-without-us.md"
PROGRAM = Path(__file__).parents[1] / "tests" / "verifiers" / "verify" / "main.go"
BEGIN = "<!-- begin program: written by docs/write_verify_without_us.py -->\n"
END = "<!-- end program -->\n"


def page() -> str:
    """Return the page with the program as it should be."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    after = rest.split(END)[1]
    program = PROGRAM.read_text(encoding="utf-8")
    return f"{before}{BEGIN}\n```go\n{program}```\n\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print("wrote docs/verify-without-us.md")

"""Makes `docs/demo.svg`, the README's picture, from a real run: `python docs/record_demo.py`."""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from rich.console import Console

from agent.demo import main

PICTURE = Path(__file__).with_name("demo.svg")


def record() -> str:
    """Run the demo in a temporary folder and return what it prints as SVG."""
    console = Console(record=True, width=118, file=io.StringIO(), color_system="truecolor")
    with tempfile.TemporaryDirectory(prefix="pantau-picture-") as folder:
        main(Path(folder) / "pantau-demo", console=console, shown_as="pantau-demo")
    picture = console.export_svg(title="pantau demo")
    # A picture in a README must not fetch fonts from elsewhere; the reader's own will do.
    return re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)


if __name__ == "__main__":
    PICTURE.write_text(record(), encoding="utf-8")

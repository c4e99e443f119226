"""Write the files of this folder that are generated from the configuration's classes."""

from __future__ import annotations

import json
from pathlib import Path

from agent.config.reference_page import reference_page
from agent.config.schema import json_schema


def generated() -> dict[str, str]:
    """Return the generated files: name -> text."""
    schema = json.dumps(json_schema(), indent=2, ensure_ascii=False)
    return {"pantau.schema.json": schema + "\n", "configuration.md": reference_page()}


if __name__ == "__main__":
    for name, text in generated().items():
        (Path(__file__).parent / name).write_text(text, encoding="utf-8")
        print(f"wrote docs/{name}")

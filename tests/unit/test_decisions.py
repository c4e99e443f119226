"""Decision records have one number each, and what refers to one by its file finds it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RECORDS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def test_no_two_decisions_share_a_number_and_titles_repeat_it() -> None:
    numbers = [int(path.name[:4]) for path in RECORDS]
    assert [n for n, times in Counter(numbers).items() if times > 1] == []
    titles = [path.read_text(encoding="utf-8").split()[1].rstrip(".") for path in RECORDS]
    assert [int(title) for title in titles] == numbers


def test_every_mention_of_a_decision_is_of_one_that_exists() -> None:
    names = {path.name for path in RECORDS}
    tops = ("docs", "agent", "collectors", "exporters", "policies")
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    pages += [p for top in tops for p in (ROOT / top).rglob("*") if p.suffix in (".md", ".py")]
    mentions = [
        (path.name, found)
        for path in pages
        for found in re.findall(r"adr/(\d{4}-[\w-]+\.md)", path.read_text(encoding="utf-8"))
    ]
    assert mentions
    assert [m for m in mentions if m[1] not in names] == []

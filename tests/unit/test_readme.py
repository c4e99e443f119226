"""What the documentation says is what the repository holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def test_the_configuration_in_the_readme_is_the_example() -> None:
    readme = (ROOT / "README.md").read_text()
    block = re.search(r"<!-- config: begin .*?-->\n```yaml\n(.*?)```", readme, re.DOTALL)
    assert block is not None
    assert block[1] == (ROOT / "examples/kafka/pantau.yaml").read_text()


def links(page: Path) -> list[Path]:
    """Return the files and folders of the repository that a page links to."""
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)", prose)
    return [(page.parent / target).resolve() for target in targets if "://" not in target]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    assert [target for target in links(page) if not target.exists()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    """By links from page to page; a link to a folder leads to the pages in it."""
    reached, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page not in reached:
            reached.add(page)
            for target in links(page):
                found = sorted(target.glob("*.md")) if target.is_dir() else [target]
                waiting += [one for one in found if one.suffix == ".md"]
    assert len(PAGES) > 40
    assert [str(p.relative_to(ROOT)) for p in PAGES if p not in reached] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_every_make_target_in_the_docs_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named <= targets


def test_every_file_that_contributing_names_exists() -> None:
    named = re.findall(
        r"`([\w/]+\.(?:py|yaml|toml|md|lock))`", (ROOT / "CONTRIBUTING.md").read_text()
    )
    assert "agent/signals/table.py" in named
    assert [name for name in named if not (ROOT / name).exists()] == []

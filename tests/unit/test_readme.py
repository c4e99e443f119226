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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\(([^)#\s]+)", prose)
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


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

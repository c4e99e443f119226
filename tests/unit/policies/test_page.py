"""`docs/policies.md` says what the code does."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from policies.load import load_pack
from policies.pack import Crosswalk, Limit, Pack, RuleSpec, Source

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "policies.md").read_text(encoding="utf-8")


def test_the_rule_tables_are_those_of_the_pack() -> None:
    page = runpy.run_path(str(DOCS / "write_policies.py"))["page"]()
    assert page == PAGE, "run `python docs/write_policies.py`"


def test_each_rule_has_its_row() -> None:
    for rule in load_pack("asean-guide").rules:
        assert f"| `{rule.id}` {rule.title} | `{rule.signal}`" in PAGE


@pytest.mark.parametrize("model", [Pack, RuleSpec, Limit, Source, Crosswalk])
def test_each_field_is_explained(model: type[Pack]) -> None:
    for field in model.model_fields:
        assert re.search(rf"`{field}(\[\])?`|`\{{({field},.*|.*, {field})\}}`", PAGE), field


def test_the_page_does_not_pass_our_numbers_off_as_aseans() -> None:
    assert "Numbers are not ASEAN's" in PAGE

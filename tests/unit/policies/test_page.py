"""`docs/policies.md` says what the code does."""

from __future__ import annotations

import json
import re
import runpy
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest
import yaml

from policies.load import load_pack
from policies.pack import Crosswalk, Limit, Pack, RuleSpec, Source
from policies.table import PACKS

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "policies.md").read_text(encoding="utf-8")


def test_what_is_generated_is_up_to_date() -> None:
    for name, text in runpy.run_path(str(DOCS / "write_policies.py"))["generated"]().items():
        written = (DOCS / name).read_text(encoding="utf-8")
        assert text == written, f"{name}: run `python docs/write_policies.py`"


@pytest.mark.parametrize("name", sorted(PACKS))
def test_shipped_packs_keep_the_published_schema(name: str) -> None:
    schema = json.loads((DOCS / "pantau-pack.schema.json").read_text(encoding="utf-8"))
    text = (files("policies") / "packs" / PACKS[name]).read_text(encoding="utf-8")
    # Dates are texts in JSON.
    document = json.loads(json.dumps(yaml.safe_load(text), default=str))
    jsonschema.Draft202012Validator(schema).validate(document)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({**document, "rulez": []})


def test_each_rule_has_its_row() -> None:
    for rule in load_pack("asean-guide").rules:
        assert f"| `{rule.id}` {rule.title} | `{rule.signal}`" in PAGE


@pytest.mark.parametrize("model", [Pack, RuleSpec, Limit, Source, Crosswalk])
def test_each_field_is_explained(model: type[Pack]) -> None:
    for field in model.model_fields:
        assert re.search(rf"`{field}(\[\])?`|`\{{({field},.*|.*, {field})\}}`", PAGE), field


def test_the_page_does_not_pass_our_numbers_off_as_aseans() -> None:
    assert "Numbers are not ASEAN's" in PAGE

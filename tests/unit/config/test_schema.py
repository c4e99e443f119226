"""What is published about the configuration is generated from it."""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import BaseModel

from agent.config.components import names, options_model
from agent.config.fields import known_keys
from agent.config.model import Config
from agent.config.schema import json_schema
from agent.config.system import System

DOCS = Path(__file__).parents[3] / "docs"
AS_IN_THE_CONTRACT = """
systems:
  - id: loan-approval
    owner: credit-risk@bank.example
    country: MY
    sector: financial-services
    risk: {probability: medium, severity: high}
    oversight: human_in_the_loop
    task: classification
    event:
      id: application_id
      time: {start: "2026-01-01T00:00:00Z", every: 1m}
      prediction: approve
    label_observed: favourable_only
    favourable: 1
    features: {income: numeric, purpose: {path: f.purpose, type: categorical}}
    audit_attributes:
      gender:
        privileged: male
        lawful_basis: legitimate-interest
        purpose: bias-monitoring
        dpia_ref: DPIA-7
        expires: "2027-12-31"
    reference: {path: ref.json}
    windows: [1h, 1d]
collectors:
  - type: kafka
    brokers: ["127.0.0.1:9092"]
    topic: predictions
    group: pantau
    decoder: json
    system: loan-approval
policies: {packs: [asean-guide]}
alerts: {route: agent}
exporters:
  - {type: prometheus}
  - {type: audit, path: ./audit}
  - {type: alertmanager, url: "http://127.0.0.1:9093"}
"""


def generated() -> dict[str, str]:
    files: dict[str, str] = runpy.run_path(str(DOCS / "write_configuration.py"))["generated"]()
    return files


@pytest.mark.parametrize("name", ["pantau.schema.json", "configuration.md"])
def test_the_published_files_are_what_the_program_says(name: str) -> None:
    published = (DOCS / name).read_text(encoding="utf-8")
    assert published == generated()[name], f"run `python docs/write_configuration.py` for {name}"


def models() -> Iterator[type[BaseModel]]:
    yield Config
    seen: set[type[BaseModel]] = set()
    waiting: list[Any] = [Config]
    for family in ("collectors", "exporters"):
        waiting += [options_model(family, name) for name in names(family)]
    while waiting:
        model = waiting.pop()
        if model in seen:
            continue
        seen.add(model)
        yield model
        for field in model.model_fields.values():
            text = re.findall(r"[\w.]+", str(field.annotation))
            waiting += [m for m in BaseModel.__subclasses__() if m.__name__ in text]


def test_every_key_is_in_the_reference() -> None:
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    for model in models():
        for key in known_keys(model):
            assert f"| `{key}` |" in page, f"{model.__name__}.{key}"


def test_every_key_says_what_it_means() -> None:
    sections = re.split(
        r"^## ", (DOCS / "configuration.md").read_text(encoding="utf-8"), flags=re.M
    )
    page = "\n".join(part for part in sections if not part.startswith("`exporters[]"))
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    silent = [row for row in rows if row.endswith("|  |")]
    assert silent == []


def test_the_contracts_example_is_valid() -> None:
    document = yaml.safe_load(AS_IN_THE_CONTRACT)
    jsonschema.Draft202012Validator.check_schema(json_schema())
    jsonschema.validate(document, json_schema())
    config = Config.model_validate(document)
    assert config.systems[0].id == "loan-approval"
    assert [type(options).__name__ for options in config.exporters] == [
        "PrometheusOptions",
        "AuditOptions",
        "AlertmanagerOptions",
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"stoer": {}},
        {"systems": []},
        {"systems": [{}]},
        {"systems": [{"id": "a", "windows": ["2h"]}]},
        {"systems": [{"id": "a", "time": {"lateness": 600}}]},
        {"systems": [{"id": "a", "min_group_n": 0}]},
        {"systems": [{"id": "a", "features": {"x": "number"}}]},
        {"systems": [{"id": "a", "audit_attributes": {"x": {"privileged": "m"}}}]},
        {"exporters": [{"type": "prometeus"}]},
        {"exporters": [{}]},
        {"alerts": {"route": "both"}},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(change: dict[str, Any]) -> None:
    document = {**yaml.safe_load(AS_IN_THE_CONTRACT), **change}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json_schema())
    with pytest.raises(ValueError, match="validation error"):
        Config.model_validate(document)


def test_the_schema_takes_the_defaults_as_they_are_written() -> None:
    validator = jsonschema.Draft202012Validator(json_schema())
    defaults = Config(systems=(System(id="a"),)).model_dump(mode="json", exclude_none=True)
    assert list(validator.iter_errors(defaults)) == []


def test_the_schema_is_plain_json() -> None:
    assert json.loads(json.dumps(json_schema())) == json_schema()

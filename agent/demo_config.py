"""The configuration that `pantau demo` runs with, written out so that it can be read and reused."""

from __future__ import annotations

from pathlib import Path

from agent.demo_data import CATEGORICAL, NUMERIC

_TEXT = """\
# The configuration of `pantau demo`. Every key: docs/configuration.md
systems:
  - id: boston-mortgages
    owner: credit-risk@bank.example
    country: US
    sector: financial-services
    risk: {{probability: medium, severity: high}}
    oversight: human_in_the_loop
    versions: [desk-1990]
    event: {{id: application_id, time: decided_at, prediction: approve, model_version: version}}
    task: classification
    favourable: 1
    features:
{features}
    audit_attributes:
      race:
        privileged: white
        groups: [white, black, hispanic]
        lawful_basis: public-research-data
        purpose: bias-monitoring
        dpia_ref: DEMO-1
        expires: 2099-12-31
    reference: {{path: ref.json}}
    windows: [12h, 1d]
collectors:
  - {{type: file, path: decisions.csv, speed: {speed}, system: boston-mortgages}}
policies: {{packs: [asean-guide]}}
store: {{path: state}}
evidence: {{enabled: true, path: evidence, attributes: true}}
exporters:
  - {{type: prometheus, host: 127.0.0.1, port: {port}}}
  - {{type: audit, path: audit}}
"""


def write_config(path: Path, *, speed: int, port: int) -> None:
    """Write the demo's `pantau.yaml`."""
    kinds = dict.fromkeys(NUMERIC, "numeric") | dict.fromkeys(CATEGORICAL, "categorical")
    features = "\n".join(f"      {name}: {kind}" for name, kind in kinds.items())
    path.write_text(_TEXT.format(features=features, speed=speed, port=port), encoding="utf-8")

"""`pantau check`: is the configuration right, what would run, does everything answer?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli import exits
from agent.cli.options import ConfigFile, Output, OutputForm

if TYPE_CHECKING:
    from agent.cli.check_connections import Connection
    from agent.config.model import Config


def check(config: ConfigFile, output: OutputForm = Output.table) -> int:
    """Validate the configuration, print what would run, and test every connection.

    Exit codes: 0 fine, 2 the configuration is wrong, 3 a connection failed.
    """
    from agent.config.load import load, require_collector
    from agent.config.told import digest

    loaded = load(config)
    from agent.opening import require_references

    # As `pantau run` does, also where nothing comes yet that could be compared.
    require_references(loaded)
    from agent.cli.check_connections import probe_collectors, probe_exporters
    from agent.cli.check_kept import log_kept
    from agent.cli.check_text import print_text
    from agent.cli.output import print_json

    connections = probe_collectors(loaded) + probe_exporters(loaded)
    documents = [
        {
            "kind": "configuration",
            "path": str(config),
            "digest": digest(loaded),
            "audit_log_kept": log_kept(loaded),
        },
        *(connection.document() for connection in connections),
        *_systems(loaded, connections),
    ]
    if output is Output.json:
        for document in documents:
            print_json(document)
    else:
        print_text(documents)
    # After what there is to see: for a backtest such a configuration is whole.
    require_collector(loaded, config)
    failed = any(not connection.ok for connection in connections)
    return exits.RUNTIME if failed else exits.FINE


def _systems(config: Config, connections: list[Connection]) -> list[dict[str, object]]:
    """Return what would run for each system: itself, its rules, what is missing."""
    from agent.cli.check_gaps import gaps
    from agent.cli.check_plan import plan_documents, planned
    from agent.cli.check_sample import sample_system

    documents = []
    for system in config.systems:
        sample = sample_system(config, system, connections)
        plan = planned(config, system, sample)
        documents += plan_documents(plan)
        for text in gaps(config, plan):
            documents.append({"kind": "note", "system": system.id, "text": text})
    return documents

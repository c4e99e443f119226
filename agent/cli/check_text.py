"""The outcome of a check, for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from agent.cli.output import print_table

Document = Mapping[str, Any]


def print_text(documents: Sequence[Document]) -> None:
    """Print the documents of a check: configuration, systems with their rules, connections."""
    for document in documents:
        if document["kind"] == "configuration":
            print(f"{document['path']} is valid ({document['digest']})")
            kept = document["audit_log_kept"]
            because = f": {kept['because']}" if kept["because"] else ""
            print(f"The audit log is kept for {kept['for']}{because}")
    for document in documents:
        if document["kind"] == "system":
            print()
            _print_system(document)
            mine = [d for d in documents if d.get("system") == document["system"]]
            _print_rules([d for d in mine if d["kind"] == "rule"])
            for note in (d for d in mine if d["kind"] == "note"):
                print(f"  note: {note['text']}")
    print()
    for document in documents:
        if document["kind"] in ("collector", "exporter"):
            state = "ok" if document["ok"] else "FAILED"
            print(f"{document['kind']} {document['name']}: {state}: {document['detail']}")


def _print_system(system: Document) -> None:
    risk, reference = system["risk"], system["reference"]
    print(f"System {system['system']}")
    _line("owner", system["owner"] or "-")
    axes = f"probability {risk['probability']}, severity {risk['severity']}"
    _line("risk", f"{axes}: tier {risk['tier']}")
    _line("oversight", f"{system['oversight']}, maturity {system['maturity']}")
    if system["event"] is not None:
        _line("task", system["task"])
        _line("event", ", ".join(f"{name} = {path}" for name, path in system["event"].items()))
        _line("features", _pairs(system["features"]))
    _line("audit", ", ".join([*system["audit_attributes"], *system["intersections"]]) or "-")
    for text in system["inferred"]:
        _line("inferred", text)
    _line("windows", ", ".join(system["windows"]) + f"; groups at {system['fairness_window']}")
    _line("time", _pairs(system["time"]))
    _line("reference", f"{reference['rows']} rows, {reference['digest']}" if reference else "-")
    chosen = ", ".join(f"{one['pack']} ({one['why']})" for one in system["chosen"])
    _line("policy", f"{chosen}; {system['policy']['digest']}")
    if system["events_per_hour"] is not None:
        source = system["events_per_hour_from"]
        _line("expected", f"{system['events_per_hour']:g} events an hour (from the {source})")


def _print_rules(rules: Sequence[Document]) -> None:
    rows = []
    for rule in rules:
        limit = rule["threshold"]
        window = rule["smallest_window"]
        because = f" ({rule['because']})" if rule["because"] else ""
        rows.append(
            [
                rule["rule"],
                rule["principle"],
                rule["signal"],
                f"{limit['op']} {limit['warn']:g}",
                "never" if limit["breach"] is None else f"{limit['op']} {limit['breach']:g}",
                rule["needs"],
                f"{window}{because}",
            ]
        )
    headings = ("RULE", "PRINCIPLE", "SIGNAL", "WARN", "BREACH", "NEEDS", "SMALLEST WINDOW")
    if rows:
        print_table(headings, rows, indent=2)


def _line(name: str, text: str) -> None:
    print(f"  {name:<10}{text}")


def _pairs(mapping: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in mapping.items()) or "-"

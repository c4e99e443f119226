"""`pantau report evidence`: the samples and reports that are kept as evidence of breaches."""

from __future__ import annotations

from typing import Annotated

import typer

from agent.cli.options import ConfigFile, Output, OutputForm, SystemId

Wanted = Annotated[
    str | None,
    typer.Argument(
        metavar="DIGEST",
        help="Only what a verdict names as `evidence`; its beginning is enough.",
        show_default=False,
    ),
]


def report_evidence(
    config: ConfigFile,
    digest: Wanted = None,
    output: OutputForm = Output.table,
    system: SystemId = None,
) -> int:
    """List what is kept as evidence, and where its Evidently report is to be opened.

    Exit code 3 if DIGEST is given and there is no such evidence (any more).
    """
    import sys

    from agent.cli import exits
    from agent.cli.output import print_json, print_table
    from agent.config.load import load
    from agent.evidence.folder import Entry, Folder, evidence_folder
    from policies.model import rfc3339

    loaded = load(config)
    folder = Folder(evidence_folder(loaded))
    asked = (digest or "").removeprefix("sha256:")

    def describe(entry: Entry) -> dict[str, object]:
        report = folder.report(entry.digest)
        failure = folder.failure(entry.digest)
        state = "made" if report else failure.why if failure else "waiting"
        return {
            "evidence": entry.digest,
            "system": entry.system,
            "window": {
                "start": rfc3339(entry.window.start),
                "end": rfc3339(entry.window.end),
                "length": entry.window.length,
            },
            "rules": list(entry.rules),
            "report": state,
            "html": str(folder.place(entry.digest) / "report.html") if report else None,
            "json": str(folder.place(entry.digest) / "report.json") if report else None,
            "digests": report,
        }

    found = [
        describe(entry)
        for entry in folder.entries()
        if entry.rules
        and system in (None, entry.system)
        and entry.digest.removeprefix("sha256:").startswith(asked)
    ]
    if output is Output.json:
        for one in found:
            print_json(one)
    elif found:
        rows = [_row(one) for one in found]
        print_table(("EVIDENCE", "SYSTEM", "WINDOW", "RULES", "REPORT"), rows)
    if not found:
        print(f"{folder.path}: no evidence{' of that digest' * bool(asked)}", file=sys.stderr)
        if not loaded.evidence.enabled:
            print("none is kept: set `evidence: {enabled: true}`", file=sys.stderr)
        return exits.RUNTIME if asked else exits.FINE
    return exits.FINE


def _row(one: dict[str, object]) -> list[str]:
    window, rules = one["window"], one["rules"]
    assert isinstance(window, dict)  # noqa: S101 - made above
    assert isinstance(rules, list)  # noqa: S101
    return [
        str(one["evidence"])[7:19],
        str(one["system"]),
        f"{window['length']} to {window['end']}",
        ", ".join(rules),
        str(one["html"] or one["report"]),
    ]

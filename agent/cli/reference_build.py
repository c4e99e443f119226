"""`pantau reference build`: a profile of past events, pinned by its digest."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigFile, Output, OutputForm, SystemId

if TYPE_CHECKING:
    from agent.reference.profile import Reference

InputFile = Annotated[
    Path,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Past events: .csv, .jsonl or .ndjson, each also .gz.",
    ),
]
OutFile = Annotated[
    Path, typer.Option("--out", "-o", metavar="FILE", help="Where to write the profile.")
]
SampleSize = Annotated[
    int | None,
    typer.Option(
        "--sample",
        metavar="N",
        min=1,
        max=20_000,
        help="Also keep N events beside the profile (FILE.sample), for reports of evidence.",
        show_default=False,
    ),
]


def reference_build(
    config: ConfigFile,
    input: InputFile,
    out: OutFile,
    output: OutputForm = Output.table,
    system: SystemId = None,
    sample: SampleSize = None,
) -> int:
    """Build the profile that a stream is compared with, from past events.

    The same events give the same profile, whatever their order; its digest pins it.
    """
    from agent.cli.progress import progress
    from agent.cli.systems import choose_system
    from agent.config.intersections import attribute_names
    from agent.config.load import load
    from agent.config.resolve import event_schema, favourable_texts
    from agent.opening import baseline_of
    from agent.reference.from_file import Reading, build_from_file
    from agent.reference.load import save

    loaded = load(config)
    chosen = choose_system(loaded, system)
    with progress("records") as advance:
        reading = Reading(advance)
        reference = build_from_file(
            input,
            event_schema(chosen),
            favourable=favourable_texts(chosen.favourable),
            attributes=attribute_names(chosen.audit_attributes, chosen.intersections),
            k_display=chosen.k_display,
            baseline=baseline_of(chosen),
            reading=reading,
        )
    for note in reading.notes:
        print(f"note: {note}", file=sys.stderr)
    save(reference, out)
    if sample is not None:
        from agent.evidence.compare import SUFFIX
        from agent.evidence.from_file import sample_of_file, write_sample

        attributes = loaded.evidence.attributes
        body = sample_of_file(input, event_schema(chosen), sample, attributes=attributes)
        write_sample(out.with_name(out.name + SUFFIX), body)
    _print(reference, reading.rejected, out, output)
    return 0


def _print(reference: Reference, rejected: Counter[str], out: Path, output: Output) -> None:
    from agent.cli.output import print_json, print_table
    from agent.reference.profile import NumericProfile
    from policies.model import rfc3339

    summary = {
        "path": str(out),
        "digest": reference.digest,
        "rows": reference.rows,
        "duplicates": reference.duplicates,
        "rejected": dict(sorted(rejected.items())),
        "start": rfc3339(reference.data_start),
        "end": rfc3339(reference.data_end),
        "features": {
            name: "numeric" if isinstance(profile, NumericProfile) else "categorical"
            for name, profile in reference.features.items()
        },
        "groups": {
            attribute: {group: counts.n for group, counts in groups.items()}
            for attribute, groups in reference.groups.items()
        },
    }
    if output is Output.json:
        print_json(summary)
        return
    print(f"wrote {out}")
    print(f"digest    {reference.digest}")
    print(f"rows      {reference.rows}, from {summary['start']} to {summary['end']}")
    print(f"left out  {reference.duplicates} repeated, {rejected.total()} rejected")
    for reason, amount in sorted(rejected.items()):
        print(f"          {reason} {amount}")
    rows = [
        [name, "numeric" if isinstance(p, NumericProfile) else "categorical", str(p.n)]
        for name, p in reference.features.items()
    ]
    print_table(("FEATURE", "KIND", "VALUES"), rows)

"""`pantau reference build`: a profile of past events, pinned by its digest."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli.options import ConfigFile, Output, OutputForm, SystemId

if TYPE_CHECKING:
    from agent.reference.profile import Reference
    from collectors.base import Item
    from collectors.batch import EventBatch

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


def reference_build(
    config: ConfigFile,
    input: InputFile,
    out: OutFile,
    output: OutputForm = Output.table,
    system: SystemId = None,
) -> int:
    """Build the profile that a stream is compared with, from past events.

    The same events give the same profile, whatever their order; its digest pins it.
    """
    from agent.cli.progress import progress
    from agent.cli.systems import choose_system
    from agent.config.load import load
    from agent.config.resolve import event_schema, favourable_texts
    from agent.reference.build import BuildError, build
    from agent.reference.load import save
    from collectors.base import SchemaResolved
    from collectors.file import read_batches

    chosen = choose_system(load(config), system)
    schema = event_schema(chosen)
    items = read_batches(input, schema, _ID_KEY)
    rejected: Counter[str] = Counter()
    with progress("records") as advance:
        for first in islice(items, 1):
            items = chain([first], items)
            if isinstance(first, SchemaResolved):
                schema = first.schema
                for note in first.notes:
                    print(f"note: {note}", file=sys.stderr)
        try:
            reference = build(
                _batches(items, rejected, advance),
                schema,
                favourable=favourable_texts(chosen.favourable),
                k_display=chosen.k_display,
            )
        except BuildError as error:
            reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(rejected.items()))
            raise BuildError(f"{input}: {error} (rejected: {reasons or 'none'})") from None
    save(reference, out)
    _print(reference, rejected, out, output)
    return 0


_ID_KEY = b"pantau reference"
"""Key of the id hashes: fixed, since they never leave the memory of one run."""


def _batches(
    items: Iterator[Item], rejected: Counter[str], advance: Callable[[int], None]
) -> Iterator[EventBatch]:
    """Give the batches; count what was rejected; raise `CollectorError` if reading fails."""
    from collectors.base import CollectorError, EndOfInput
    from collectors.batch import EventBatch

    for item in items:
        if isinstance(item, EventBatch):
            rejected.update(one.reason for one in item.rejected)
            advance(item.n + len(item.rejected))
            yield item
        elif isinstance(item, EndOfInput) and item.error is not None:
            raise CollectorError(item.error)


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

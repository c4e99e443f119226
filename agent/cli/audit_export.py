"""`pantau audit export`: records for tables, notebooks and security systems."""

from __future__ import annotations

import enum
import sys
import time
from typing import Annotated

import typer

from agent.cli.audit_options import OWN_WORD, RECORDED, Keys, LogFolder, Out, led_astray


class Form(enum.StrEnum):
    """In which form records are written."""

    jsonl = "jsonl"
    csv = "csv"
    parquet = "parquet"
    ocsf = "ocsf"


FormOption = Annotated[Form, typer.Option("--format", help="In which form.")]


def audit_export(log: LogFolder, form: FormOption, output: Out, key: Keys = None) -> int:
    """Write every record with its origin, index and leaf hash, once the log has been checked.

    Its signatures, trees and the form of its records are checked; without --key by the keys that
    earlier pulls kept of it, or else those that the log names itself.  The other checks are those
    of `pantau audit verify`.

    On the agent's machine the export is recorded in the log (`export.made`); from a copy it cannot
    be.  Exit codes: 0 written, 3 the log is damaged, is not signed by its key, or cannot be read.
    """
    from agent.cli.progress import progress
    from exporters.audit import place, requests
    from exporters.audit.read.evidence import read_key, trusted
    from exporters.audit.read.export import export, record_of
    from exporters.audit.read.forms import FORMS

    keys = trusted(tuple(map(read_key, key or ())), log)
    try:
        with progress("records") as advance:
            made = export(log, output, FORMS[form.value], advance, keys)
    except ImportError as error:
        raise typer.BadParameter(
            "parquet needs pyarrow: pip install 'pantau[parquet]'", param_hint="--format"
        ) from error
    print(f"wrote {made.records} records to {output} ({made.digest})", file=sys.stderr)
    if not keys:
        print(OWN_WORD, file=sys.stderr)
    at = place.find(log)
    if place.is_state(at.state):
        requests.ask(at.state, "export.made", time.time(), record_of(made, form.value))
        print(RECORDED, file=sys.stderr)
    else:
        print(f"not recorded in the log: {led_astray(log) or 'this is a copy'}", file=sys.stderr)
    return 0

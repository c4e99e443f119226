"""`pantau audit prove` and `verify-proof`: one record's evidence in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from agent.cli.audit_options import Keys, LogFolder, Out

Seq = Annotated[int, typer.Option("--seq", metavar="N", min=0, help="The record's number.")]
Record = Annotated[
    Path | None, typer.Option("--record", metavar="FILE", help="Also write the record itself.")
]
ProofFile = Annotated[Path, typer.Argument(metavar="FILE", help="The proof.", show_default=False)]
RecordFile = Annotated[
    Path, typer.Argument(metavar="RECORD", help="The record, byte for byte.", show_default=False)
]


def audit_prove(log: LogFolder, seq: Seq, output: Out, record: Record = None) -> int:
    """Write the proof that a record is in the log (C2SP tlog-proof, `.tlog-proof`).

    With the record and the log's public key it can be checked by anybody, without the log.
    """
    from exporters.audit.read.prove import prove

    proven = prove(log, seq)
    output.write_bytes(proven.file)
    if record is not None:
        record.write_bytes(proven.record)
    print(f"wrote the proof of record {seq} to {output}", file=sys.stderr)
    return 0


def audit_verify_proof(proof_file: ProofFile, record: RecordFile, key: Keys = None) -> int:
    """Verify that a record is in the log whose checkpoint is in the proof.

    Exit codes: 0 PASS, 1 FAIL, 4 UNKNOWN: the record is in the tree, but without the log's public
    key nobody says whose tree that is.
    """
    from agent.cli import exits
    from exporters.audit.read.evidence import read_key
    from exporters.audit.read.proof_check import check_proof

    checked = check_proof(
        proof_file.read_bytes(), record.read_bytes(), [read_key(text) for text in key or ()]
    )
    print(f"{checked.result}: {checked.detail}")
    return {"PASS": exits.FINE, "FAIL": exits.FINDING, "UNKNOWN": exits.UNKNOWN}[checked.result]

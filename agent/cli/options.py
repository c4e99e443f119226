"""Options that several commands share."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Annotated

import typer


class Output(enum.StrEnum):
    """How results are printed on standard output."""

    table = "table"
    json = "json"


ConfigFile = Annotated[
    Path,
    typer.Option(
        "--config", "-c", metavar="FILE", envvar="PANTAU_CONFIG", help="The configuration file."
    ),
]
OutputForm = Annotated[
    Output,
    typer.Option("--output", help="json: JSON Lines on standard output and nothing else there."),
]
SystemId = Annotated[
    str | None,
    typer.Option("--system", metavar="ID", help="Which system, if several are configured."),
]

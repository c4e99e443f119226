"""`pantau backtest`: the same computation over a file, to its end."""

from __future__ import annotations

import enum
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import exits
from agent.cli.options import ConfigFile, Output, OutputForm, SystemId

if TYPE_CHECKING:
    from agent.backtest import Result
    from agent.config.model import Config
    from agent.config.system import System
    from policies.model import Report


class FailOn(enum.StrEnum):
    """The least serious final verdict that makes the exit code 1."""

    breach = "breach"
    warn = "warn"
    not_assessable = "not_assessable"
    never = "never"


InputFile = Annotated[
    Path | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Events to read instead of the configured file: .csv, .jsonl or .ndjson, "
        "each also .gz.",
    ),
]
Revisions = Annotated[
    bool, typer.Option("--revisions", help="Print every revision, not only the last.")
]
Failing = Annotated[
    FailOn, typer.Option("--fail-on", help="Exit with 1 from this final verdict on.")
]
PolicyName = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="PACK",
        help="Judge the signals of the audit log by this pack (a name or a file) instead: what "
        "would have fired.",
    ),
]
LogFolder = Annotated[
    Path | None,
    typer.Option(
        "--log", metavar="DIR", help="With --policy: the audit log. Default: the configured one."
    ),
]


def backtest(
    config: ConfigFile,
    input: InputFile = None,
    output: OutputForm = Output.table,
    revisions: Revisions = False,
    fail_on: Failing = FailOn.breach,
    system: SystemId = None,
    policy: PolicyName = None,
    log: LogFolder = None,
) -> int:
    """Judge past events: print the final report of every window, in order.

    Exit codes: 0 fine, 1 a final verdict at or above --fail-on, 2 usage or configuration,
    3 the input could not be read or held no valid event.
    """
    from agent.cli.systems import choose_system
    from agent.config.load import load

    loaded = load(config)
    chosen = choose_system(loaded, system)
    if policy is not None:
        from agent.cli.backtest_policy import backtest_policy

        return backtest_policy(loaded, chosen, policy, log, output, fail_on.value)
    from agent.backtest import is_finding, replay
    from agent.cli.progress import progress, steps

    source = input or _configured_file(loaded, chosen, config)
    found = False

    def tell(report: Report) -> None:
        nonlocal found
        found = found or is_finding(report, fail_on.value)
        _print(report, output)

    with progress("records", shown=not sys.stdout.isatty()) as advance:
        result = replay(loaded, chosen, source, tell, revisions=revisions, progress=steps(advance))
    _print_notes(result)
    if result.errors or not result.events:
        return _complain(result, source)
    return exits.FINDING if found else exits.FINE


def _configured_file(config: Config, system: System, path: Path) -> Path:
    """Return the file of the system's one file collector; raises `ConfigError` otherwise."""
    from agent.backtest import file_collectors
    from agent.config.problems import of_file

    files = [options.path for options in file_collectors(config, system)]
    if not files:
        problem = f"has no file collector for the system {system.id}; name a file with --input"
        raise of_file(str(path), problem)
    if len(files) > 1:
        names = ", ".join(str(file) for file in files)
        problem = f"has several files for the system {system.id}; name one with --input: {names}"
        raise of_file(str(path), problem)
    return files[0]


def _print(report: Report, output: Output) -> None:
    from agent.cli.output import print_lines
    from agent.cli.report_table import report_lines
    from policies.model import encode_report

    if output is Output.json:
        print_lines([encode_report(report)])
        return
    for line in report_lines(report):
        print(line)


def _print_notes(result: Result) -> None:
    from agent.cli.rejected_text import labels_words, lost_words

    for note in (*result.notes, *lost_words(result)):
        print(f"note: {note}", file=sys.stderr)
    if words := labels_words(result.labels):
        print(f"note: labels: {words}", file=sys.stderr)
    if words := labels_words(result.reviews, "review_horizon"):
        print(f"note: human decisions: {words}", file=sys.stderr)


def _complain(result: Result, source: Path) -> int:
    from agent.cli.rejected_text import rejected_words

    for error in result.errors:
        print(f"pantau: {error}", file=sys.stderr)
    if not result.events and not result.errors:
        counts = rejected_words(result.rejected)
        why = f"rejected: {counts}" if counts else "it is empty"
        print(f"pantau: {source} holds no valid event; {why}", file=sys.stderr)
    return exits.RUNTIME

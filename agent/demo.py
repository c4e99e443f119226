"""`pantau demo`: the whole agent on real decisions, without Kafka and without a cluster."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from pathlib import Path

from rich.console import Console

from agent import demo_config, demo_data
from agent.config.load import load
from agent.config.model import Config
from agent.config.resolve import event_schema, favourable_texts
from agent.demo_view import LiveView, Watcher, principle_table, small_groups
from agent.evidence.compare import SUFFIX
from agent.evidence.folder import Folder, evidence_folder
from agent.evidence.from_file import sample_of_file, write_sample
from agent.reference.from_file import build_from_file
from agent.reference.profile import encode
from agent.run import Parts, RunError, assemble, close_store, finished, start, stop
from exporters.audit import place
from exporters.deadline import Deadline
from exporters.log import configure
from policies.model import Report, encode_report, rfc3339

FOLDER = Path("pantau-demo")
EVIDENTLY = "PANTAU_EVIDENCE__PYTHON"
SPEED = 14_000
"""Seconds of event time per second: 23 hours in about six seconds."""
_MARK = "made by `pantau demo`; it is made anew each time\n"


class DemoError(RunError):
    """The demo cannot run; the message says why and what to do."""


def main(
    folder: Path = FOLDER,
    *,
    console: Console | None = None,
    speed: int = SPEED,
    shown_as: str | None = None,
) -> int:
    """Run the demo in `folder`, which is made anew and called `shown_as`; return the exit code.

    Raises `DemoDataError` when the data is not installed, `DemoError` when the folder holds
    something else.
    """
    console = console or Console()
    _prepare(folder)
    config, rows, half = _lay_out(folder, speed)
    name = shown_as or str(folder)
    _introduce(console, name, rows, half)
    watcher = Watcher()
    with (folder / "agent.log").open("w", encoding="utf-8") as log:
        configure(stream=log)
        try:
            parts = _run(config, watcher, console, rows)
        finally:
            configure()
    reports = watcher.reports()
    _leave(folder, reports)
    _conclude(console, name, parts, reports)
    return 0


def _prepare(folder: Path) -> None:
    mark = folder / ".pantau-demo"
    if folder.exists():
        if not mark.exists():
            raise DemoError(
                f"{folder}/ exists and was not made by the demo; move it away, or run the demo in"
                " another folder"
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    mark.write_text(_MARK, encoding="utf-8")


def _lay_out(folder: Path, speed: int) -> tuple[Config, int, int]:
    """Write data, reference and configuration; return (configuration, rows, first wrong row)."""
    demo_data.write_reference(folder / "reference.csv")
    rows, half = demo_data.write_stream(folder / "decisions.csv")
    demo_config.write_config(folder / "pantau.yaml", speed=speed, port=_free_port())
    config = load(folder / "pantau.yaml", env=_renderer())
    system = config.systems[0]
    reference = build_from_file(
        folder / "reference.csv",
        event_schema(system),
        favourable=favourable_texts(system.favourable),
        k_display=system.k_display,
    )
    (folder / "ref.json").write_bytes(encode(reference))
    sample = sample_of_file(
        folder / "reference.csv",
        event_schema(system),
        config.evidence.sample,
        attributes=config.evidence.attributes,
    )
    write_sample(folder / f"ref.json{SUFFIX}", sample)
    return config, rows, half


def _renderer() -> dict[str, str]:
    """Return where Evidently is, if the environment says so; nothing else of it counts here."""
    return {name: text for name, text in os.environ.items() if name == EVIDENTLY}


def _free_port() -> int:
    """Return 9464, or any free port when something listens there already."""
    for port in (9464, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    return 0


def _introduce(console: Console, folder: str, rows: int, half: int) -> None:
    wrong = demo_data.START.timestamp() + half * 60
    console.print(
        "[bold]Pantau demo[/]: real decisions on mortgages in Boston, 1990"
        f" (Hunter and Walker 1996). The first {demo_data.REFERENCE_ROWS} are the reference,"
        f" {rows:,} are replayed at one a minute.",
        highlight=False,
    )
    console.print(
        "One thing is not real: from"
        f" [bold]{rfc3339(int(wrong))}[/] on, [bold]income comes in dollars[/] instead of thousands"
        " of dollars, as after a careless change upstream.",
        highlight=False,
    )
    console.print(f"Everything is left in [bold]{folder}/[/].\n", highlight=False)


def _run(config: Config, watcher: Watcher, console: Console, rows: int) -> Parts:
    parts = assemble(config, more=[watcher])
    try:
        with LiveView(console, watcher, rows) as view:
            start(parts)
            while not finished(parts):
                _show(view, parts)
                time.sleep(0.1)
            _show(view, parts)
            metrics = _metrics(parts)
        with console.status("Rendering reports of the breaches ..."):
            _await_evidence(parts)
        stop(parts, "end of input")
        (config.folder / "metrics.txt").write_bytes(metrics)
    finally:
        close_store(parts)
    return parts


def _show(view: LiveView, parts: Parts) -> None:
    state = parts.systems[0].state
    if state is None or state.newest is None:
        return
    read = sum(partition.next_offset for partition in list(state.partitions.values()))
    view.update(read, rfc3339(state.newest)[:16])


def _metrics(parts: Parts) -> bytes:
    """Return what Prometheus would have scraped at the end, once the last reports are out."""
    for delivery in parts.deliveries:
        delivery.wait_delivered(parts.pipeline.number, 10.0)
    exporter = next(e for e in parts.exporters if e.name == "prometheus")
    page: bytes = exporter.metrics_page()  # type: ignore[attr-defined]
    return page


def _await_evidence(parts: Parts) -> None:
    """Give the renderer time for the newest: at the stop it is killed."""
    kept = Folder(evidence_folder(parts.config))
    newest = next((entry.digest for entry in reversed(kept.entries()) if entry.rules), None)
    deadline = Deadline(parts.config.evidence.timeout)
    while newest is not None and not (kept.report(newest) or kept.failure(newest)):
        if parts.keeper is None or deadline.expired() or parts.keeper.idle(0.1):
            return


def _evidence(folder: str, config: Config) -> str:
    """Return where a report of a breach is, or loudly what is missing."""
    kept = Folder(evidence_folder(config))
    entries = [entry for entry in reversed(kept.entries()) if entry.rules]
    for entry in entries:
        if kept.report(entry.digest):
            name = entry.digest.removeprefix("sha256:")
            return (
                f"[bold]Evidence:[/] {folder}/evidence/{name}/report.html; open it in a browser."
                f" All: {_command()} report evidence -c {folder}/pantau.yaml"
            )
    whys = {failure.why for e in entries if (failure := kept.failure(e.digest)) is not None}
    if "not_installed" in whys:
        return (
            "[bold red]Evidence: NO REPORT, because Evidently is not installed here.[/] The samples"
            f" are in {folder}/evidence. To get reports: `make evidence` in a checkout, or"
            f" pip install 'pantau\\[evidence]', or set {EVIDENTLY} to an interpreter that has"
            " it; then run the demo again."
        )
    return (
        f"[bold red]Evidence: NO REPORT ({', '.join(sorted(whys)) or 'not rendered in time'}).[/]"
        f" See {folder}/agent.log."
    )


def _leave(folder: Path, reports: list[Report]) -> None:
    lines = b"".join(encode_report(report) + b"\n" for report in reports)
    (folder / "reports.jsonl").write_bytes(lines)
    # Handed out apart from the log: whoever could change the log could change a key inside it.
    for vkey in place.hinted_keys(folder / "audit")[:1]:
        (folder / "audit.vkey").write_text(f"{vkey}\n", encoding="ascii")
    # What somebody outside would remember of it, for `--against`.
    shutil.copyfile(folder / "audit" / "checkpoint", folder / "audit.checkpoint")


def _conclude(console: Console, folder: str, parts: Parts, reports: list[Report]) -> None:
    console.print()
    console.print(principle_table(reports))
    for line in small_groups(reports):
        console.print(
            f"Insufficient data, said and not passed over: {line}; 100 are needed.", highlight=False
        )
    port = next(e.port for e in parts.exporters if e.name == "prometheus")  # type: ignore[attr-defined]
    console.print(
        f"""
[bold]Audit log:[/] {folder}/audit; verify it, and judge every verdict again, with:
{_verify(folder)}
[bold]What an auditor keeps of it:[/] its key, {folder}/audit.vkey, and {folder}/audit.checkpoint
{_evidence(folder, parts.config)}
[bold]Metrics:[/] {folder}/metrics.txt, as served at http://127.0.0.1:{port}/metrics while it ran
[bold]Reports:[/] {folder}/reports.jsonl, one line per window
[bold]Agent's log:[/] {folder}/agent.log
[bold]Configuration:[/] {folder}/pantau.yaml""",
        highlight=False,
        soft_wrap=True,
    )


def _verify(folder: str) -> str:
    """Return the command that verifies the log by what is kept apart from it."""
    given = f"--key {folder}/audit.vkey --against {folder}/audit.checkpoint"
    return f"{_command()} audit verify {folder}/audit --replay {given}"


def _command() -> str:
    """Return how this program was called, so that what is printed can be pasted."""
    return sys.argv[0] if Path(sys.argv[0]).name == "pantau" else "pantau"

"""The audit log by itself: seconds to write and to verify reports of 25 features.

Run by hand: `python -m benchmarks.audit_log [reports]`.  `rfc8785` is the reference for canonical
JSON and stands beside our own writer.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import rfc8785

from exporters.audit.exporter import AuditExporter
from exporters.audit.jcs import canonical
from exporters.audit.options import AuditOptions
from exporters.audit.record import drafts
from exporters.audit.verify_wal import verify
from exporters.base import Numbered, Standing
from exporters.context import Context, SystemInfo
from policies.model import (
    Because,
    Coverage,
    Notice,
    Report,
    Signal,
    Threshold,
    Verdict,
    Window,
    measured,
    report_document,
)

GAPS = (
    "fairness.statistical_parity_difference",
    "fairness.disparate_impact_ratio",
    "fairness.equal_opportunity_difference",
    "fairness.false_positive_rate_difference",
)
SIGNALS = ("drift.psi", "drift.ks", "drift.js_distance", "quality.missing_rate", "drift.share")


def sample(features: int = 25) -> Report:
    """Return a report of 5 signals and 3 verdicts for each feature."""
    rng = random.Random(1)
    signals = []
    for feature in range(features):
        for name in SIGNALS:
            value = rng.random() * 10.0 ** rng.randint(-4, 0)
            subject = {"feature": f"feature_{feature:02d}"}
            low, high, reference = value * 0.9, value * 1.1, "sha256:" + "a" * 64
            signals.append(
                measured(
                    name, subject, value, low, high, n=10_000, method="psi", reference=reference
                )
            )
    verdicts = tuple(
        Verdict(
            rule="drift.feature",
            principle="P7",
            subject=signal.subject,
            state="ok",
            severity="ticket",
            threshold=Threshold(">", 0.1, 0.25),
            because=(Because(signal.name, signal.subject),),
            reason=None,
            since=0,
            policy="sha256:" + "b" * 64,
        )
        for signal in signals
        if signal.name in SIGNALS[:3]
    )
    return Report(
        system="bench",
        model_version="*",
        window=Window(0, 3_600, "1h"),
        revision=0,
        final=False,
        coverage=Coverage(events=10_000),
        signals=tuple(signals),
        verdicts=verdicts,
    )


def withheld(attributes: int = 3, groups: int = 8) -> tuple[Signal, ...]:
    """Return what a report on so many groups withholds: four gaps of each against one of them."""
    rng = random.Random(2)
    signals = []
    for attribute in range(attributes):
        for group in range(groups):
            for name in GAPS:
                value = rng.random()
                low, high = value - 0.02 * rng.random(), value + 0.02 * rng.random()
                subject = {"attribute": f"attribute_{attribute}"}
                if group:
                    subject |= {"group": f"group_{group}", "against": "group_0"}
                signals.append(measured(name, subject, value, low, high, n=1, method=""))
    return tuple(msgspec.structs.replace(signal, n=None) for signal in signals)


def policy_change() -> Notice:
    """Return the notice that puts the sample's policy in force."""
    data = {"digest": "sha256:" + "b" * 64}
    return Notice(name="policy.change", id="policy", time=0, system="bench", data=data)


def per_call(action: Callable[[], object], times: int) -> str:
    """Return wall and processor milliseconds of one call."""
    action()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        action()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return f"{wall / times * 1e3:8.3f} ms wall {cpu / times * 1e3:8.3f} ms cpu"


def main(reports: int) -> None:
    """Print one line per step."""
    report = sample()
    document = report_document(report)
    size = len(canonical(document))
    print(f"one report: {len(report.signals)} signals, {len(report.verdicts)} verdicts, {size} B")
    print(f"canonical JSON, rfc8785    {per_call(lambda: rfc8785.dumps(document), 50)}")
    print(f"canonical JSON, ours       {per_call(lambda: canonical(document), 50)}")
    print(f"its records, not yet sealed{per_call(lambda: drafts(report), 50)}")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder)
        exporter = AuditExporter(
            AuditOptions(),
            Context(
                agent_version="0",
                bootid="bench",
                config_digest="sha256:" + "c" * 64,
                systems=(SystemInfo("bench"),),
                base=base,
            ),
        )
        exporter.start(Standing([], []))
        exporter.export([Numbered(1, policy_change())])
        index = iter(range(1, 1_000_000))

        def export(secret: tuple[Signal, ...] = ()) -> None:
            start = next(index) * 3_600
            window = Window(start, start + 3_600, "1h")
            item = msgspec.structs.replace(report, window=window, withheld=secret)
            exporter.export([Numbered(start, item)])

        print(f"exported, with fdatasync   {per_call(export, reports)}")
        secret = withheld()
        print(f"the same, {len(secret)} values sealed{per_call(lambda: export(secret), reports)}")
        exporter.stop(1.0)
        print(
            f"verified, {4 * reports + 6} records    {per_call(lambda: verify(base / 'audit'), 1)}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)

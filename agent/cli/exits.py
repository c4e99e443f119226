"""Exit codes, and which of them an exception means."""

from __future__ import annotations

import sys

FINE = 0
FINDING = 1
USAGE = 2
RUNTIME = 3
UNKNOWN = 4
INTERRUPTED = 130
BROKEN_PIPE = 141

# By name, so that telling an exception's code imports nothing.
_CODES = {
    "agent.config.problems.ConfigError": USAGE,
    "policies.complaint.PackError": USAGE,
    "agent.incidents.IncidentError": USAGE,
    "exporters.audit.verify_wal.NotALog": USAGE,
    "exporters.telemetry.wanted.TelemetryError": USAGE,
    "exporters.audit.logged.LogUnreadable": RUNTIME,
    "exporters.audit.read.evidence.EvidenceError": USAGE,
    "exporters.audit.vault.NotInVault": USAGE,
    "exporters.audit.read.source.SourceError": RUNTIME,
    "exporters.audit.format.merkle.ProofError": RUNTIME,
    "agent.layout.LayoutError": USAGE,
    "agent.reference.load.LoadError": USAGE,
    "agent.reference.build.BuildError": RUNTIME,
    "agent.run.RunError": RUNTIME,
    "agent.demo_data.DemoDataError": RUNTIME,
    "collectors.base.CollectorError": RUNTIME,
    "exporters.base.ExportError": RUNTIME,
    "agent.store.StoreError": RUNTIME,
    "builtins.OSError": RUNTIME,
}


def report(error: Exception) -> int:
    """Say on standard error what happened and return the exit code for it.

    An error that is a message for a person is printed as it is; any other is a defect of this
    program, printed with the calls that led to it but without its message, which may quote a value
    of the input, and must not be taken for a finding (exit code 1).
    """
    for kind in type(error).__mro__:
        code = _CODES.get(f"{kind.__module__}.{kind.__qualname__}")
        if code is not None:
            print(f"pantau: {_text(error)}" if code == RUNTIME else error, file=sys.stderr)
            return code
    from exporters.defects import calls  # seldom needed, and help is to load nothing else of ours

    print(calls(error), file=sys.stderr)
    print("pantau: this is a defect of pantau itself; please report it", file=sys.stderr)
    return RUNTIME


def _text(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return str(error)

"""What every test gets: a loud list of the real components that a run went without."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator

import pytest

from tests.real.components import SKIPPED, required


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let no integration test be skipped, for whatever reason, where components are required."""
    report = yield
    if (
        report.skipped
        and required()
        and item.get_closest_marker("integration") is not None
        and not hasattr(report, "wasxfail")
    ):
        report.outcome = "failed"
        report.longrepr = f"skipped although PANTAU_REQUIRE_REAL is set: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name each missing component and how many tests did not run without it."""
    skipped: dict[str, int] = defaultdict(int)
    for report in terminalreporter.getreports("skipped"):
        reason = _reason(report)
        if SKIPPED in reason:
            skipped[reason.split(SKIPPED, 1)[1]] += 1
    if not skipped:
        return
    terminalreporter.write_sep("!", "SKIPPED REAL COMPONENTS", yellow=True, bold=True)
    for what, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{tests:4} test(s) did not run without {what}")
    terminalreporter.write_line("Set PANTAU_REQUIRE_REAL=1 to make a missing component a failure.")


def _reason(report: pytest.TestReport) -> str:
    match report.longrepr:
        case (_, _, str(reason)):
            return reason
        case other:
            return str(other)

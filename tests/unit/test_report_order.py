"""Reports are told in the order of contract C4, whenever they were made."""

from __future__ import annotations

import msgspec

from agent.report_order import Teller, place_of
from policies.model import ALL_VERSIONS, Report, Window
from tests.unit.exporters.samples import report as sample


def report(end: int, *, revision: int = 0, final: bool = True, version: str = "v1") -> Report:
    return msgspec.structs.replace(
        sample(),
        window=Window(start=end - 3_600, end=end, length="1h"),
        revision=revision,
        final=final,
        model_version=version,
    )


def told(reports: list[Report], *, revisions: bool, skip: int = 0) -> list[Report]:
    found: list[Report] = []
    with Teller(found.append, revisions=revisions, skip=skip) as teller:
        for one in reports:
            teller.take(one)
        teller.finish()
    return found


FIRST = [
    report(end, final=False, version=version)
    for end in (3_600, 7_200, 10_800)
    for version in ("v1", ALL_VERSIONS)
]
LAST = [msgspec.structs.replace(one, revision=1, final=True) for one in FIRST]


def test_without_revisions_only_final_reports_are_told() -> None:
    assert told([*FIRST, *LAST], revisions=False) == LAST


def test_revisions_stand_before_the_report_that_replaced_them() -> None:
    found = told([*FIRST, *LAST, report(14_400)], revisions=True)
    assert found == sorted([*FIRST, *LAST, report(14_400)], key=place_of)
    assert [one.revision for one in found[:4]] == [0, 1, 0, 1]


def test_a_report_is_held_until_its_window_is_released() -> None:
    found: list[Report] = []
    with Teller(found.append, revisions=False) as teller:
        for one in LAST:
            teller.take(one)
        teller.release(7_199)
        assert found == LAST[:2]
        teller.release(7_200)
        assert found == LAST[:4]
        teller.drop()
        teller.finish()
    assert found == LAST[:4]
    assert teller.told == 4


def test_what_was_told_before_is_passed_over() -> None:
    assert (
        told([*FIRST, *LAST], revisions=True, skip=5) == told([*FIRST, *LAST], revisions=True)[5:]
    )

"""Runs a scenario, cuts the power at every call that changes the disk, and recovers each time.

`python -m tests.support.audit_power <folder> <scenario> <lives> <share> <of>` does every `of`-th
place, from number `share` on, on copies of the `original` beside its folder
(`tests.support.audit_faults --prepare`).  With one life the power goes at the place itself.  With
two the process is killed there, so that the kernel still has what it wrote; another one starts, is
given again what was not acknowledged, and the power goes once the first of it is.  One line of
JSON is printed for each cut: where it was and what became of it.
"""

from __future__ import annotations

import gc
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import httpx
import msgspec

from tests.support.audit_faults import CRASHED, count, digest, forked, recover, say
from tests.support.audit_scenarios import SCENARIOS, Scenario, Session
from tests.support.file_calls import CHANGING, Fault, FileCalls, Kind
from tests.support.power_cut import Keeps, Shadow
from tests.unit.exporters.audit.logs import policy_change

KILL = Kind(CHANGING, kill=True)
NOTES = ("acknowledged", "signed", "erasing")
"""What the test itself writes, beside the log."""
WINDOWS = (10, 11, 12)
"""The windows that scenarios export, as far as they have come."""


def main(arguments: list[str]) -> None:
    """Do a share of the places."""
    httpx.Client().close()  # it loads more the first time
    folder, scenario, lives = Path(arguments[0]), SCENARIOS[arguments[1]], int(arguments[2])
    share, of = int(arguments[3]), int(arguments[4])
    calls = count(scenario, folder.parent / "original", folder / "counted")
    places = [at for at, call in enumerate(calls, start=1) if call in CHANGING]
    places.append(len(calls) + 1)  # the end, where nothing strikes
    say(len(places))
    gc.freeze()
    outcomes: dict[str, str] = {}
    for at in places[share::of]:
        for found in cut_at(scenario, folder, at, lives, outcomes):
            say(found)


def cut_at(
    scenario: Scenario, folder: Path, at: int, lives: int, outcomes: dict[str, str]
) -> list[dict[str, Any]]:
    """Live up to call number `at`, cut the power, and return what came of each kind of cut."""
    place = folder / f"at-{at}"
    base, kept = place / "log", place / "shadow"
    shutil.copytree(folder.parent / "original", base)
    shadow = Shadow.of(base, place / "gone")

    def live(tell: Callable[[str], None]) -> None:
        def strike(call: str) -> None:
            save(kept, shadow)
            tell(call)

        fault = Fault(KILL, at, strike)
        with FileCalls(fault).installed(), shadow.installed():
            scenario.run(base)
        save(kept, shadow)

    code, struck = forked(live)
    result: dict[str, Any] = {"at": at, "struck": struck, "code": code, "problem": None}
    if code == CRASHED:
        return [{**result, "problem": "it crashed"}]
    if lives == 2:
        code, said = forked(lambda _: live_again(base, kept))
        if code:
            return [{**result, "problem": f"the second life ended with {code}: {said}"}]
    left = msgspec.msgpack.decode(kept.read_bytes(), type=Shadow)
    for path in base.rglob(".*.tmp"):
        path.unlink()
    results = []
    for keeps in get_args(Keeps):
        target = place / keeps
        left.cut(target, keeps, NOTES)
        results.append({**result, "keeps": keeps, **came_of(target, base, outcomes)})
    if all(found["problem"] is None for found in results):
        shutil.rmtree(place)
    return results


def came_of(target: Path, before: Path, outcomes: dict[str, str]) -> dict[str, Any]:
    """Recover what a cut left, once for each state that it can leave."""
    state = digest(target)
    if state not in outcomes:
        code, outcome = forked(lambda tell: tell(recover(target, before)))
        if code:
            return {"problem": outcome or f"recovery ended with {code}", "outcome": ""}
        outcomes[state] = outcome
    acknowledged = target / "acknowledged"
    said = acknowledged.read_text().count("\n") if acknowledged.exists() else 0
    return {"outcome": outcomes[state], "acknowledged": said}


def live_again(base: Path, kept: Path) -> None:
    """Start where a killed process left off, and take the first of what is given again."""
    shadow = msgspec.msgpack.decode(kept.read_bytes(), type=Shadow)
    with shadow.installed():
        session = Session(base, "boot-2b", 9 * 86_400 - 600)
        session.start()
        taken = (base / "acknowledged").read_text().split()
        for window in WINDOWS:
            if str(window) not in taken:
                session.export(policy_change(), window=window)
                break
    save(kept, shadow)


def save(path: Path, shadow: Shadow) -> None:
    """Hand the shadow on to whoever comes after this process."""
    path.write_bytes(msgspec.msgpack.encode(shadow))


if __name__ == "__main__":
    main(sys.argv[1:])

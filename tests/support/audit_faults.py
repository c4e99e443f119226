"""Runs a scenario once for every file call that a fault can happen at, and recovers each time.

`python -m tests.support.audit_faults --prepare <folder> <scenario>` makes `<folder>/original`, what
the scenario starts from: names in it are random, and with them the order in which files are read.

`python -m tests.support.audit_faults <folder> <scenario> <share> <of>` strikes every `of`-th place
of each fault, from number `share` on, each in a process of its own, on copies of the `original`
beside its folder.  It prints the calls that the scenario makes, as JSON, and one line more for
each strike: what was struck and what became of it.

`python -m tests.support.audit_faults --trace <folder> <scenario>` prints the calls of one run
without faults, once it has read a byte from `<folder>/go`.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import sys
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from exporters.audit import vault
from exporters.audit.place import find
from exporters.audit.read.evidence import Evidence, read_checkpoint, read_key
from exporters.audit.read.verify import verify_published
from exporters.base import ExportError
from policies.model import rfc3339
from tests.support.audit_scenarios import NOTE, SCENARIOS, Scenario, Session
from tests.support.audit_tree import folders, names, require_whole
from tests.support.audit_writer import wait_to_go
from tests.support.file_calls import KINDS, Fault, FileCalls
from tests.unit.exporters.audit.logs import judged, policy_change

REFUSED, CRASHED = 3, 4
ALLOWED = {
    "gap_recorded",
    "heartbeat_late",
    "no_external_checkpoint",
    "window_missing",
    "epoch_expired",
}
"""Findings that say what the log says itself, or what nobody kept; none of them is a failure.

Scenarios let hours pass at once, as for an agent that stands still.
"""


def main(arguments: list[str]) -> None:
    """Do a share of the places, or trace."""
    httpx.Client().close()  # it loads more the first time
    if arguments[0] == "--trace":
        trace(Path(arguments[1]), SCENARIOS[arguments[2]])
        return
    if arguments[0] == "--prepare":
        prepare(SCENARIOS[arguments[2]], Path(arguments[1]) / "original")
        return
    folder, scenario = Path(arguments[0]), SCENARIOS[arguments[1]]
    share, of = int(arguments[2]), int(arguments[3])
    original = folder.parent / "original"
    calls = count(scenario, original, folder / "counted")
    say(calls)
    places = [
        (fault, at)
        for fault, kind in KINDS.items()
        for at, call in enumerate(calls, start=1)
        if call in kind.calls
    ]
    gc.freeze()
    outcomes: dict[str, str] = {}
    for fault, at in places[share::of]:
        base = folder / f"{fault} {at}".replace(" ", "-")
        before = set(outcomes.values())
        found = strike(scenario, original, base, fault, at, outcomes)
        if found["problem"] is None and found["outcome"] in before:
            shutil.rmtree(base)
        say(found)


def say(document: object) -> None:
    """Print a line of JSON."""
    print(json.dumps(document), flush=True)


def trace(folder: Path, scenario: Scenario) -> None:
    """Run a scenario under the eyes of somebody else."""
    base = folder / "log"
    prepare(scenario, base)
    wait_to_go(folder)
    said = os.dup(1)
    os.dup2(2, 1)
    with FileCalls().installed() as calls:
        scenario.run(base)
    os.write(said, json.dumps(calls.seen).encode())


def prepare(scenario: Scenario, base: Path) -> None:
    """Make a folder, and in it what was before."""
    base.mkdir()
    code, _ = forked(lambda _: scenario.prepare(base))
    assert code == 0, "the scenario cannot be prepared"


def count(scenario: Scenario, original: Path, base: Path) -> list[str]:
    """Return the calls that the scenario makes on a copy of what was before."""
    shutil.copytree(original, base)

    def record(tell: Callable[[str], None]) -> None:
        with FileCalls().installed() as calls:
            scenario.run(base)
        tell("\n".join(calls.seen))

    code, said = forked(record)
    assert code == 0, "the scenario fails without a fault"
    return said.split("\n")


def strike(
    scenario: Scenario, original: Path, base: Path, fault: str, at: int, outcomes: dict[str, str]
) -> dict[str, Any]:
    """Let the fault happen, start again without, and look at everything; return what was found.

    What a strike leaves behind is the same, byte for byte, whenever it does the same: from there
    the log is recovered once, and `outcomes` keeps what came of it.

    `struck` is the call that the fault happened at, `code` how the process ended, `acknowledged`
    how much it was told is durable, and `outcome` what the log holds in the end.
    """
    shutil.copytree(original, base)

    def struck(tell: Callable[[str], None]) -> None:
        with FileCalls(Fault(KINDS[fault], at, tell)).installed():
            scenario.run(base)

    code, told = forked(struck)
    said = (base / "acknowledged").read_text() if (base / "acknowledged").exists() else ""
    result: dict[str, Any] = {
        "fault": fault,
        "at": at,
        "struck": told,
        "code": code,
        "base": str(base),
        "acknowledged": said.count("\n"),
        "problem": None,
        "outcome": "",
    }
    if code == CRASHED:
        return {**result, "problem": "it crashed"}
    left = f"{code} {digest(base)}"
    if left not in outcomes:
        recovered, outcome = forked(lambda tell: tell(recover(base, original)))
        if recovered != 0:
            return {**result, "problem": outcome or f"recovery ended with {recovered}"}
        outcomes[left] = f"{code} {outcome}"
    return {**result, "outcome": outcomes[left]}


def digest(base: Path) -> str:
    """Return a digest of all that lies in a folder, but for the number of a process."""
    found = hashlib.sha256()
    for path in sorted(base.rglob("*")):
        content = path.read_bytes() if path.is_file() and path.name != "lock" else b""
        found.update(f"{path.relative_to(base)} {len(content)}\n".encode() + content)
    return found.hexdigest()


def recover(base: Path, original: Path) -> str:
    """Start without faults, then look at everything as an outsider does; return the outcome."""
    session = Session(base, "boot-3", 9 * 86_400)
    session.start()
    session.export(policy_change(), window=20)
    session.tick(3_700)
    session.stop()
    log = base / "audit"
    every = [require_whole(folder) for folder in folders(log)]
    records = [record for epoch in every for record in epoch]
    windows = [r["data"]["window"]["start"] for r in records if "window.signals" in r["type"]]
    verdicts = [r["data"]["window"]["start"] for r in records if "policy.verdict" in r["type"]]
    said = (base / "acknowledged").read_text().splitlines()
    expected = {rfc3339(judged(int(n)).window.start) for n in said if n.isdigit()}
    assert expected <= set(windows), "an acknowledged window is lost"
    assert expected <= set(verdicts), "an acknowledged verdict is lost"
    require_notes(base, [line for line in said if line.startswith("note ")], records)
    twice = [i for i, n in Counter(record["id"] for record in records).items() if n > 1]
    assert not twice, f"written twice: {twice}"
    require_one_root(base)
    left = [str(path) for path in log.rglob(".*.tmp")]
    assert not left, f"left behind: {left}"
    codes = require_verified(log, original)
    return json.dumps([sorted(codes), *(names(epoch) for epoch in every)])


def require_notes(base: Path, said: list[str], records: list[dict[str, Any]]) -> None:
    """See that a sealed text that was acknowledged is named, and can be read or was erased."""
    named = {record["data"].get("note") for record in records}
    at = find(base / "audit")
    for line in said:
        digest = line.removeprefix("note ")
        assert digest in named, "an acknowledged decision is lost"
        try:
            assert vault.unseal(at.state, at.public, digest) == NOTE.encode()
        except vault.NotInVault:
            assert (base / "erasing").exists(), "an acknowledged text is lost"
            told = [r["data"] for r in records if "privacy.erasure" in r["type"]]
            assert {"what": "blob", "blob": digest} in told, "an erasure is not recorded"


def require_one_root(base: Path) -> None:
    """See that no size was signed with two roots."""
    roots: dict[tuple[str, str], str] = {}
    for line in (base / "signed").read_text().splitlines():
        origin, size, root = line.split()
        assert roots.setdefault((origin, size), root) == root, "two roots were signed for one size"


def require_verified(log: Path, original: Path) -> set[str]:
    """See that our verifier finds no fault, and that the log went on from where it was."""
    before = original / "audit"
    kept = [read_checkpoint(str(p)) for p in sorted(before.glob("checkpoints/*"))]
    keys = json.loads(((folders(log)[0]) / "log.json").read_bytes())["vkeys"]
    found = verify_published(log, Evidence((read_key(keys[-1]),), tuple(kept)))
    wrong = [f for f in found.findings if f.code not in ALLOWED]
    assert not wrong, f"{wrong[0].code} at {wrong[0].where}: {wrong[0].detail}"
    assert found.result != "FAIL"
    return {finding.code for finding in found.findings}


def forked(action: Callable[[Callable[[str], None]], object]) -> tuple[int, str]:
    """Do something in a process of its own; return how it ended, and what it told."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        os.dup2(2, 1)  # only results go to the output
        code = 0
        try:
            action(lambda text: (os.write(writing, text.encode()), None)[1])
        except ExportError as error:
            code = REFUSED
            del error
        except BaseException as error:  # noqa: BLE001 - a child must not return into the loop
            code = CRASHED
            os.write(writing, f"{type(error).__name__}: {error}".encode()[:2_000])
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), said


if __name__ == "__main__":
    main(sys.argv[1:])

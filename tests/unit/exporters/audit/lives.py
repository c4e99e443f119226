"""A log that goes through restarts, rotated keys and epochs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from exporters.audit.findings import Verification
from exporters.audit.format import note
from exporters.audit.format.note import Vkey
from exporters.audit.read.evidence import Evidence, read_checkpoint
from exporters.audit.read.verify import verify_published
from exporters.audit.signer import request_rotation
from tests.unit.exporters.audit.logs import NOTHING, Hands, judged, number, policy_change, writer

DAY = 86_400.0


def newest_keys(log: Path) -> list[Vkey]:
    return [note.parse_vkey(k) for k in json.loads((log / "log.json").read_bytes())["vkeys"]]


class Life:
    """A log that goes through restarts, rotations and epochs."""

    def __init__(self, base: Path, **options: Any) -> None:
        self.base, self.hands, self.boots = base, Hands(), 0
        self.options = {"origin": "bank/x", "key_overlap": "1m", **options}
        self.log, self.state = base / "audit", base / "audit.state"
        self.start()
        self.exporter.export(number([policy_change(), judged(0)]))
        self.exporter.tick(self.hands.wall)
        self.restart()
        self.first_key = newest_keys(self.log)[0]
        shutil.copy(self.log / "checkpoint", base / "kept")
        self.kept = read_checkpoint(str(base / "kept"))

    def start(self) -> None:
        self.boots += 1
        self.exporter = writer(self.base, self.hands, boot=f"boot-{self.boots}", **self.options)
        self.exporter.start(NOTHING)

    def restart(self) -> None:
        self.exporter.stop(5.0)
        self.hands.pass_time(30.0)
        self.start()

    def rotate(self) -> None:
        request_rotation(self.state)
        self.exporter.tick(self.hands.wall)
        self.restart()

    def let_the_old_key_go(self) -> None:
        self.hands.pass_time(100.0)
        self.restart()
        self.exporter._publish_if_due()
        assert self.exporter._publisher is not None
        self.exporter._publisher.publish()
        self.exporter._look_after()
        self.exporter.export(number([judged(1)]))
        self.exporter.stop(5.0)

    def next_epoch(self) -> None:
        self.exporter.stop(5.0)
        self.hands.pass_time(91 * DAY)
        self.start()
        self.exporter.tick(self.hands.wall)
        self.restart()

    def verified(self, *keys: Vkey, memory: bool = True) -> Verification:
        return verify_published(self.log, Evidence(keys, (self.kept,) if memory else ()))

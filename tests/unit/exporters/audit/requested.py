"""Lets the agent record what a command asked for."""

from __future__ import annotations

import json
from typing import Any

from exporters.audit.place import Place
from tests.support.audit_tree import require_whole
from tests.unit.exporters.audit.logs import NOTHING, Hands, writer


def disclosed(log: Place) -> list[dict[str, Any]]:
    """Start the writer of a log and stop it; return what is on record as disclosed by then."""
    hands = Hands()
    origin, _, _ = json.loads((log.public / "log.json").read_text())["origin"].rpartition("/")
    exporter = writer(log.public.parent, hands, boot="boot-9", origin=origin)
    exporter.start(NOTHING)
    exporter.tick(hands.wall)
    exporter.stop(5.0)
    records = require_whole(log.public)
    return [r["data"] for r in records if ".privacy.disclosure." in r["type"]]

"""Records as OCSF 1.9 events, for systems that take nothing else.

The classes that fit are used: Application Lifecycle (6002) for starts and stops, Entity Management
(3004) for changes, Detection Finding (2004) for alerts; everything else is a Base Event (0).  The
whole record is in `unmapped`, with its place in the log and its leaf hash.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from exporters.audit import types

if TYPE_CHECKING:
    from exporters.audit.read.export import Row

VERSION = "1.9.0"
_CLASSES: dict[str, tuple[int, int]] = {
    "agent.start": (6002, 3),
    "agent.stop": (6002, 4),
    "config.change": (3004, 3),
    "policy.change": (3004, 3),
    "reference.change": (3004, 3),
    "alert.raised": (2004, 1),
    "alert.updated": (2004, 2),
    "alert.closed": (2004, 3),
}
"""Class and activity of a record's name."""
_OTHER = (0, 99)
_SEVERITY = {"info": 1, "notice": 2, "warning": 3, "alert": 4}


def event(row: Row) -> dict[str, Any]:
    """Return the event of a record; its required attributes are those of its class."""
    record = row.record
    name = name_of(record)
    class_uid, activity = _CLASSES.get(name, _OTHER)
    found: dict[str, Any] = {
        "activity_id": activity,
        "category_uid": class_uid // 1000,
        "class_uid": class_uid,
        "type_uid": class_uid * 100 + activity,
        "severity_id": _SEVERITY.get(record["sev"], 0),
        "time": _milliseconds(record["time"]),
        "message": f"{name} {record.get('subject', '')}".strip(),
        "metadata": {
            "version": VERSION,
            "product": {"name": "Pantau", "version": record["agent"]["version"]},
            "uid": record["id"],
            "log_name": row.origin,
            "sequence": row.index,
            "event_code": record["type"],
        },
        "unmapped": {
            "origin": row.origin,
            "index": str(row.index),
            "leaf_hash": row.leaf,
            "record": json.dumps(record, ensure_ascii=False, sort_keys=True),
        },
    }
    if activity == _OTHER[1]:
        found["activity_name"] = name
    return found | _of_class(class_uid, name, record)


def name_of(record: dict[str, Any]) -> str:
    """Return a record's short name, `heartbeat` for example; also of a type not known here."""
    return str(record["type"]).removeprefix(types.PREFIX).removesuffix(types.SUFFIX)


def _of_class(class_uid: int, name: str, record: dict[str, Any]) -> dict[str, Any]:
    data = record["data"]
    if class_uid == 6002:
        return {"app": {"name": "Pantau", "version": record["agent"]["version"]}}
    if class_uid == 3004:
        kind = name.partition(".")[0]
        entity = {"name": data.get("system") or kind, "type": kind, "version": data["digest"]}
        return {"entity": entity}
    if class_uid == 2004:
        labels = data["labels"]
        title = data["annotations"].get("summary") or labels.get("alertname", name)
        uid = record["corr"].get("alert") or record["id"]
        return {"finding_info": {"uid": uid, "title": title}, "is_alert": True}
    return {}


def _milliseconds(time: str) -> int:
    return round(dt.datetime.fromisoformat(time).timestamp() * 1000)

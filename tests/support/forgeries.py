"""What the holder of the key can write that no honest agent writes, and what finds it.

Each takes the records of the clean log and returns others, which are numbered and signed again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any, NamedTuple

from exporters.audit import types
from exporters.audit.jcs import canonical
from exporters.audit.read.content import expected_id
from tests.support.tampering_records import Documents


class Forgery(NamedTuple):
    """What the holder of the key does, and what an auditor with the public key finds."""

    what: str
    codes: str
    change: Callable[[Documents], Documents]


def named(document: dict[str, Any], name: str) -> bool:
    """Tell whether a record is of a type."""
    return bool(document["type"] == f"{types.PREFIX}{name}{types.SUFFIX}")


def places(documents: Documents, *names: str) -> list[int]:
    """Return where records of some types stand."""
    return [i for i, d in enumerate(documents) if any(named(d, name) for name in names)]


def with_its_id(document: dict[str, Any]) -> dict[str, Any]:
    """Give a report's or alert's record the id that follows from what it says now."""
    envelope, data = types.read(canonical(document))
    record_id = expected_id(types.record_name(envelope.type), envelope, data)
    assert record_id is not None
    document["id"] = record_id
    return document


def count_again(documents: Documents) -> Documents:
    """Let every heartbeat and restart count what is there."""
    counts = {"records": 0, "reports": 0, "alerts": 0}
    boot = ""
    for place, document in enumerate(documents):
        if named(document, "log.resume"):
            document["data"]["size"] = place
        if document["bootid"] != boot:
            boot, counts = document["bootid"], dict.fromkeys(counts, 0)
        if named(document, "heartbeat"):
            document["data"] |= counts
            counts = dict.fromkeys(counts, 0)
        data = document["data"]
        counts["records"] += 1
        counts["reports"] += ".window." in document["type"] and data["part"]["i"] == 1
        counts["alerts"] += ".alert." in document["type"]
    return documents


def date_nowhere(documents: Documents) -> Documents:
    documents[5]["time"] = "2026-02-30T00:00:00.000Z"
    return documents


def stretch_window(documents: Documents) -> Documents:
    """Let one window of an hour hide those after it."""
    windows = places(documents, "window.signals")
    first, last = windows[10], windows[20]
    window, verdicts = documents[first], documents[first + 1]
    for document in (window, verdicts):
        document["data"]["window"]["end"] = documents[last]["data"]["window"]["end"]
        with_its_id(document)
    verdicts["corr"]["window"] = window["corr"]["window"] = window["id"]
    return count_again(documents[: first + 2] + documents[last + 2 :])


def shift_window(documents: Documents) -> Documents:
    """Let the last window start and end a minute later than windows do."""
    for document in documents[places(documents, "window.signals")[-1] :][:2]:
        for key in ("start", "end"):
            moment = dt.datetime.fromisoformat(document["data"]["window"][key])
            later = moment + dt.timedelta(minutes=1)
            document["data"]["window"][key] = f"{later:%Y-%m-%dT%H:%M:%SZ}"
        with_its_id(document)
    window, verdicts = documents[places(documents, "window.signals")[-1] :][:2]
    verdicts["corr"]["window"] = window["corr"]["window"] = window["id"]
    return documents


def without_heartbeats(documents: Documents) -> Documents:
    kept = [d for d in documents if not named(d, "heartbeat")]
    return count_again(kept)


def widen_heartbeat(documents: Documents) -> Documents:
    """Remove a heartbeat, and let the next one speak of two minutes."""
    first, second = places(documents, "heartbeat")[:2]
    documents[second]["data"]["interval_seconds"] = 120.0
    return count_again(documents[:first] + documents[first + 1 :])


def stop_in_silence(documents: Documents) -> Documents:
    """Leave of the last run its beginning and its end, an hour later."""
    first = places(documents, "log.resume")[0]
    stop = _notice(documents[first], "agent.stop", {"clean": True})
    stop["mono"] = str(int(stop["mono"]) + 3_600 * 10**9)
    stop["time"] = _later(stop["time"], 3_600)
    return [*documents[: first + 31], stop]


def remove_stop(documents: Documents) -> Documents:
    """Let the first run start, not stop, and the next one say that it did."""
    start = _notice(documents[0], "agent.start", {})
    return count_again([documents[0], start, *documents[1:]])


def resume_elsewhere(documents: Documents) -> Documents:
    documents[places(documents, "log.resume")[0]]["data"]["size"] = 9_999
    return documents


def replace_alert(documents: Documents) -> Documents:
    """Put a record that says nothing into the place of an alert."""
    place = places(documents, "alert.raised")[0]
    documents[place] = _notice(documents[place], "quarantine.summary", {"total": 0})
    return documents


def play_down(documents: Documents) -> Documents:
    """Let an alert be of severity info, and say that all is fine."""
    record = documents[places(documents, "alert.raised")[0]]
    record["data"]["labels"]["severity"] = "info"
    record["data"]["annotations"] = {"summary": "all fine"}
    with_its_id(record)
    return documents


def retell_alert(documents: Documents) -> Documents:
    """Let an alert say of a breach that it is none."""
    record = documents[places(documents, "alert.raised")[0]]
    record["data"]["annotations"] = {"summary": "all fine", "state": "ok"}
    with_its_id(record)
    return documents


def loud_alert(documents: Documents) -> Documents:
    record = documents[places(documents, "alert.raised")[0]]
    record["data"]["labels"]["severity"] = "page"
    with_its_id(record)
    return documents


def close_early(documents: Documents) -> Documents:
    """Say halfway that the epoch ends there."""
    middle = places(documents, "heartbeat")[0] + 1
    close = _notice(documents[middle], "log.close", {"reason": "its time is over", "size": middle})
    close["id"] = f"{close['bootid']}-{close['seq']}"
    return count_again([*documents[:middle], close, *documents[middle:]])


def tell_no_step(documents: Documents) -> Documents:
    """Date what is left of the first run ten hours back, and tell of a step by nothing."""
    middle, end = places(documents, "heartbeat")[0] + 1, places(documents, "log.resume")[0]
    step = _notice(documents[middle], "clock.step", {"step_ms": 0})
    documents.insert(middle, step)
    return count_again(_dated(documents, middle, end + 1, -36_000))


def date_run_back(documents: Documents) -> Documents:
    """Date the second run 300 days before the first."""
    return _dated(documents, places(documents, "log.resume")[0], len(documents), -300 * 86_400)


def name_no_text(documents: Documents) -> Documents:
    del documents[places(documents, "policy.change")[0]]["data"]["blob"]
    return documents


def name_lost_note(documents: Documents) -> Documents:
    """Let a change have a note that is not there, and was not erased."""
    documents[places(documents, "policy.change")[0]]["data"]["note"] = f"sha256:{'0' * 64}"
    return documents


def name_other_policy(documents: Documents) -> Documents:
    """Let every record name a policy that nothing put in force."""
    for document in documents:
        document["agent"]["policy_digest"] = f"sha256:{'1' * 64}"
    return documents


def name_other_config(documents: Documents) -> Documents:
    """Let the agent start again, and then name another configuration than it started with."""
    place = places(documents, "log.resume")[0]
    start = _notice(documents[place], "agent.start", {"config_digest": f"sha256:{'c' * 64}"})
    documents[place + 9]["agent"]["config_digest"] = f"sha256:{'2' * 64}"
    return count_again([*documents[: place + 1], start, *documents[place + 1 :]])


def end_in_part(documents: Documents) -> Documents:
    """End the log in the middle of a window's record."""
    last = places(documents, "window.signals")[-1]
    documents[last]["data"]["part"] = {"i": 1, "of": 3}
    return documents[: last + 1]


def point_nowhere(documents: Documents) -> Documents:
    """Let a verdict name a signal that its window does not have."""
    verdicts = documents[places(documents, "policy.verdict")[5]]["data"]["verdicts"]
    verdicts[0]["because"] = [{"name": "no.such", "subject": {}}]
    return documents


def name_person(documents: Documents) -> Documents:
    documents[5]["actor"] = {"type": "system", "id": "Mrs Tan Mei Ling"}
    return documents


def reject_person(documents: Documents) -> Documents:
    """Count rejected records under what is no reason."""
    window = documents[places(documents, "window.signals")[-1]]
    window["data"]["coverage"]["rejected"] = {"Mrs Tan +60 12 345": 3}
    return documents


def _dated(documents: Documents, first: int, end: int, seconds: float) -> Documents:
    for document in documents[first:end]:
        document["time"] = _later(document["time"], seconds)
    return documents


def _later(moment: str, seconds: float) -> str:
    later = dt.datetime.fromisoformat(moment) + dt.timedelta(seconds=seconds)
    return f"{later:%Y-%m-%dT%H:%M:%S}.{later.microsecond // 1000:03d}Z"


def _notice(beside: dict[str, Any], name: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return another record by the same run, at the same time."""
    taken = {key: beside[key] for key in ("source", "bootid", "seq", "time", "mono")}
    return taken | {
        "agent": beside["agent"] | {"policy_digest": None},
        "specversion": "1.0",
        "id": f"{name}/{beside['bootid']}",
        "type": f"{types.PREFIX}{name}{types.SUFFIX}",
        "datacontenttype": "application/json",
        "dataschema": types.dataschema(name),
        "sev": "info",
        "actor": {"type": "agent", "id": "pantau"},
        "corr": {},
        "data": data,
    }


FORGERIES = [
    Forgery("dates a record on a day that there is not", "schema_violation", date_nowhere),
    Forgery("lets one window stand for eleven", "window_span", stretch_window),
    Forgery("reports a window that is not aligned", "window_missing window_span", shift_window),
    Forgery("removes all heartbeats", "heartbeat_missing", without_heartbeats),
    Forgery("lets a heartbeat speak for two", "heartbeat_late", widen_heartbeat),
    Forgery("removes a run but its beginning and end", "heartbeat_missing", stop_in_silence),
    Forgery("removes the record of a stop", "stop_missing", remove_stop),
    Forgery("lets a restart go on elsewhere", "count_mismatch", resume_elsewhere),
    Forgery("puts another record in the place of an alert", "count_mismatch", replace_alert),
    Forgery("plays an alert down", "alert_differs", play_down),
    Forgery("lets an alert say that all is fine", "alert_differs", retell_alert),
    Forgery("lets an alert be of another severity", "alert_differs", loud_alert),
    Forgery("ends an epoch and goes on", "record_after_close", close_early),
    Forgery("dates records back and tells of a step by nothing", "clock_unexplained", tell_no_step),
    Forgery("dates a run before the one before it", "clock_unexplained", date_run_back),
    Forgery("does not name a policy's text", "blob_missing", name_no_text),
    Forgery("removes a sealed note, and nothing erased it", "note_missing", name_lost_note),
    Forgery("lets records name another policy", "policy_unknown", name_other_policy),
    Forgery("lets a record name another configuration", "config_unknown", name_other_config),
    Forgery("ends the log within a window", "part_awaited", end_in_part),
    Forgery("lets a verdict name a signal that there is not", "signal_unknown", point_nowhere),
    Forgery("writes a person's name as a program's", "schema_violation", name_person),
    Forgery("writes a person's name as a reason", "schema_violation", reject_person),
]

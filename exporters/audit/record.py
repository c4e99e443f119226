"""From what the agent says to the bytes of audit records; pure.

`drafts` says which records an outgoing item becomes, `seal` puts a draft into its envelope at its
place in the log.  A draft's id depends on its content only, so what is exported twice is
recognised.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from exporters.audit import seal as seals
from exporters.audit import types
from exporters.audit.jcs import Encoded, NotCanonical, canonical, canonical_row
from exporters.tracing import TraceRef
from policies.model import Alert, Human, Notice, Outgoing, Report, Signal, Verdict, rfc3339

ENVELOPE_ROOM = 4_000
"""Bytes that the envelope around the data may take; `seal` checks the sum."""
MAX_ANNOTATION = 4_000
MAX_NAME = 400
CHANGES = ("config.change", "policy.change", "reference.change")

_moment = lru_cache(maxsize=1024)(rfc3339)


class RecordRefused(ValueError):
    """A record that must not be written: unlisted content, no canonical form, or too large."""


class Author(msgspec.Struct, frozen=True):
    """Who writes: the log's origin and the running program."""

    origin: str
    bootid: str
    version: str
    config_digest: str


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A record without its place. `id` None: the place itself (bootid and seq) makes the id."""

    name: str
    id: str | None
    data: Mapping[str, Any]
    sev: types.Severity = "info"
    system: str | None = None
    version: str | None = None
    policy: str | None = None
    window: str | None = None
    alert: str | None = None
    trace: TraceRef | None = None
    human: Human | None = None
    secret: bytes | None = None
    """To be sealed for this record and put into its data: a piece of what `seal.pack` gives."""


def drafts(item: Outgoing) -> list[Draft]:
    """Return the records that `item` becomes, in order. Raises `RecordRefused`."""
    try:
        if isinstance(item, Report):
            item = msgspec.structs.replace(
                item, system=_named(item.system), model_version=_named(item.model_version)
            )
            return [*_window_drafts(item), *_verdict_drafts(item)]
        if isinstance(item, Alert):
            return [_alert_draft(item)]
        return [_notice_draft(item)]
    except (ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise RecordRefused(str(error)) from error


def seal(draft: Draft, author: Author, *, seq: int, time: float, mono: int) -> bytes:
    """Return the record's bytes: canonical JSON, at most `MAX_RECORD` bytes, of its listed type.

    `time` is epoch seconds, `mono` monotonic nanoseconds.  Raises `RecordRefused`.
    """
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": draft.id or f"{author.bootid}-{seq}",
        "source": author.origin,
        "type": types.PREFIX + draft.name + types.SUFFIX,
        "time": rfc3339_ms(time),
        "datacontenttype": "application/json",
        "dataschema": types.dataschema(draft.name),
        "seq": seq,
        "bootid": author.bootid,
        "mono": str(mono),
        "sev": draft.sev,
        "actor": _actor(draft.human),
        "agent": {
            "version": author.version,
            "config_digest": author.config_digest,
            "policy_digest": draft.policy,
        },
        "corr": _present(
            window=draft.window,
            alert=draft.alert,
            trace_id=None if draft.trace is None else draft.trace.trace_id,
        ),
        "data": draft.data,
    }
    if draft.system is not None:
        document["subject"] = _subject(draft.system, draft.version)
        if draft.version is not None:
            document["model"] = {"name": draft.system, "version": draft.version}
    try:
        payload = canonical(document)
        types.read(payload)
    except (NotCanonical, types.SchemaError) as error:
        raise RecordRefused(f"{draft.name}: {error}") from error
    return payload


def report_id(
    system: str, version: str, window: types.Span, revision: int, name: str, part: int
) -> str:
    """Return the id of a record made from a report."""
    place = [system, version, window.length, window.start, revision]
    return _hash(["report", *place, name, part])


def alert_id(name: str, data: types.AlertData) -> str:
    """Return the id of a record made from an alert: its labels, and what changed."""
    return _hash([name, data.labels, data.annotations, data.starts, data.resolved])


def change_id(notice_id: str, old: str | None) -> str:
    """Return the id of a change: the notice's own, and what stood before."""
    return _hash(["change", notice_id, old])


def expire_id(origin: str) -> str:
    """Return the id of the record that an epoch is deleted."""
    return _hash(["expire", origin])


def rfc3339_ms(epoch_seconds: float) -> str:
    """Return epoch seconds as `YYYY-MM-DDTHH:MM:SS.mmmZ`, cut (not rounded) to milliseconds."""
    moment = dt.datetime.fromtimestamp(epoch_seconds, tz=dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _window_drafts(report: Report) -> list[Draft]:
    name = "window.signals" if report.revision == 0 else "window.restated"
    head = _report_head(report) | {"coverage": msgspec.to_builtins(report.coverage)}
    rows = [_signal_row(signal) for signal in report.signals]
    secret = seals.pack([_named_signal(s) for s in report.withheld]) if report.withheld else b""
    return [
        msgspec.structs.replace(_report_draft(report, name, data, "info"), secret=piece or None)
        for data, piece in _with_pieces(_parts(head, "signals", rows), secret)
    ]


def _with_pieces(
    parts: Iterable[dict[str, Any]], secret: bytes
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Yield the parts of a window, each with the piece of `secret` that is sealed into it.

    All of it goes into the last part if there is room, else into parts without signals behind it.
    """
    found = [(part, b"") for part in parts]
    last = found[-1][0]
    if not secret or len(secret) <= seals.piece_size(_room(last)):
        found[-1] = (last, secret)
    else:
        bare = {**last, "signals": []}
        size = seals.piece_size(_room(bare))
        pieces = [secret[at : at + size] for at in range(0, len(secret), size)]
        found += [(dict(bare), piece) for piece in pieces]
    for i, (part, piece) in enumerate(found, start=1):
        yield {**part, "part": {"i": i, "of": len(found)}}, piece


def _room(data: Mapping[str, Any]) -> int:
    return types.MAX_RECORD - ENVELOPE_ROOM - len(canonical(data))


def _verdict_drafts(report: Report) -> list[Draft]:
    if not report.verdicts:
        return []
    rows = [_verdict_row(verdict) for verdict in report.verdicts]
    sev = max((_verdict_severity(v) for v in report.verdicts), key=_RANK.index)
    head = _report_head(report)
    if report.judging is not None:
        head["judging"] = msgspec.to_builtins(report.judging)
    return [
        _report_draft(report, "policy.verdict", data, sev)
        for data in _parts(head, "verdicts", rows)
    ]


def _report_head(report: Report) -> dict[str, Any]:
    window = report.window
    return {
        "window": {
            "start": _moment(window.start),
            "end": _moment(window.end),
            "length": window.length,
        },
        "revision": report.revision,
        "final": report.final,
    }


def _report_draft(report: Report, name: str, data: dict[str, Any], sev: types.Severity) -> Draft:
    window = types.Span(**data["window"])

    def id_of(record: str, part: int) -> str:
        return report_id(report.system, report.model_version, window, report.revision, record, part)

    window_name = "window.signals" if report.revision == 0 else "window.restated"
    policies = {verdict.policy for verdict in report.verdicts}
    return Draft(
        name=name,
        id=id_of(name, data["part"]["i"]),
        data=data,
        sev=sev,
        system=report.system,
        version=report.model_version,
        policy=policies.pop() if len(policies) == 1 else None,
        window=id_of(window_name, 1),
    )


def _parts(head: Mapping[str, Any], key: str, rows: Sequence[Encoded]) -> Iterator[dict[str, Any]]:
    """Yield the data of each part: `head`, as many rows as fit under `key`, and the part."""
    room = types.MAX_RECORD - ENVELOPE_ROOM - len(canonical(head))
    groups: list[list[Encoded]] = [[]]
    used = 0
    for row in rows:
        if groups[-1] and used + len(row) + 1 > room:
            groups.append([])
            used = 0
        groups[-1].append(row)
        used += len(row) + 1
    for i, group in enumerate(groups, start=1):
        yield {**head, key: group, "part": {"i": i, "of": len(groups)}}


def _signal_row(signal: Signal) -> Encoded:
    row = msgspec.to_builtins(signal)
    _bound_subject(row)
    return canonical_row(row, ("value", "low", "high", "level"))


def _verdict_row(verdict: Verdict) -> Encoded:
    row = msgspec.to_builtins(verdict)
    _bound_subject(row)
    for pointer in row["because"]:
        _bound_subject(pointer)
    row["since"] = _moment(verdict.since)
    row["threshold"] = _threshold(*msgspec.structs.astuple(verdict.threshold))
    return canonical_row(row, ())


@lru_cache(maxsize=4096)
def _threshold(op: str, warn: float, breach: float) -> msgspec.Raw:
    row = {"op": op, "warn": float(warn), "breach": float(breach)}
    return msgspec.Raw(canonical_row(row, ("warn", "breach")))


_RANK: tuple[types.Severity, ...] = ("info", "notice", "warning", "alert")


def _verdict_severity(verdict: Verdict) -> types.Severity:
    if verdict.state == "breach":
        return "alert" if verdict.severity == "page" else "warning"
    return "info" if verdict.state == "ok" else "notice"


def _alert_draft(alert: Alert) -> Draft:
    name = f"alert.{alert.change}"
    data = types.AlertData(
        labels={key: _named(text) for key, text in alert.labels.items()},
        annotations={
            key: _bounded(text, MAX_ANNOTATION) for key, text in alert.annotations.items()
        },
        starts=_moment(alert.starts_at),
        resolved=None if alert.resolved_at is None else _moment(alert.resolved_at),
    )
    pages = alert.labels.get("severity") == "page" and alert.change != "closed"
    return Draft(
        name=name,
        id=alert_id(name, data),
        data=msgspec.to_builtins(data),
        sev="alert" if pages else "notice" if alert.change == "closed" else "warning",
        system=data.labels.get("system") or None,
        version=data.labels.get("model_version") or None,
        alert=_hash(["alert", data.labels]),
    )


_NOTICE_SEVERITY: dict[str, types.Severity] = {
    "config.change": "notice",
    "policy.change": "notice",
    "reference.change": "notice",
    "human.decision": "notice",
    "quarantine.summary": "notice",
    "clock.step": "warning",
    "log.gap": "warning",
}


def _notice_draft(notice: Notice) -> Draft:
    return Draft(
        name=notice.name,
        id=_word(notice.id),
        data=notice.data,
        sev=_NOTICE_SEVERITY.get(notice.name, "info"),
        system=notice.system,
        alert=_receipt_of(notice),
        human=notice.human,
    )


def _receipt_of(notice: Notice) -> str | None:
    """Return which alert a receipt is for: the id that the alert's own records carry."""
    labels = notice.data.get("labels")
    if notice.name != "alert.delivered" or not isinstance(labels, dict):
        return None
    return _hash(["alert", {key: _named(text) for key, text in labels.items()}])


def _named_signal(signal: Signal) -> Signal:
    subject = {_named(key): _named(value) for key, value in signal.subject.items()}
    return msgspec.structs.replace(signal, subject=subject)


def _bound_subject(row: dict[str, Any]) -> None:
    row["subject"] = {_named(key): _named(value) for key, value in row["subject"].items()}


@lru_cache(maxsize=4096)
def _named(text: str) -> str:
    """Return a name as it can stand in a record: some come from the stream and may be anything."""
    return _bounded(text, MAX_NAME)


def _bounded(text: str, most: int) -> str:
    """Return `text`, or its beginning and its digest if it is longer than `most` characters."""
    text = text.encode("utf-8", "backslashreplace").decode()
    if len(text) <= most:
        return text
    return f"{text[:most]}... (cut; sha256:{hashlib.sha256(text.encode()).hexdigest()})"


def _word(text: str) -> str:
    """Return an id as it is if it can stand in a record, else its hash."""
    fits = 0 < len(text) <= 200 and all("\x21" <= c <= "\x7e" for c in text)
    return text if fits else _hash(["id", text])


def _actor(human: Human | None) -> dict[str, str]:
    if human is None:
        return {"type": "agent", "id": "pantau"}
    return {"type": "human", "id": human.pseudonym, "authn": human.authn}


def _subject(system: str, version: str | None) -> str:
    return system if version is None else f"{system}/{version}"


def _hash(content: Sequence[Any]) -> str:
    """Return 128 bits of SHA-256 over the canonical JSON of `content`, as 32 hex digits."""
    return hashlib.sha256(canonical(content)).hexdigest()[:32]


def _present(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}

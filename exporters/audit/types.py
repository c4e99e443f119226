"""What each audit record may say: the table of record types, used by the writer and the verifier.

Every string in a record is of one of the kinds below; a test refuses a bare `str` or `Any`, so
that no field can carry free text about people unnoticed.  To add a record type, write its data
as a struct and add its line to `RECORDS`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

PREFIX = "io.pantau.audit."
SUFFIX = ".v1"
SCHEMA_VERSION = "1.0.0"
MAX_RECORD = 60_000
"""Bytes. A tlog-tiles entry holds 65,535; the rest is room for what an export adds."""

Name = Annotated[str, Meta(max_length=512)]
"""What the operator named (a system, feature, group, rule) or a fixed word of the program."""
Pair = Annotated[str, Meta(max_length=1_100)]
"""Two names with a slash between."""
Word = Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}\Z")]
"""An identifier of the program: printable ASCII without spaces."""
Text = Annotated[str, Meta(max_length=4096)]
"""A sentence made from the program's own templates."""
Reason = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}\Z")]
"""Why input could not be used: a fixed word of the program."""
Digest = Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}\Z")]
_LEAP_YEAR = r"[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][48]|[13579][26]|[2468]0)00"
_DAY = (
    r"(?!0000)(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    r"|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    rf"|(?:{_LEAP_YEAR})-02-29)"
)
_SECOND = rf"^{_DAY}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
Moment = Annotated[str, Meta(pattern=_SECOND + r"Z\Z")]
"""A second that there is in the calendar, UTC: whoever computes with it needs no care."""
MomentMs = Annotated[str, Meta(pattern=_SECOND + r"\.[0-9]{3}Z\Z")]
Hash = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{43}=\Z")]
"""A tree's root, base64 as in a checkpoint."""
VKey = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._~/-]{1,600}\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}\Z")]
"""A signer's public key (c2sp.org/signed-note): name, key id, type and Ed25519 key."""
TraceId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
PSEUDONYM = r"^hmac-sha256:[A-Za-z0-9._-]{1,64}:[0-9a-f]{64}\Z"
"""How a human is named: the id of a destroyable key, and HMAC-SHA-256 of the account under it."""
Person = Annotated[str, Meta(pattern=PSEUDONYM)]
"""A human, by this quarter's pseudonym."""
Count = Annotated[int, Meta(ge=0)]


Box = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+/]{40,59998}={0,2}\Z")]
"""Bytes that are encrypted, in base64."""


class Listed(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """Only the fields that are listed may be present."""


class Span(Listed, frozen=True, kw_only=True):
    """A window `[start, end)` and its name."""

    start: Moment
    end: Moment
    length: Word


class Part(Listed, frozen=True, kw_only=True):
    """Part `i` (from 1) of a record that was too large for one entry."""

    i: Annotated[int, Meta(ge=1)]
    of: Annotated[int, Meta(ge=1)]


class OrphansData(Listed, frozen=True, kw_only=True):
    """Contract C11 `orphans`."""

    request: Count
    response: Count
    label: Count
    review: Count | msgspec.UnsetType = msgspec.UNSET


class PartitionsData(Listed, frozen=True, kw_only=True):
    """Contract C11 `partitions`."""

    assigned: Count
    total: Count


class CoverageData(Listed, frozen=True, kw_only=True):
    """Contract C11."""

    events: Count
    duplicates: Count
    conflicts: Count
    late_dropped: Count
    rejected: dict[Reason, Count]
    orphans: OrphansData
    labelled: Count
    label_coverage: float | None
    sampling: float
    partitions: PartitionsData
    complete: bool
    incomplete_because: Name | None


class SignalData(Listed, frozen=True, kw_only=True):
    """Contract C6."""

    name: Name
    subject: dict[Name, Name]
    value: float | None
    low: float | None
    high: float | None
    level: float
    method: Name
    n: Count | None
    status: Literal["ok", "insufficient_data", "no_reference", "suppressed"]
    reason: Text | None
    reference: Name | None


class ThresholdData(Listed, frozen=True, kw_only=True):
    """Contract C10 `threshold`."""

    op: Literal[">", "<", "abs>"]
    warn: float
    breach: float


class BecauseData(Listed, frozen=True, kw_only=True):
    """Contract C10 `because`."""

    name: Name
    subject: dict[Name, Name]


class VerdictData(Listed, frozen=True, kw_only=True):
    """Contract C10."""

    rule: Name
    principle: Name
    subject: dict[Name, Name]
    state: Literal["ok", "warn", "breach", "not_assessable"]
    severity: Literal["page", "ticket", "info"]
    threshold: ThresholdData
    because: list[BecauseData]
    reason: Text | None
    since: Moment
    policy: Digest
    evidence: Digest | None = None


class SealData(Listed, frozen=True, kw_only=True):
    """Signals that contract C8 withholds, encrypted; `key` is the digest of the key that opens."""

    key: Digest
    box: Box


class WindowData(Listed, frozen=True, kw_only=True):
    """What was measured in a window; `shortened`: the signals are left out, the disk was full.

    `sealed`: what of the withheld signals verdicts were made from (`seal.py`).
    """

    window: Span
    revision: Count
    final: bool
    coverage: CoverageData
    signals: list[SignalData]
    part: Part
    shortened: bool = False
    sealed: SealData | None = None


class AwaitedLabelsData(Listed, frozen=True, kw_only=True):
    """Which verdicts wait for labels, whether the wait is over, and what share was needed.

    `favourable`: the share among favourable predictions, where labels were expected of all.
    So for human decisions, of which no share is needed.
    `only`: the window was judged again for its labels, and the other verdicts stay as they were.
    """

    signals: list[Name]
    mature: bool
    coverage: float | None
    needed: float
    of: Literal["predictions", "favourable predictions"]
    only: bool
    favourable: float | None = None


class JudgingData(Listed, frozen=True, kw_only=True):
    """What verdicts hang on that is in no other record; `longest`: the system's longest window.

    `between`: signals that are judged between windows, too, so that `since` of a verdict on them
    may be a moment that no window shows.  `reviews`: of verdicts that wait for human decisions.
    """

    longest: bool
    labels: AwaitedLabelsData | None = None
    reviews: AwaitedLabelsData | msgspec.UnsetType = msgspec.UNSET
    between: list[Name] = []


class VerdictsData(Listed, frozen=True, kw_only=True):
    """Every verdict on a window."""

    window: Span
    revision: Count
    final: bool
    verdicts: list[VerdictData]
    part: Part
    judging: JudgingData | None = None


class AlertData(Listed, frozen=True, kw_only=True):
    """An alert as it was handed out; `resolved` is set when it is closed."""

    labels: dict[Name, Name]
    annotations: dict[Name, Text]
    starts: Moment
    resolved: Moment | None


class Previous(Listed, frozen=True, kw_only=True):
    """The epoch before this one, as far as it is known: its last checkpoint's size and root."""

    origin: Name
    size: Count | None
    root: Hash | None = None


class GenesisData(Listed, frozen=True, kw_only=True):
    """Record 0: whose log this is."""

    origin: Name
    epoch: Word
    schema: Word
    created_by: Name
    previous: Previous | None
    vkeys: list[VKey] = []
    retention_days: Count | None = None


class ResumeData(Listed, frozen=True, kw_only=True):
    """`replayed`: records found beyond the last note of the log's size."""

    clean: bool
    size: Count
    replayed: Count
    cut_bytes: Count
    downtime_seconds: float | None


class NextEpoch(Listed, frozen=True, kw_only=True):
    """The epoch after this one, and the key that will sign it."""

    origin: Name
    vkey: VKey


class CloseData(Listed, frozen=True, kw_only=True):
    """The epoch ends here: `size` records came before this one, which is the last."""

    reason: Text
    size: Count
    next: NextEpoch | None = None


class KeyRotateData(Listed, frozen=True, kw_only=True):
    """`new` signs from the next checkpoint on, for a while beside `old`.

    Without `old` the log had no checkpoints before.
    """

    old: VKey | None
    new: VKey
    reason: Text


class ExpireData(Listed, frozen=True, kw_only=True):
    """An epoch was kept as long as was promised, and is deleted now."""

    origin: Name
    size: Count | None
    root: Hash | None
    ended: MomentMs
    retention_days: Count


class GapData(Listed, frozen=True, kw_only=True):
    """Records `first` to `last` (of `origin`) or, by name, `counts` records are not in the log."""

    reason: Text
    origin: Name | None = None
    first: Count | None = None
    last: Count | None = None
    counts: dict[Name, Count] = {}
    since: Moment | None = None
    until: Moment | None = None


class StartData(Listed, frozen=True, kw_only=True):
    """The program started."""

    version: Name | None = None
    config_digest: Digest | None = None
    systems: list[Name] = []
    collectors: list[Name] = []
    exporters: list[Name] = []
    python: Name | None = None
    platform: Name | None = None
    store: Word | None = None


class StopData(Listed, frozen=True, kw_only=True):
    """The program stopped."""

    reason: Text | None = None
    clean: bool | None = None
    exit_code: int | None = None
    uptime_seconds: float | None = None
    events: Count | None = None


class HeartbeatData(Listed, frozen=True, kw_only=True):
    """What was written since the heartbeat before; `events` is None if the agent does not say."""

    interval_seconds: float
    records: Count
    reports: Count
    alerts: Count
    events: Count | None


class WaiverData(Listed, frozen=True, kw_only=True):
    """Somebody's answer for asking less of a rule than the packs before, until a day.

    `note` is a sealed blob of the reason.
    """

    rule: Name
    pack: Name
    loosens: list[Text]
    by: Person
    note: Digest
    expires: Word


class ChangeData(Listed, frozen=True, kw_only=True):
    """A digest that is in force from here on; `blob` names the text in `blobs/<sha256>`.

    `switched_off`: packs of the system's sector and country whose rules do not apply.  `note` is a
    sealed blob of what people typed and the text leaves out.
    """

    digest: Digest
    old: Digest | None = None
    blob: Digest | None = None
    bytes: Count | None = None
    system: Name | None = None
    packs: list[Name] = []
    switched_off: list[Name] = []
    waivers: list[WaiverData] = []
    waivers_total: Count | None = None
    note: Digest | None = None
    version: Name | None = None
    rows: Count | None = None
    features: Count | None = None
    created: Moment | None = None
    reason: Text | None = None


class QuarantineData(Listed, frozen=True, kw_only=True):
    """Records that could not be used, by reason; `offsets` is the newest by partition."""

    source: Name | None = None
    total: Count | None = None
    reasons: dict[Reason, Count] = {}
    offsets: dict[Name, Count] = {}
    since: Moment | None = None
    until: Moment | None = None


class ClockData(Listed, frozen=True, kw_only=True):
    """The wall clock moved by `step_ms` against the monotonic clock."""

    step_ms: int


class DeliveredData(Listed, frozen=True, kw_only=True):
    """What became of an alert at one target: the answer of the system that was told."""

    exporter: Name
    change: Literal["raised", "updated", "closed"]
    outcome: Literal["delivered", "refused"]
    status: Count | None = None
    labels: dict[Name, Name]


class CaseData(Listed, frozen=True, kw_only=True):
    """A case as it stands: what it is about, who has it, until when."""

    case: Word
    labels: dict[Name, Name]
    state: Word
    level: Count | None = None
    owner: Person | None = None
    due: Moment | None = None
    reason: Text | None = None
    because: Word | None = None


class DecisionData(Listed, frozen=True, kw_only=True):
    """What a human decided.  Who it was is in `actor`; what they wrote is a sealed blob."""

    case: Word
    decision: Word
    reason_code: Word
    severity: Word | None = None
    note: Digest | None = None
    needs: Annotated[int, Meta(ge=1)] = 1
    given: Annotated[int, Meta(ge=1)] = 1
    expires: Moment | None = None


class ErasureData(Listed, frozen=True, kw_only=True):
    """A key, a sealed blob or a sample was destroyed: nobody can read or link it any more."""

    what: Literal["actor", "blob", "evidence", "replay_key"]
    evidence: Digest | None = None
    blob: Digest | None = None
    key: Word | None = None
    request: Word | None = None


class DisclosureData(Listed, frozen=True, kw_only=True):
    """Somebody who had access to the private part took out what the log holds encrypted.

    A `text` was read: `blob`, its digest.  Or the `replay_keys` of these `epochs` were written to a
    file, with which whoever has it reads what those seal.
    """

    what: Literal["text", "replay_keys"]
    blob: Digest | None = None
    epochs: list[Word] = []


class EvidenceData(Listed, frozen=True, kw_only=True):
    """What came of a sample that verdicts name as `evidence`: a report, or why there is none.

    `html` and `json` are digests of the report's files, which are kept outside the log; `against`
    is `reference`, or the digest of the sample of another window.
    """

    evidence: Digest
    result: Word
    window: Span
    rules: list[Name] = []
    against: Word | None = None
    html: Digest | None = None
    json: Digest | None = None


class ExportData(Listed, frozen=True, kw_only=True):
    """Records were taken out of the log: which, in what form, and the digest of what was made."""

    format: Word
    first: Count
    size: Count
    records: Count
    digest: Digest | None = None
    types: list[Word] = []


class EarlierData(Listed, frozen=True, kw_only=True):
    """What was stated before of the moment from which a clock starts."""

    started: Moment
    by: Person


class IncidentClockData(Listed, frozen=True, kw_only=True):
    """How an incident clock stands; `by` stated the moment that it starts from, or closed it.

    `closed`: when, as they say; the record itself is of when the agent heard of it.  `earlier`:
    what was stated of that moment before, oldest first.
    """

    incident: Word
    event: Word
    clock: Word
    state: Literal["waiting", "running", "overdue", "closed"]
    starts: Word
    started: Moment | None = None
    due: Moment | None = None
    closed: Moment | None = None
    by: Person | None = None
    earlier: list[EarlierData] = []
    source: Text
    verified_on: Word
    confidence: Word


RECORDS: dict[str, type[Listed]] = {
    "log.genesis": GenesisData,
    "log.resume": ResumeData,
    "log.close": CloseData,
    "log.gap": GapData,
    "log.key.rotate": KeyRotateData,
    "log.expire": ExpireData,
    "agent.start": StartData,
    "agent.stop": StopData,
    "heartbeat": HeartbeatData,
    "config.change": ChangeData,
    "policy.change": ChangeData,
    "reference.change": ChangeData,
    "window.signals": WindowData,
    "window.restated": WindowData,
    "policy.verdict": VerdictsData,
    "alert.raised": AlertData,
    "alert.updated": AlertData,
    "alert.closed": AlertData,
    "alert.delivered": DeliveredData,
    "case.opened": CaseData,
    "case.updated": CaseData,
    "case.closed": CaseData,
    "human.decision": DecisionData,
    "quarantine.summary": QuarantineData,
    "clock.step": ClockData,
    "incident.clock": IncidentClockData,
    "privacy.erasure": ErasureData,
    "privacy.disclosure": DisclosureData,
    "evidence.made": EvidenceData,
    "export.made": ExportData,
}

Severity = Literal["info", "notice", "warning", "alert"]
_PROGRAM = r"[a-z][a-z0-9._-]{0,63}"


class Actor(Listed, frozen=True, kw_only=True):
    """Who did it; `authn` is how a human proved it.

    A human's id is a `PSEUDONYM`, any other a word of small letters.
    """

    type: Literal["agent", "human", "system"]
    id: Name
    authn: Word | None = None


class Agent(Listed, frozen=True, kw_only=True):
    """The program that wrote the record, and what it ran with."""

    version: Name
    config_digest: Digest
    policy_digest: Digest | None


class Model(Listed, frozen=True, kw_only=True):
    """The watched system and its model version."""

    name: Name
    version: Name


class Correlation(Listed, frozen=True, kw_only=True):
    """Ids of what this record belongs to: a window record, an alert, a trace of OpenTelemetry."""

    window: Word | None = None
    alert: Word | None = None
    trace_id: TraceId | None = None


class Envelope(Listed, frozen=True, kw_only=True):
    """The CloudEvents 1.0 attributes and our extensions (contract C16)."""

    specversion: Literal["1.0"]
    id: Word
    source: Name
    type: Word
    subject: Pair | None = None
    time: MomentMs
    datacontenttype: Literal["application/json"]
    dataschema: Word
    seq: Count
    bootid: Word
    mono: Annotated[str, Meta(pattern=r"^[0-9]{1,20}\Z")]
    sev: Severity
    actor: Actor
    agent: Agent
    model: Model | None = None
    corr: Correlation
    data: msgspec.Raw


class SchemaError(ValueError):
    """A record that says something its type does not list, or does not say what it must."""


def record_name(type_: str) -> str:
    """Return the name inside a record type, `window.signals` for `io.pantau...v1`."""
    name = type_.removeprefix(PREFIX).removesuffix(SUFFIX)
    if name not in RECORDS or type_ != PREFIX + name + SUFFIX:
        raise SchemaError(f"unknown record type {type_!r}")
    return name


def read(payload: bytes) -> tuple[Envelope, Any]:
    """Return the envelope and the data of a record; raise `SchemaError` if it is not of its type.

    The data is an instance of the struct that `RECORDS` lists for the type.
    """
    if len(payload) > MAX_RECORD:
        raise SchemaError(f"{len(payload)} bytes; a record has at most {MAX_RECORD}")
    try:
        envelope = _decoder("").decode(payload)
        name = record_name(envelope.type)
        actor = envelope.actor
        if actor.type == "human" and not re.fullmatch(PSEUDONYM, actor.id):
            raise SchemaError("a human actor is named by a pseudonym, nothing else")
        if actor.type != "human" and not re.fullmatch(_PROGRAM, actor.id):
            raise SchemaError(f"{actor.id!r} is no name of a program")
        if envelope.dataschema != dataschema(name):
            raise SchemaError(f"dataschema {envelope.dataschema!r} is not that of {name}")
        return envelope, _decoder(name).decode(envelope.data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise SchemaError(str(error)) from error


def dataschema(name: str) -> str:
    """Return the URI that names the schema of a record's data."""
    return f"urn:pantau:audit:{name}:{SCHEMA_VERSION}"


def listed_fields(name: str) -> frozenset[str]:
    """Return the fields that the data of record `name` may have."""
    return frozenset(RECORDS[name].__struct_fields__)


@lru_cache
def _decoder(name: str) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(RECORDS[name] if name else Envelope)

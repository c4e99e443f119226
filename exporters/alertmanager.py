"""Alerts to Alertmanager (API v2): the present picture, posted again and again.

Alertmanager keeps an alert for as long as someone repeats it, and knows an alert by its labels.  So
this exporter holds what is firing now, not a queue of changes: whatever happens while Alertmanager
is away, the first successful post puts it right.

- A firing alert is posted when it changes and then every `repost`, with `endsAt` = now +
  `ends_after`: a dead agent does not read as resolved.
- A closed alert is posted in full (Alertmanager forgets annotations that a post does not repeat)
  with `endsAt` = the time it closed, to every member, and repeated for 15 minutes.
- Each member of a cluster gets every alert; a post counts as delivered once any member took it,
  and the others are tried again.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import httpx
from pydantic import Field, WithJsonSchema, field_validator, model_validator

from exporters.base import ExportError, Numbered, Standing
from exporters.bounded_http import FAILURES, Answer, BoundedClient, reason
from exporters.context import Context, tell_nobody
from exporters.deadline import Deadline
from exporters.log import RateLimited, clean_text, get_logger
from exporters.open_clocks import OpenClocks
from exporters.options import Duration, Options
from exporters.published import Published
from policies.model import Alert, Notice

LABELS = (
    "alertname",
    "system",
    "model_version",
    "principle",
    "rule",
    "attribute",
    "severity",
)
"""The labels of an alert, and nothing else (contract C15)."""

CHECKPOINT_ANNOTATION = "audit_checkpoint"
CLOCKS_ANNOTATION = "incident_clocks_open"
LEFT_ANNOTATION = "time_left"

_ADDRESSES = {
    "anyOf": [
        {"type": "string", "format": "uri"},
        {"type": "array", "items": {"type": "string", "format": "uri"}, "minItems": 1},
    ]
}
_REPEAT_CLOSED = 15 * 60.0  # as Prometheus itself repeats resolved alerts
_CHUNK = 64
_MOST = 1 << 20  # a refusal names every alert of a chunk; the status holds the configuration
_REFUSED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)

_log = RateLimited(get_logger(__name__))


class AlertmanagerOptions(Options):
    """Where Alertmanager is and how to speak to it; secrets only by file, read at each post."""

    type: Literal["alertmanager"] = "alertmanager"
    url: Annotated[tuple[str, ...], WithJsonSchema(_ADDRESSES)] = Field(
        description="Address of Alertmanager, or of every member of its cluster."
    )
    timeout: Duration = Field(default=10, description="How long one post may take.")
    repost: Duration = Field(
        default=60, description="How often standing alerts are posted again, changed or not."
    )
    ends_after: Duration = Field(
        default=4 * 3_600,
        description="How long an alert stands after the last post, should the agent die; at least "
        "three times `repost`.",
    )
    username: str | None = Field(
        default=None, description="User for basic authentication; needs `password_file`."
    )
    password_file: Path | None = Field(default=None, description="File that holds the password.")
    bearer_token_file: Path | None = Field(
        default=None, description="File that holds a bearer token, instead of user and password."
    )
    ca_file: Path | None = Field(
        default=None, description="Certificates to trust (PEM); without it those of the system."
    )
    generator_url: str | None = Field(
        default=None,
        description="Link of every alert, such as to a dashboard or a runbook (`generatorURL`).",
    )

    @field_validator("url", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        urls = [value] if isinstance(value, str) else value
        if not isinstance(urls, list | tuple) or not urls:
            raise ValueError("needs an address such as http://127.0.0.1:9093, or a list of them")
        return [_address(url) for url in urls]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.username is None) != (self.password_file is None):
            raise ValueError("`username` and `password_file` belong together")
        if self.username is not None and self.bearer_token_file is not None:
            raise ValueError("use either `username` and `password_file` or `bearer_token_file`")
        if self.ends_after < 3 * self.repost:
            raise ValueError("`ends_after` must be at least three times `repost`")
        return self


def _address(url: Any) -> str:
    wrong = ValueError("needs an address such as http://127.0.0.1:9093")
    if not isinstance(url, str):
        raise wrong
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        raise wrong from None
    if not usable:
        raise wrong
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold credentials; use `username` and `password_file`")
    return parts._replace(query="", fragment="").geturl().rstrip("/")


@dataclass
class _Known:
    """An alert as it stands, and the members that do not have it like this yet."""

    alert: Alert
    missing: set[str]
    closed_at: float | None = None
    refused: set[str] = field(default_factory=set)


@dataclass
class _Member:
    """One Alertmanager: when everything was last repeated to it, and its run of failures."""

    url: str
    repeated_at: float = float("-inf")
    retry_at: float = float("-inf")
    failures: int = 0


class AlertmanagerExporter:
    """Holds the firing and the recently closed alerts and keeps Alertmanager in step with them."""

    name = "alertmanager"
    required = False

    def __init__(
        self,
        options: AlertmanagerOptions,
        base: Path = Path(),
        *,
        clock: Callable[[], float] = time.time,
        transport: httpx.AsyncBaseTransport | None = None,
        published: Published | None = None,
        open_clocks: OpenClocks | None = None,
        announce: Callable[[Notice], None] = tell_nobody,
    ) -> None:
        self._options, self._base = options, base
        self._published, self._announce = published, announce
        self._open_clocks = open_clocks
        self._clock, self._transport = clock, transport
        self._members = [_Member(url) for url in options.url]
        self._known: dict[tuple[str, ...], _Known] = {}
        self._client: BoundedClient | None = None
        self._seconds = float(options.timeout)

    def check(self) -> str:
        """Ask each member for its version; raises `ExportError` naming those that fail."""
        answers, problems = [], []
        with self._new_client() as client:
            for member in self._members:
                try:
                    answers.append(f"{member.url}: Alertmanager {self._version(client, member)}")
                except ExportError as error:
                    problems.append(str(error))
        if problems:
            raise ExportError("; ".join(problems))
        return ", ".join(answers)

    def start(self, standing: Standing) -> None:
        """Take over the standing alerts; an Alertmanager that is away is no start-up failure."""
        self._client = self._new_client()
        self._credentials()
        self._take(standing.alerts)

    def export(self, items: Sequence[Numbered]) -> None:
        """Bring the picture up to date; `tick` posts it, so this never fails."""
        self._take(one.item for one in items if isinstance(one.item, Alert))

    def tick(self, now: float) -> None:
        """Post what is due; raises `ExportError` when no member took it."""
        self._close_and_forget(now)
        due = [member for member in self._members if self._due(member, now)]
        errors = [error for member in due if (error := self._serve(member, now)) is not None]
        if errors and all(member.failures for member in self._members):
            for member in self._members:
                member.retry_at = now  # nobody took it: whoever called us decides when to retry
            raise ExportError("; ".join(errors))

    def stop(self, timeout: float) -> None:
        """Post what is not posted yet and close; firing alerts are left standing."""
        if self._client is None:
            return
        deadline = Deadline(timeout)
        try:
            if any(known.missing for known in self._known.values()):
                self._flush(deadline)
        finally:
            self._client.close()
            self._client = None

    def firing(self) -> int:
        """Return how many alerts are firing."""
        return sum(not _is_closed(known.alert) for known in self._known.values())

    # The picture.

    def _take(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            key = tuple(alert.labels.get(label, "") for label in LABELS)
            self._known[key] = _Known(alert, {member.url for member in self._members})

    def _close_and_forget(self, now: float) -> None:
        for key, known in list(self._known.items()):
            if not _is_closed(known.alert):
                continue
            if known.closed_at is None:
                known.closed_at = now
            age = now - known.closed_at
            # After `ends_after` a member that we never reached has let the alert end by itself.
            if age >= self._options.ends_after or (age >= _REPEAT_CLOSED and not known.missing):
                del self._known[key]

    # One member.

    def _due(self, member: _Member, now: float) -> bool:
        if now < member.retry_at:
            return False
        return self._repeat_due(member, now) or any(
            member.url in known.missing for known in self._known.values()
        )

    def _repeat_due(self, member: _Member, now: float) -> bool:
        # A wall clock that was set back must not silence us.
        elapsed = now - member.repeated_at
        return bool(self._known) and (elapsed >= self._options.repost or elapsed < 0)

    def _serve(self, member: _Member, now: float) -> str | None:
        """Post what this member lacks, or everything if that is due; return what went wrong."""
        everything = self._repeat_due(member, now)
        batch = [
            known
            for known in self._known.values()
            if member.url in known.missing or (everything and member.url not in known.refused)
        ]
        try:
            for start in range(0, len(batch), _CHUNK):
                self._post(member, batch[start : start + _CHUNK], now)
        except ExportError as error:
            member.failures += 1
            backoff = 2.0 ** min(member.failures, 16)
            member.retry_at = now + min(float(self._options.repost), backoff)
            _log.log("warning", "alert_post_failed", key=member.url, error=str(error))
            return str(error)
        if everything:
            member.repeated_at = now
        member.failures, member.retry_at = 0, float("-inf")
        return None

    def _post(self, member: _Member, batch: Sequence[_Known], now: float) -> None:
        answer = self._send(member, [self._document(known, now) for known in batch])
        if answer.status in _REFUSED and len(batch) > 1:
            # Alertmanager takes the good ones of a batch and does not say which are bad.
            for known in batch:
                self._post(member, [known], now)
            return
        for known in batch:
            if answer.status in _REFUSED:
                known.refused.add(member.url)
                self._say_refused(member, known, answer)
            if member.url in known.missing:
                self._announce(_receipt(member, known.alert, answer.status, now))
            known.missing.discard(member.url)

    def _send(self, member: _Member, documents: list[dict[str, Any]]) -> Answer:
        """Post; return an answer that is a success or a refusal of the content, else raise."""
        if self._client is None:
            raise ExportError(f"exporter alertmanager is not started ({member.url})")
        headers = {"Content-Type": "application/json"} | self._credentials()
        try:
            # A success says all by its status, whatever it has for a body.
            answer = self._client.ask(
                "POST",
                f"{member.url}/api/v2/alerts",
                seconds=self._seconds,
                most=_MOST,
                content=json.dumps(documents).encode(),
                headers=headers,
                wanted=_REFUSED,
            )
        except FAILURES as error:
            raise ExportError(_unreachable(member, error)) from error
        if _is_success(answer) or answer.status in _REFUSED:
            return answer
        raise ExportError(_refusal(member, answer))

    def _document(self, known: _Known, now: float) -> dict[str, Any]:
        alert = known.alert
        ends = now + self._options.ends_after if known.closed_at is None else known.closed_at
        document: dict[str, Any] = {
            "labels": {label: alert.labels[label] for label in LABELS if alert.labels.get(label)},
            "annotations": alert.annotations
            | self._running(alert.labels, now)
            | self._remembered(),
            # Event time may be ahead of the clock; Alertmanager refuses an end before the start.
            "startsAt": _instant(min(float(alert.starts_at), now, ends)),
            "endsAt": _instant(ends),
        }
        if self._options.generator_url is not None:
            document["generatorURL"] = self._options.generator_url
        return document

    def _running(self, labels: Mapping[str, str], now: float) -> dict[str, str]:
        """Return what says how long there is to notify somebody, as of this post."""
        if self._open_clocks is None:
            return {}
        system = labels.get("system", "")
        texts = {
            CLOCKS_ANNOTATION: self._open_clocks.words(system, now),
            LEFT_ANNOTATION: self._open_clocks.left(system, labels.get("rule", ""), now),
        }
        return {key: text for key, text in texts.items() if text}

    def _remembered(self) -> dict[str, str]:
        """Return the annotation that lets every receiver of an alert hold the audit log to account.

        Where alerts go, nobody who could rewrite the log can follow.
        """
        newest = None if self._published is None else self._published.newest()
        return {} if newest is None else {CHECKPOINT_ANNOTATION: str(newest)}

    def _say_refused(self, member: _Member, known: _Known, answer: Answer) -> None:
        _log.log(
            "error",
            "alert_refused",
            key=f"refused {member.url}",
            url=member.url,
            rule=known.alert.labels.get("rule", ""),
            system=known.alert.labels.get("system", ""),
            status=answer.status,
            answer=answer.body.decode(errors="replace")[:500],
        )

    # The connection.

    def _flush(self, deadline: Deadline) -> None:
        """Post once more, giving each member an equal part of what is left."""
        if self._client is None or deadline.expired():
            raise ExportError("exporter alertmanager: no time left to post the last changes")
        self._seconds = deadline.remaining() / len(self._members)
        for member in self._members:
            member.retry_at = float("-inf")
        self.tick(self._clock())

    def _new_client(self) -> BoundedClient:
        timeout = float(self._options.timeout)
        return BoundedClient(
            transport=self._transport,
            idle=httpx.Timeout(timeout, connect=min(timeout, 3.0)),
            verify=self._tls(),
        )

    def _tls(self) -> ssl.SSLContext | bool:
        if self._options.ca_file is None:
            return True
        path = self._base / self._options.ca_file
        try:
            return ssl.create_default_context(cafile=str(path))
        except (OSError, ssl.SSLError) as error:
            raise ExportError(
                f"exporter alertmanager: cannot read `ca_file` {path}: {error}", retry=False
            ) from error

    def _credentials(self) -> dict[str, str]:
        """Return the header that proves who we are.

        Files are read each time, so that rotation just works.
        """
        options = self._options
        if options.username is not None and options.password_file is not None:
            password = self._secret("password_file", options.password_file)
            pair = base64.b64encode(f"{options.username}:{password}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        if options.bearer_token_file is not None:
            token = self._secret("bearer_token_file", options.bearer_token_file)
            if not token or not token.isascii() or any(c <= " " for c in token):
                # Sent as it is, it would stand in the error that says why it cannot be sent.
                raise ExportError(
                    f"exporter alertmanager: `bearer_token_file` {options.bearer_token_file} must "
                    "hold one token, in ASCII and without spaces or line breaks in it"
                )
            return {"Authorization": f"Bearer {token}"}
        return {}

    def _secret(self, key: str, path: Path) -> str:
        try:
            return (self._base / path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ExportError(
                f"exporter alertmanager: cannot read `{key}` {path}: {type(error).__name__}"
            ) from None

    def _version(self, client: BoundedClient, member: _Member) -> str:
        headers = self._credentials()
        try:
            answer = client.ask(
                "GET",
                f"{member.url}/api/v2/status",
                seconds=self._seconds,
                most=_MOST,
                headers=headers,
            )
        except FAILURES as error:
            raise ExportError(_unreachable(member, error)) from error
        if not _is_success(answer):
            raise ExportError(_refusal(member, answer))
        try:
            return str(json.loads(answer.body)["versionInfo"]["version"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ExportError(
                f"{member.url} answers, but not as an Alertmanager (API v2); check `url`"
            ) from None


def _receipt(member: _Member, alert: Alert, status: int, now: float) -> Notice:
    """Return what the audit log says of a change that a member took or refused."""
    told = [member.url, alert.change, alert.starts_at, *sorted(alert.labels.items())]
    outcome = "refused" if status in _REFUSED else "delivered"
    mark = hashlib.sha256(repr([*told, int(now)]).encode()).hexdigest()[:32]
    return Notice(
        name="alert.delivered",
        id=f"alert.delivered/{mark}",
        time=int(now),
        system=alert.labels.get("system") or None,
        data={
            "exporter": "alertmanager",
            "change": alert.change,
            "outcome": outcome,
            "status": status,
            "labels": alert.labels,
        },
    )


def _is_closed(alert: Alert) -> bool:
    return alert.change == "closed" or alert.resolved_at is not None


def _is_success(answer: Answer) -> bool:
    return httpx.codes.is_success(answer.status)


def _instant(epoch_seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(epoch_seconds, tz=dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _unreachable(member: _Member, error: Exception) -> str:
    return f"Alertmanager {member.url} cannot be reached: {clean_text(reason(error))}"


def _refusal(member: _Member, answer: Answer) -> str:
    hint: str = {
        int(
            HTTPStatus.UNAUTHORIZED
        ): "; check `username` and `password_file`, or `bearer_token_file`",
        int(HTTPStatus.FORBIDDEN): "; check the rights of the configured account",
        int(HTTPStatus.NOT_FOUND): "; check `url`: it is the address before /api/v2",
    }.get(answer.status, "")
    return f"Alertmanager {member.url} answered {answer.status}{hint}"


def build(options: AlertmanagerOptions, context: Context) -> AlertmanagerExporter:
    """Return the exporter; files are relative to the configuration's folder."""
    return AlertmanagerExporter(
        options,
        context.base,
        clock=context.clock,
        published=context.published,
        open_clocks=context.open_clocks,
        announce=context.announce,
    )

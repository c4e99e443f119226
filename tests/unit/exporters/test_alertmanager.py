"""What Alertmanager is told, and when, whatever happens to it meanwhile."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from exporters.alertmanager import LABELS, AlertmanagerExporter, AlertmanagerOptions
from exporters.base import ExportError, Numbered, Standing
from exporters.open_clocks import OpenClock, OpenClocks
from policies.model import Alert
from tests.support.unread import unread
from tests.unit.exporters.samples import START, alert, report

A, B = "http://am-a.example:9093", "http://am-b.example:9093"
NOW = float(START + 100)
IN_FOUR_HOURS = "2026-01-01T04:01:40.000Z"


_made: list[Cluster] = []


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    while _made:
        cluster = _made.pop()
        with suppress(ExportError):  # of a cluster that is away still
            cluster.exporter.stop(1.0)


class Cluster:
    """Alertmanagers that can be away, and remember what they were sent."""

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.posts: dict[str, list[list[dict[str, Any]]]] = {A: [], B: []}
        self.requests: list[httpx.Request] = []
        self.away: set[str] = set()
        self.status: dict[str, int] = {}
        self.refused_rule = ""
        self.numbers = 0
        self.clocks = OpenClocks()
        base = options.pop("base", Path())
        self.exporter = AlertmanagerExporter(
            AlertmanagerOptions.model_validate({"url": A, **options}),
            base,
            clock=lambda: self.now,
            transport=httpx.MockTransport(lambda request: unread(self._answer(request))),
            open_clocks=self.clocks,
        )
        _made.append(self)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        member = f"{request.url.scheme}://{request.url.host}:{request.url.port}"
        if member in self.away:
            raise httpx.ConnectError("connection refused")
        if request.url.path.endswith("/status"):
            return httpx.Response(200, json={"versionInfo": {"version": "0.25.0"}})
        if member in self.status:
            return httpx.Response(self.status[member], text="no")
        posted = json.loads(request.content)
        taken = [one for one in posted if one["labels"].get("rule") != self.refused_rule]
        if taken:
            self.posts[member].append(taken)
        return httpx.Response(200 if len(taken) == len(posted) else 400, text="bad alert")

    def send(self, *alerts: Alert) -> None:
        self.numbers += 1
        self.exporter.export([Numbered(self.numbers, one) for one in alerts])

    def tick(self, seconds: float = 0.0) -> None:
        self.now += seconds
        self.exporter.tick(self.now)

    def last(self, member: str = A) -> dict[str, Any]:
        return self.posts[member][-1][0]


def started(standing: Sequence[Alert] = (), **options: Any) -> Cluster:
    cluster = Cluster(**options)
    cluster.exporter.start(Standing((), standing))
    return cluster


def test_a_raised_alert_is_posted_at_once_with_the_contracts_labels() -> None:
    cluster = started(generator_url="https://pantau.example/cases")
    cluster.send(alert())
    cluster.tick()
    assert cluster.requests[-1].url == f"{A}/api/v2/alerts"
    assert cluster.posts[A] == [
        [
            {
                "labels": alert().labels,
                "annotations": alert().annotations,
                "startsAt": "2026-01-01T00:00:00.000Z",
                "endsAt": IN_FOUR_HOURS,
                "generatorURL": "https://pantau.example/cases",
            }
        ]
    ]
    assert list(cluster.last()["labels"]) == list(LABELS)


def test_no_other_label_gets_out_and_empty_ones_are_left_away() -> None:
    cluster = started()
    odd = alert(attribute="")
    odd.labels["feature"] = "income"
    cluster.send(odd)
    cluster.tick()
    assert sorted(cluster.last()["labels"]) == sorted(set(LABELS) - {"attribute"})


def test_it_is_repeated_each_minute_with_a_new_end() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.tick()
    cluster.tick(59)
    assert len(cluster.posts[A]) == 1
    cluster.tick(1)
    assert len(cluster.posts[A]) == 2
    assert cluster.last()["endsAt"] == "2026-01-01T04:02:40.000Z"
    assert cluster.last()["startsAt"] == "2026-01-01T00:00:00.000Z"


def test_nothing_is_posted_when_nothing_stands() -> None:
    cluster = started()
    cluster.exporter.export([Numbered(1, report())])
    cluster.tick()
    cluster.tick(3_600)
    assert cluster.requests == []


def test_an_update_replaces_the_annotations_at_once() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.tick()
    cluster.send(alert(summary="Worse now"))
    cluster.tick(1)
    assert cluster.last()["annotations"]["summary"] == "Worse now"
    assert cluster.exporter.firing() == 1


def test_a_closed_alert_is_posted_in_full_and_repeated_for_a_quarter_of_an_hour() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.tick()
    cluster.send(alert(closed_at=START + 110))
    cluster.tick(10)
    assert cluster.last()["endsAt"] == "2026-01-01T00:01:50.000Z"
    assert cluster.last()["annotations"] == alert().annotations
    assert cluster.exporter.firing() == 0
    for _ in range(30):
        cluster.tick(60)
    assert len(cluster.posts[A]) == 1 + 15
    assert {post[0]["endsAt"] for post in cluster.posts[A][1:]} == {"2026-01-01T00:01:50.000Z"}


def test_a_resolve_is_not_lost_while_alertmanager_is_away() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.tick()
    cluster.away = {A}
    cluster.send(alert(closed_at=START + 110))
    for _ in range(3):
        with pytest.raises(ExportError, match=f"{A} cannot be reached: connection refused"):
            cluster.tick(1_800)
    cluster.away = set()
    cluster.tick(1)
    assert len(cluster.posts[A]) == 2
    assert cluster.last()["endsAt"] < "2026-01-01T00:35"
    assert cluster.last()["annotations"] == alert().annotations


def test_while_away_only_the_latest_picture_is_kept() -> None:
    cluster = started()
    cluster.away = {A}
    for i in range(50):
        cluster.send(alert(summary=f"Version {i}"))
    with pytest.raises(ExportError):
        cluster.tick()
    cluster.away = set()
    cluster.tick(1)
    assert [[one["annotations"]["summary"] for one in p] for p in cluster.posts[A]] == [
        ["Version 49"]
    ]


def test_an_alert_closed_and_raised_again_fires_again() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.send(alert(closed_at=START + 110))
    cluster.tick()
    cluster.send(alert(starts_at=START + 90))
    cluster.tick(1)
    assert cluster.last()["endsAt"] > "2026-01-01T04"
    assert cluster.last()["startsAt"] == "2026-01-01T00:01:30.000Z"


def test_what_stood_before_a_restart_is_posted_again() -> None:
    cluster = started([alert(), alert("drift.feature", attribute="")])
    cluster.tick()
    assert {one["labels"]["rule"] for one in cluster.posts[A][0]} == {
        "fairness.parity",
        "drift.feature",
    }


def test_every_member_gets_every_alert() -> None:
    cluster = started(url=[A, B])
    cluster.send(alert())
    cluster.tick()
    assert cluster.posts[A] == cluster.posts[B]
    assert len(cluster.posts[A]) == 1


def test_one_member_is_enough_and_the_other_gets_it_later() -> None:
    cluster = started(url=[A, B])
    cluster.away = {B}
    cluster.send(alert())
    cluster.tick()
    cluster.tick(1)
    assert len(cluster.posts[A]) == 1
    cluster.away = set()
    cluster.tick(5)
    assert len(cluster.posts[A]) == 1, "it was not due again"
    assert [post[0]["labels"] for post in cluster.posts[B]] == [alert().labels]


def test_a_resolve_reaches_a_member_that_comes_back_an_hour_later() -> None:
    cluster = started(url=[A, B])
    cluster.send(alert())
    cluster.tick()
    cluster.away = {B}
    cluster.send(alert(closed_at=START + 110))
    cluster.tick(10)
    for _ in range(60):
        cluster.tick(60)
    cluster.away = set()
    cluster.tick(60)
    assert cluster.last(B)["endsAt"] == "2026-01-01T00:01:50.000Z"


def test_it_fails_when_no_member_took_it() -> None:
    cluster = started(url=[A, B])
    cluster.away = {A, B}
    cluster.send(alert())
    with pytest.raises(ExportError) as caught:
        cluster.tick()
    assert A in str(caught.value)
    assert B in str(caught.value)
    with pytest.raises(ExportError):
        cluster.tick(1)


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "password_file"), (404, "/api/v2"), (503, "503"), (302, "302")]
)
def test_an_answer_that_is_no_success_says_what_to_do(status: int, hint: str) -> None:
    cluster = started()
    cluster.status = {A: status}
    cluster.send(alert())
    with pytest.raises(ExportError, match=hint) as caught:
        cluster.tick()
    assert caught.value.retry
    cluster.status = {}
    cluster.tick(1)
    assert len(cluster.posts[A]) == 1


def test_an_alert_that_alertmanager_refuses_does_not_take_the_others_with_it() -> None:
    cluster = started()
    cluster.refused_rule = "bad.rule"
    cluster.send(alert(), alert("bad.rule"), alert("drift.feature"))
    cluster.tick()
    accepted = {one["labels"]["rule"] for post in cluster.posts[A] for one in post}
    assert accepted == {"fairness.parity", "drift.feature"}
    sent = len(cluster.requests)
    cluster.tick(1)
    assert len(cluster.requests) == sent, "the refused one is not tried every second"
    cluster.tick(60)
    repeated = json.loads(cluster.requests[-1].content)
    assert {one["labels"]["rule"] for one in repeated} == accepted, "nor repeated"
    cluster.refused_rule = ""
    cluster.send(alert("bad.rule", summary="mended"))
    cluster.tick(1)
    assert cluster.last()["annotations"]["summary"] == "mended"


def test_event_time_ahead_of_the_clock_never_ends_before_it_starts() -> None:
    cluster = started()
    cluster.send(alert(starts_at=START + 400))
    cluster.tick()
    assert cluster.last()["startsAt"] == "2026-01-01T00:01:40.000Z"
    cluster.send(alert(starts_at=START + 400, closed_at=START + 500))
    cluster.tick(1)
    assert cluster.last()["startsAt"] == cluster.last()["endsAt"]


def test_a_clock_that_was_set_back_does_not_silence_it() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.tick()
    cluster.tick(-7_200)
    assert len(cluster.posts[A]) == 2


def test_each_post_says_how_long_is_left_to_notify_somebody() -> None:
    cluster = started()
    due = int(NOW) + 3 * 3_600
    open_clocks = [OpenClock("INC-1", "To the authority", "confirmed_at", due)]
    open_clocks.append(OpenClock("INC-2", "To the authority", "confirmed_at", None))
    cluster.clocks.set({alert().labels["system"]: open_clocks})
    cluster.send(alert())
    cluster.tick()
    said = cluster.last()["annotations"]["incident_clocks_open"]
    assert said == (
        "INC-1: To the authority: running, due 2026-01-01T03:01:40Z, 3 h 0 min left; "
        "INC-2: To the authority: waits for confirmed_at"
    )
    cluster.tick(60)
    assert "2 h 59 min left" in cluster.last()["annotations"]["incident_clocks_open"]
    cluster.clocks.set({"another": open_clocks})
    cluster.tick(60)
    assert "incident_clocks_open" not in cluster.last()["annotations"]


def test_the_alert_of_a_clock_says_how_long_that_clock_has() -> None:
    cluster = started()
    rule = "vn-ai-serious-incident/INC-7"
    due = int(NOW) + 3 * 3_600
    mine = OpenClock("INC-7", "To the authority", "confirmed_at", due, rule)
    sooner = [
        OpenClock(f"INC-{i}", "To the authority", "confirmed_at", due - 60, f"x/INC-{i}")
        for i in range(6)
    ]
    cluster.clocks.set({alert().labels["system"]: [*sooner, mine]})
    cluster.send(alert(rule), alert("drift.feature"))
    cluster.tick()
    said = {a["labels"]["rule"]: a["annotations"].get("time_left") for a in cluster.posts[A][-1]}
    assert said == {rule: "3 h 0 min left", "drift.feature": None}


def test_large_pictures_go_in_parts() -> None:
    cluster = started()
    cluster.send(*(alert(f"rule-{i}") for i in range(150)))
    cluster.tick()
    assert [len(post) for post in cluster.posts[A]] == [64, 64, 22]


def test_stop_posts_what_is_not_posted_yet_and_leaves_firing_alerts_standing() -> None:
    cluster = started()
    cluster.send(alert())
    cluster.exporter.stop(5.0)
    assert cluster.last()["endsAt"] == IN_FOUR_HOURS
    cluster.exporter.stop(5.0)
    assert len(cluster.posts[A]) == 1


def test_stop_says_when_it_could_not() -> None:
    cluster = started()
    cluster.away = {A}
    cluster.send(alert())
    with pytest.raises(ExportError):
        cluster.exporter.stop(5.0)
    cluster.exporter.stop(5.0)


def test_check_names_the_version_or_the_member_that_fails() -> None:
    cluster = Cluster(url=[A, B])
    assert cluster.exporter.check() == (f"{A}: Alertmanager 0.25.0, {B}: Alertmanager 0.25.0")
    cluster.away = {B}
    with pytest.raises(ExportError, match=f"^Alertmanager {B} cannot be reached"):
        cluster.exporter.check()


def test_basic_authentication_reads_the_file_each_time(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("first\n")
    cluster = started(username="pantau", password_file="pw", base=tmp_path)
    cluster.send(alert())
    cluster.tick()
    (tmp_path / "pw").write_text("second\n")
    cluster.tick(60)
    sent = [request.headers["authorization"] for request in cluster.requests]
    expected = [httpx.BasicAuth("pantau", password) for password in ("first", "second")]
    assert sent == [auth._auth_header for auth in expected]


def test_bearer_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    cluster = started(bearer_token_file="token", base=tmp_path)
    cluster.send(alert())
    cluster.tick()
    assert cluster.requests[-1].headers["authorization"] == "Bearer abc"


@pytest.mark.parametrize("content", ["hush-one\nhush-two\n", "hush one", "hush\u2019", "\n"])
def test_what_is_no_token_fails_at_start_and_is_not_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "token").write_text(content, encoding="utf-8")
    cluster = Cluster(bearer_token_file="token", base=tmp_path)
    with pytest.raises(ExportError, match="`bearer_token_file` token must hold one token") as told:
        cluster.exporter.start(Standing((), ()))
    assert "hush" not in str(told.value)
    assert cluster.requests == []


@pytest.mark.parametrize(
    "options",
    [
        {"bearer_token_file": "absent"},
        {"username": "u", "password_file": "absent"},
        {"ca_file": "absent"},
    ],
)
def test_a_missing_file_fails_at_start_and_names_its_key(
    tmp_path: Path, options: dict[str, str]
) -> None:
    cluster = Cluster(base=tmp_path, **options)
    with pytest.raises(ExportError, match="absent"):
        cluster.exporter.start(Standing((), ()))
    cluster.exporter.stop(1.0)


def test_the_ca_file_is_used() -> None:
    paths = ssl.get_default_verify_paths()
    if not Path(paths.cafile).exists():
        pytest.skip("no certificates on this machine")
    cluster = started(ca_file=paths.cafile)
    cluster.send(alert())
    cluster.tick()
    assert len(cluster.posts[A]) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "am:9093"}, "needs an address"),
        ({"url": "http://"}, "needs an address"),
        ({"url": "http://am:port"}, "needs an address"),
        ({"url": []}, "needs an address"),
        ({"url": 9093}, "needs an address"),
        ({"url": "http://user:pw@am:9093"}, "must not hold credentials"),
        ({"url": A, "username": "u"}, "belong together"),
        ({"url": A, "ends_after": "2m"}, "three times"),
        ({"url": A, "timeout": "10"}, "number and a unit"),
        ({"url": A, "timeout": "0s"}, "number and a unit"),
        ({"url": A, "repsot": "1m"}, "repsot"),
        (
            {"url": A, "username": "u", "password_file": "p", "bearer_token_file": "t"},
            "use either",
        ),
    ],
)
def test_options_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        AlertmanagerOptions.model_validate(options)


def test_options_have_the_contracts_defaults() -> None:
    options = AlertmanagerOptions.model_validate({"url": f"{A}/prefix/"})
    assert options.url == (f"{A}/prefix",)
    assert (options.repost, options.ends_after) == (60, 4 * 3_600)
    assert options.model_dump(mode="json")["ends_after"] == "4h"

"""What a delivery promises around an exporter: order, retry, holding, dropping, stopping."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable, Iterator, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporters.agent_metrics import AgentMetrics
from exporters.base import ExportError, Numbered, Standing
from exporters.deadline import Deadline
from exporters.delivery import Delivery, Retry, stop_all
from exporters.log import configure
from tests.unit.exporters.samples import alert, psi, report

NOTHING = Standing((), ())
QUICK = Retry(base=0.001, cap=0.002)
SOON = 10.0
"""How long a test waits for what must happen; it happens in milliseconds."""


def items(*numbers: int) -> list[Numbered]:
    return [Numbered(n, report(index=n)) for n in numbers]


class Scripted:
    """An exporter that fails as told and remembers what it was given."""

    def __init__(self, name: str = "scripted", *, required: bool = False) -> None:
        self.name, self.required = name, required
        self.calls: list[list[int]] = []
        self.delivered: list[int] = []
        self.fail: Callable[[list[int]], Exception | None] = lambda numbers: None
        self.tick_errors: list[Exception] = []
        self.ticked = threading.Event()
        self.attempted = threading.Event()
        self.gate = threading.Event()
        self.gate.set()
        self.start_error: Exception | None = None
        self.standing: Standing | None = None
        self.stopped = 0
        self.threads: set[int] = set()

    def check(self) -> str:
        return "fine"

    def start(self, standing: Standing) -> None:
        self.threads.add(threading.get_ident())
        self.standing = standing
        if self.start_error is not None:
            raise self.start_error

    def export(self, items: Sequence[Numbered]) -> None:
        self.threads.add(threading.get_ident())
        numbers = [item.number for item in items]
        self.calls.append(numbers)
        self.attempted.set()
        self.gate.wait()
        error = self.fail(numbers)
        if error is not None:
            raise error
        self.delivered += numbers

    def tick(self, now: float) -> None:
        self.threads.add(threading.get_ident())
        if self.tick_errors:
            raise self.tick_errors.pop(0)
        self.ticked.set()

    def stop(self, timeout: float) -> None:
        self.threads.add(threading.get_ident())
        self.stopped += 1


@pytest.fixture
def metrics() -> AgentMetrics:
    return AgentMetrics("test")


@pytest.fixture
def start(metrics: AgentMetrics) -> Iterator[Callable[..., Delivery]]:
    """Return `start(exporter, **options)`; whatever was started is stopped at the end."""
    running: list[tuple[Delivery, Scripted]] = []

    def begin(exporter: Scripted, **options: object) -> Delivery:
        settings = {"retry": QUICK, "metrics": metrics, **options}
        delivery = Delivery(exporter, **settings)  # type: ignore[arg-type]
        running.append((delivery, exporter))
        delivery.start(NOTHING)
        return delivery

    yield begin
    for delivery, exporter in running:
        exporter.gate.set()
        exporter.fail = lambda numbers: None
        delivery.stop(Deadline(SOON))


@pytest.mark.parametrize("takes", [None, False, True, "audit"])
def test_what_a_report_withholds_is_for_the_one_that_seals_it(
    start: Callable[..., Delivery], takes: object
) -> None:
    given: list[Numbered] = []

    class Keeping(Scripted):
        def export(self, items: Sequence[Numbered]) -> None:
            given.extend(items)

    exporter = Keeping()
    if takes is not None:
        exporter.takes_withheld = takes  # type: ignore[attr-defined]
    delivery = start(exporter)
    secret = msgspec.structs.replace(report(index=1), withheld=(psi("income"),))
    delivery.submit([Numbered(1, secret), Numbered(2, alert())])
    assert delivery.wait_delivered(2, SOON)
    expected = secret if takes is True else report(index=1)
    assert [one.item for one in given] == [expected, alert()]


def times(n: int, error: Exception) -> Callable[[list[int]], Exception | None]:
    left = [n]

    def fail(numbers: list[int]) -> Exception | None:
        left[0] -= 1
        return error if left[0] >= 0 else None

    return fail


def value(metrics: AgentMetrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, {"exporter": "scripted", **labels}) or 0.0


def test_items_arrive_once_and_in_order_on_one_thread(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    progress = threading.Event()
    delivery = start(exporter, on_delivered=progress.set, batch=3)
    delivery.submit(items(1, 2, 3, 4))
    delivery.submit(items(5, 9))
    assert delivery.wait_delivered(9, SOON)
    assert exporter.delivered == [1, 2, 3, 4, 5, 9]
    assert max(map(len, exporter.calls)) <= 3
    assert progress.is_set()
    assert delivery.stop(Deadline(SOON))
    assert len(exporter.threads) == 1
    assert threading.get_ident() not in exporter.threads
    assert value(metrics, "pantau_exporter_items_delivered_total") == 6


def test_numbers_submitted_before_are_ignored(start: Callable[..., Delivery]) -> None:
    exporter = Scripted()
    delivery = start(exporter)
    delivery.submit(items(1, 2))
    delivery.submit(items(1, 2, 3))
    assert delivery.wait_delivered(3, SOON)
    assert exporter.delivered == [1, 2, 3]


@pytest.mark.parametrize("retry", [True, False])
def test_a_required_exporter_loses_nothing_and_says_that_it_fails(
    start: Callable[..., Delivery], metrics: AgentMetrics, retry: bool
) -> None:
    exporter = Scripted(required=True)
    exporter.fail = lambda numbers: ExportError("disk full", retry=retry)
    delivery = start(exporter, capacity=2)
    delivery.submit(items(1, 2, 3))
    while len(exporter.calls) < 4:
        exporter.attempted.wait(SOON)
    assert delivery.delivered() == 0
    assert delivery.full()
    assert delivery.failing_since is not None
    assert delivery.last_error == "disk full"
    assert value(metrics, "pantau_exporter_failing") == 1
    exporter.fail = lambda numbers: None
    assert delivery.wait_delivered(3, SOON)
    assert exporter.delivered == [1, 2, 3]
    assert delivery.failing_since is None
    assert delivery.last_error is None
    assert value(metrics, "pantau_exporter_failing") == 0
    assert value(metrics, "pantau_exporter_failures_total") >= 3
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="queue_full") == 0


def test_a_full_queue_drops_the_oldest_and_counts_it(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    exporter.gate.clear()
    delivery = start(exporter, capacity=3, batch=1)
    delivery.submit(items(1))
    assert exporter.attempted.wait(SOON)
    delivery.submit(items(2, 3, 4, 5, 6))
    assert delivery.pending() == 3
    exporter.gate.set()
    assert delivery.wait_delivered(6, SOON)
    assert exporter.delivered == [1, 5, 6], "1 was on its way, 2 to 4 were the oldest"
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="queue_full") == 3


def test_only_the_item_that_cannot_be_delivered_is_skipped(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    exporter.fail = lambda n: ExportError("refused", retry=False) if 3 in n else None
    exporter.gate.clear()
    delivery = start(exporter)
    delivery.submit(items(1, 2, 3, 4, 5))
    exporter.gate.set()
    assert delivery.wait_delivered(5, SOON)
    assert exporter.delivered == [1, 2, 4, 5]
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="rejected") == 1


def test_an_unexpected_exception_is_retried_and_the_thread_lives(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    exporter.fail = times(2, ZeroDivisionError("surprise"))
    delivery = start(exporter)
    delivery.submit(items(1))
    assert delivery.wait_delivered(1, SOON)
    assert exporter.delivered == [1]
    assert value(metrics, "pantau_exporter_failures_total") == 2


def test_an_item_that_always_raises_does_not_block_the_rest_for_ever(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    exporter.fail = lambda numbers: TypeError("poison") if 2 in numbers else None
    delivery = start(exporter)
    delivery.submit(items(1, 2, 3))
    assert delivery.wait_delivered(3, SOON)
    assert exporter.delivered == [1, 3]
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="rejected") == 1


def test_a_required_exporter_is_retried_whatever_it_raises(start: Callable[..., Delivery]) -> None:
    exporter = Scripted(required=True)
    exporter.fail = times(20, TypeError("a bug"))
    delivery = start(exporter)
    delivery.submit(items(1))
    assert delivery.wait_delivered(1, SOON)
    assert len(exporter.calls) == 21


def test_it_ticks_without_items_and_survives_a_tick_that_raises(
    start: Callable[..., Delivery], metrics: AgentMetrics
) -> None:
    exporter = Scripted()
    exporter.tick_errors = [ExportError("away"), ValueError("bug")]
    delivery = start(exporter, tick_every=0.001)
    assert exporter.ticked.wait(SOON)
    assert value(metrics, "pantau_exporter_failures_total") == 2
    delivery.submit(items(1))
    assert delivery.wait_delivered(1, SOON)


def test_a_failing_tick_is_visible(start: Callable[..., Delivery]) -> None:
    exporter = Scripted()
    exporter.tick_errors = [ExportError("http://user:hunter2@alerts.example is away")] * 100_000
    delivery = start(exporter, tick_every=0.001)
    delivery.submit(items(1))
    assert delivery.wait_delivered(1, SOON)
    while delivery.failing_since is None:
        delivery.wait_delivered(2, 0.001)
    assert delivery.last_error == "http://***@alerts.example is away"
    exporter.tick_errors = []
    assert exporter.ticked.wait(SOON)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ExportError("port 9464 is in use"), "port 9464 is in use"),
        (OSError(28, "canary"), r"scripted cannot start: OSError \(No space left on device\) at "),
    ],
)
def test_a_failing_start_is_the_callers_to_know(
    metrics: AgentMetrics, error: Exception, text: str
) -> None:
    exporter = Scripted()
    exporter.start_error = error
    delivery = Delivery(exporter, metrics=metrics)
    with pytest.raises(ExportError, match=text):
        delivery.start(NOTHING)
    assert exporter.stopped == 1
    assert delivery.stop(Deadline(SOON))


def test_start_hands_over_what_stands(metrics: AgentMetrics) -> None:
    exporter = Scripted()
    delivery = Delivery(exporter, metrics=metrics)
    delivery.start(Standing((report(),), ()))
    assert exporter.standing == Standing((report(),), ())
    assert delivery.stop(Deadline(SOON))


def test_stop_delivers_what_is_queued_then_stops_the_exporter_once(metrics: AgentMetrics) -> None:
    exporter = Scripted()
    delivery = Delivery(exporter, metrics=metrics, batch=1)
    delivery.start(NOTHING)
    delivery.submit(items(*range(1, 51)))
    assert delivery.stop(Deadline(SOON))
    assert exporter.delivered == list(range(1, 51))
    assert exporter.stopped == 1
    assert delivery.stop(Deadline(SOON))
    assert exporter.stopped == 1


def test_stop_without_start_is_safe(metrics: AgentMetrics) -> None:
    assert Delivery(Scripted(), metrics=metrics).stop(Deadline(0.0))


def test_a_required_exporter_is_tried_until_the_deadline(metrics: AgentMetrics) -> None:
    exporter = Scripted(required=True)
    exporter.fail = lambda numbers: ExportError("disk full")
    delivery = Delivery(exporter, metrics=metrics, retry=QUICK)
    delivery.start(NOTHING)
    delivery.submit(items(1, 2))
    assert not delivery.stop(Deadline(0.1))
    delivery.stop(Deadline(SOON))
    assert len(exporter.calls) > 5
    assert delivery.delivered() == 0
    assert delivery.pending() == 2, "they stay in the outbox"
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="stopped") == 0


def test_a_required_exporter_that_recovers_while_stopping_is_complete(
    metrics: AgentMetrics,
) -> None:
    exporter = Scripted(required=True)
    exporter.fail = times(5, ExportError("disk full"))
    delivery = Delivery(exporter, metrics=metrics, retry=QUICK)
    delivery.start(NOTHING)
    delivery.submit(items(1))
    assert delivery.stop(Deadline(SOON))
    assert exporter.delivered == [1]


def test_the_others_try_once_more_at_stop_then_give_up_and_count_it(
    metrics: AgentMetrics,
) -> None:
    exporter = Scripted()
    exporter.fail = lambda numbers: ExportError("away")
    delivery = Delivery(exporter, metrics=metrics, retry=Retry(base=3_600, cap=3_600))
    delivery.start(NOTHING)
    delivery.submit(items(1, 2))
    while delivery.failing_since is None:
        delivery.wait_delivered(1, 0.001)
    deadline = Deadline(SOON)
    assert not delivery.stop(deadline)
    assert not deadline.expired(), "it neither waits for the next attempt nor for the deadline"
    assert exporter.calls == [[1, 2], [1, 2]]
    assert value(metrics, "pantau_exporter_items_dropped_total", reason="stopped") == 2
    assert exporter.stopped == 1


def test_an_exporter_that_hangs_cannot_hold_up_the_stop(metrics: AgentMetrics) -> None:
    exporter = Scripted()
    exporter.gate.clear()
    delivery = Delivery(exporter, metrics=metrics)
    delivery.start(NOTHING)
    delivery.submit(items(1))
    assert exporter.attempted.wait(SOON)
    assert not delivery.stop(Deadline(0.01))
    exporter.gate.set()
    delivery.stop(Deadline(SOON))


def test_one_that_hangs_does_not_take_the_time_of_the_required_one(metrics: AgentMetrics) -> None:
    stuck, audit = Scripted("stuck"), Scripted("audit", required=True)
    stuck.gate.clear()
    audit.gate.clear()
    both = [Delivery(exporter, metrics=metrics) for exporter in (stuck, audit)]
    for delivery in both:
        delivery.start(NOTHING)
        delivery.submit(items(1))
    assert stuck.attempted.wait(SOON)
    audit.gate.set()
    assert not stop_all(both, Deadline(0.2))
    assert audit.delivered == [1]
    assert audit.stopped == 1
    stuck.gate.set()
    both[0].stop(Deadline(SOON))


def test_a_callback_that_raises_does_not_stop_deliveries(start: Callable[..., Delivery]) -> None:
    exporter = Scripted()

    def broken() -> None:
        raise RuntimeError("caller's bug")

    delivery = start(exporter, on_delivered=broken, batch=1)
    delivery.submit(items(1, 2))
    assert delivery.wait_delivered(2, SOON)


@given(st.integers(0, 10_000), st.integers())
def test_backoff_grows_to_its_cap_with_full_jitter(attempt: int, seed: int) -> None:
    retry = Retry(base=0.5, cap=30.0)
    delay = retry.delay(attempt, random.Random(seed))
    assert 0.0 <= delay <= min(30.0, 0.5 * 2 ** min(attempt, 10))


def test_jitter_uses_the_whole_range() -> None:
    rng = random.Random(1)
    delays = [Retry(base=1.0, cap=8.0).delay(10, rng) for _ in range(2_000)]
    assert min(delays) < 0.1
    assert max(delays) > 7.9


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What is logged meanwhile, whatever other tests have set up."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


def test_a_tick_that_works_again_does_not_read_as_a_recovery_of_what_still_fails(
    start: Callable[..., Delivery], logged: io.StringIO
) -> None:
    exporter = Scripted()
    exporter.fail = lambda numbers: ExportError("still away")
    delivery = start(exporter, tick_every=0.001)
    delivery.submit(items(1))
    while delivery.failing_since is None:
        delivery.wait_delivered(1, 0.001)
    exporter.tick_errors = [ExportError("away")] * 3
    while exporter.tick_errors:
        delivery.wait_delivered(1, 0.001)
    for _ in range(2):
        exporter.ticked.clear()
        assert exporter.ticked.wait(SOON)
    assert delivery.failing_since is not None
    assert "delivery_recovered" not in logged.getvalue()
    exporter.fail = lambda numbers: None
    assert delivery.wait_delivered(1, SOON)
    exporter.ticked.clear()
    assert exporter.ticked.wait(SOON)
    assert "delivery_recovered" in logged.getvalue()

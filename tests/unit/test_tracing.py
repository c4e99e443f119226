"""The traces of batches, windows and commits, as the pipeline tells of them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.contextvars import get_contextvars

from agent.system import Outcome
from agent.tracing import MAX_LINKS, PipelineTracing
from collectors.batch import EventBatch
from collectors.journey import Journey
from exporters.agent_metrics import AgentMetrics
from exporters.telemetry.gate import Gate
from exporters.telemetry.spans import OtelTracer
from policies.model import Notice
from tests.support.events import batch
from tests.unit.exporters.samples import report

JOURNEY = Journey((1_000, 2_000), (3_000, 4_000), "kafka", "loans", "pantau")


def context(n: int) -> str:
    return f"00-{n:032x}-{n:016x}-01"


def traced(journey: Journey | None) -> EventBatch:
    rows = [{"id": "Mallory", "time": 1.0, "approve": "1", "gender": "f", "purpose": "secret"}]
    return replace(batch(rows), journey=journey)


class Traces:
    """A pipeline's tracing, and the spans that it made."""

    def __init__(self, *, follow: bool = True) -> None:
        self._kept = InMemorySpanExporter()
        gate = Gate("traces", 1_000, AgentMetrics("test"))
        self.tracer = OtelTracer(Resource({}), gate, "1", self._kept)
        self.pipeline = PipelineTracing(self.tracer, None, follow=follow)

    def spans(self) -> dict[str, ReadableSpan]:
        self.tracer.stop()
        return {span.name: span for span in self._kept.get_finished_spans()}


def parents(spans: dict[str, ReadableSpan]) -> dict[str, str | None]:
    """Return of each span the name of the one above it."""
    names = {span.context.span_id: name for name, span in spans.items() if span.context}
    return {name: names.get(s.parent.span_id) if s.parent else None for name, s in spans.items()}


def test_a_batch_is_one_trace_with_the_times_that_were_noted() -> None:
    traces = Traces()
    outcome = Outcome(items=[report(), NOTICE], closings=[(50, 60)])
    with traces.pipeline.batch("loans", traced(JOURNEY)):
        inside = get_contextvars()
        refs = traces.pipeline.closed("loans", outcome)
    traces.pipeline.committed([ref for ref in refs if ref], 70)
    spans = traces.spans()
    assert parents(spans) == {
        "poll loans": "process loans",
        "decode": "process loans",
        "absorb": "process loans",
        "close window": "absorb",
        "commit": "close window",
        "process loans": None,
    }
    assert (spans["poll loans"].start_time, spans["poll loans"].end_time) == (1_000, 2_000)
    assert (spans["decode"].start_time, spans["decode"].end_time) == (3_000, 4_000)
    assert (spans["close window"].start_time, spans["close window"].end_time) == (50, 60)
    assert spans["process loans"].start_time == 1_000
    assert refs[0] is not None
    assert refs[1] is not None
    assert inside == {"trace_id": refs[1].trace_id, "span_id": refs[1].span_id}
    assert refs[0].span_id != refs[1].span_id
    assert get_contextvars() == {}


NOTICE = Notice(name="heartbeat", id="x", time=0, system=None, data={})


def test_nothing_of_an_event_is_in_a_span() -> None:
    traces = Traces()
    with traces.pipeline.batch("loans", traced(JOURNEY)):
        traces.pipeline.closed("loans", Outcome(items=[report()], closings=[(5, 6)]))
    told = json.dumps([json.loads(span.to_json()) for span in traces.spans().values()])
    assert "Mallory" not in told
    assert "secret" not in told


def test_a_batch_of_one_trace_is_part_of_it() -> None:
    traces = Traces()
    with traces.pipeline.batch("loans", traced(replace(JOURNEY, contexts=(context(7),)))):
        pass
    root = traces.spans()["process loans"]
    assert root.context is not None
    assert root.parent is not None
    assert (root.context.trace_id, root.parent.span_id, len(root.links)) == (7, 7, 1)


def test_a_batch_of_many_traces_names_a_bounded_number() -> None:
    traces = Traces()
    contexts = (*(context(n) for n in range(1, 501)),)
    with traces.pipeline.batch("loans", traced(replace(JOURNEY, contexts=contexts))):
        pass
    root = traces.spans()["process loans"]
    assert root.parent is None
    assert [link.context.trace_id for link in root.links] == list(range(1, MAX_LINKS + 1))
    assert (root.attributes or {})["pantau.trace_contexts"] == 500


@pytest.mark.parametrize("contexts", [("garbage",), ("00-" + "0" * 32 + "-" + "0" * 16 + "-01",)])
def test_a_context_that_is_none_is_left_alone(contexts: tuple[str, ...]) -> None:
    traces = Traces()
    with traces.pipeline.batch("loans", traced(replace(JOURNEY, contexts=contexts))):
        pass
    root = traces.spans()["process loans"]
    assert root.parent is None
    assert root.links == ()


def test_contexts_are_not_followed_where_that_is_not_wanted() -> None:
    traces = Traces(follow=False)
    with traces.pipeline.batch("loans", traced(replace(JOURNEY, contexts=(context(7),)))):
        pass
    assert traces.spans()["process loans"].links == ()


def test_a_batch_of_a_source_that_notes_nothing_is_traced_from_the_pipeline_on() -> None:
    traces = Traces()
    with traces.pipeline.batch("loans", traced(None)):
        pass
    assert parents(traces.spans()) == {"process test": None, "absorb": "process test"}


def test_windows_that_close_by_time_are_a_trace_of_their_own() -> None:
    traces = Traces()
    assert traces.pipeline.closed("loans", Outcome()) == []
    traces.pipeline.closed("loans", Outcome(items=[report()], closings=[(50, 60)]))
    spans = traces.spans()
    assert parents(spans) == {"close windows": None, "close window": "close windows"}
    assert spans["close windows"].start_time == 50


def test_a_failing_step_fails_its_spans_and_goes_on_failing() -> None:
    traces = Traces()

    def fail() -> None:
        with traces.pipeline.batch("loans", traced(JOURNEY)):
            raise ValueError("secret")

    with pytest.raises(ValueError, match="secret"):
        fail()
    spans = traces.spans()
    for name in ("absorb", "process loans"):
        assert (spans[name].attributes or {})["error.type"] == "ValueError"
        assert "secret" not in spans[name].to_json()
    assert get_contextvars() == {}


def test_without_traces_nothing_is_traced() -> None:
    pipeline = PipelineTracing(None, None)
    with pipeline.batch("loans", traced(JOURNEY)):
        assert pipeline.closed("loans", Outcome(items=[report()], closings=[(5, 6)])) == [None]

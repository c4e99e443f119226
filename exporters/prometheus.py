"""Metrics and health on one port: `/metrics`, `/livez`, `/readyz` (contract C15)."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from pydantic import Field

from exporters.agent_metrics import AgentMetrics
from exporters.base import ExportError, Numbered, Standing
from exporters.context import Context
from exporters.health import Health
from exporters.http_server import TEXT, HttpServer, Page, Pages
from exporters.options import Options
from exporters.signal_series import Picture
from policies.model import Report

METRICS = "text/plain; version=0.0.4; charset=utf-8"


class PrometheusOptions(Options):
    """Where metrics and health are served, and how much of it.

    All addresses by default: the port holds no personal data, and Prometheus and the probes come
    from outside the container.
    """

    type: Literal["prometheus"] = "prometheus"
    host: str = "0.0.0.0"  # noqa: S104 - see the class docstring
    port: Annotated[int, Field(ge=0, le=65_535, description="0 takes a free one")] = 9464
    group_values: Annotated[
        bool, Field(description="also the rates of single groups (selection rate, TPR, ...)")
    ] = False
    max_series: Annotated[
        int, Field(ge=1, description="series about systems; more are left out and counted")
    ] = 20_000
    forget_after: Annotated[
        int, Field(ge=1, description="windows after which a stopped model version disappears")
    ] = 3


class PrometheusExporter:
    """Serves the newest reports and the agent's own metrics; keeps nothing but the newest."""

    name = "prometheus"
    required = False

    def __init__(self, options: PrometheusOptions, metrics: AgentMetrics, health: Health) -> None:
        self._options, self._metrics, self._health = options, metrics, health
        self._picture = Picture(
            group_values=options.group_values,
            max_series=options.max_series,
            forget_after=options.forget_after,
        )
        self._server: HttpServer | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; the configured one before `start`."""
        return self._options.port if self._server is None else self._server.port

    def check(self) -> str:
        """Test that the port is free; raises `ExportError`."""
        self._listen().stop(0.0)
        return f"can listen on {self._options.host}:{self._options.port}"

    def start(self, standing: Standing) -> None:
        """Restore the newest reports and begin to answer; raises `ExportError`."""
        self._picture.take(standing.reports)
        self._server = self._listen()
        self._server.start()

    def export(self, items: Sequence[Numbered]) -> None:
        """Replace what newer reports replace."""
        self._picture.take(one.item for one in items if isinstance(one.item, Report))

    def tick(self, now: float) -> None:
        """Do nothing: pages are made when they are asked for."""

    def stop(self, timeout: float) -> None:
        """Release the port."""
        if self._server is not None:
            self._server.stop(timeout)
            self._server = None

    def metrics_page(self) -> bytes:
        """Return the whole exposition, text format 0.0.4."""
        dropped = self._picture.render()
        self._metrics.series(self._picture.series, dropped)
        return self._picture.text + self._metrics.exposition()

    def _listen(self) -> HttpServer:
        host, port = self._options.host, self._options.port
        try:
            return HttpServer(host, port, self._pages())
        except OSError as error:
            what = os.strerror(error.errno) if error.errno else str(error)
            raise ExportError(
                f"exporter prometheus cannot listen on {host}:{port}: {what}. {_advice(error)}",
                retry=False,
            ) from error

    def _pages(self) -> Pages:
        return {
            "/metrics": lambda: Page(HTTPStatus.OK, METRICS, self.metrics_page()),
            "/livez": lambda: Page(HTTPStatus.OK, TEXT, b"ok\n"),
            "/readyz": lambda: readiness_page(self._health),
        }


def readiness_page(health: Health) -> Page:
    """Return 200 when ready, else 503, with the reasons as JSON."""
    reasons = health.reasons()
    status = HTTPStatus.SERVICE_UNAVAILABLE if reasons else HTTPStatus.OK
    body = json.dumps({"ready": not reasons, "reasons": reasons}, ensure_ascii=False)
    return Page(status, "application/json", body.encode() + b"\n")


def _advice(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "Stop what listens there, or set another `port` for the prometheus exporter."
    if error.errno == errno.EACCES:
        return "Set a `port` above 1023 for the prometheus exporter."
    return "Check `host` of the prometheus exporter."


def build(options: PrometheusOptions, context: Context) -> PrometheusExporter:
    """Return the exporter; without metrics or health in the context it has its own."""
    return PrometheusExporter(
        options,
        context.metrics or AgentMetrics(context.agent_version),
        context.health or Health(),
    )

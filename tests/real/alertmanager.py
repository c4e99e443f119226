"""A real Alertmanager, and a receiver for the notifications that it sends."""

from __future__ import annotations

import http.server
import json
import threading
from pathlib import Path
from typing import Any

import httpx

from tests.real.components import require_binary
from tests.real.processes import Server, eventually, free_port


class Receiver:
    """A webhook that keeps every notification it gets."""

    def __init__(self) -> None:
        self.notifications: list[dict[str, Any]] = []
        keep = self.notifications.append

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                keep(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def alerts(self, status: str) -> list[dict[str, Any]]:
        """Return all alerts that were notified with this status, in order."""
        return [a for n in self.notifications for a in n["alerts"] if a["status"] == status]

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Alertmanager(Server):
    """Alertmanager with its data in `folder`, notifying `webhook` within a second."""

    def __init__(self, folder: Path, webhook: str) -> None:
        port = free_port()
        config = {
            "route": {
                "receiver": "tests",
                "group_by": ["..."],
                "group_wait": "0s",
                "group_interval": "1s",
                "repeat_interval": "4h",
            },
            "receivers": [
                {"name": "tests", "webhook_configs": [{"url": webhook, "send_resolved": True}]}
            ],
        }
        (folder / "alertmanager.yml").write_text(json.dumps(config))
        arguments = [
            str(require_binary("prometheus-alertmanager")),
            f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ]
        super().__init__(arguments, port, "/-/ready", folder)

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that stand (API v2)."""
        answer = httpx.get(f"{self.url}/api/v2/alerts")
        answer.raise_for_status()
        alerts: list[dict[str, Any]] = answer.json()
        return alerts

    def await_alerts(self, n: int) -> list[dict[str, Any]]:
        """Return the alerts as soon as there are exactly `n`."""

        def enough() -> tuple[list[dict[str, Any]]] | None:
            found = self.alerts()
            return (found,) if len(found) == n else None

        return eventually(enough, f"picture with {n} alert(s)")[0]

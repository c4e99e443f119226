"""Where every new checkpoint goes besides the log's own directory: memory that others keep."""

from __future__ import annotations

from exporters.audit.checkpoint_topic import TopicSender
from exporters.audit.log_tree import LogTree
from exporters.audit.options import AuditOptions
from exporters.audit.publishing import encoded
from exporters.audit.tree_files import said
from exporters.context import Context
from exporters.published import Checkpoint

INFO_EVERY_SECONDS = 600.0
"""How often the series that names size and root changes: each change is a new series."""


class Outlets:
    """Tells metrics, alerts and, if configured, a Kafka topic; none of them can hold up the log."""

    def __init__(self, options: AuditOptions, context: Context) -> None:
        self._context = context
        self._topic = (
            None
            if options.checkpoint_topic is None
            else TopicSender(options.checkpoint_topic, context.base, self._sent)
        )
        self._named_at = float("-inf")

    def tell(self, tree: LogTree, content: bytes) -> None:
        """Take notice of a new checkpoint; called on the publisher's thread."""
        newest = Checkpoint(said(content).origin, tree.size, encoded(tree.root))
        self._context.published.set(newest)
        metrics, now = self._context.metrics, self._context.monotonic_ns() / 1e9
        if metrics is not None:
            named = now - self._named_at >= INFO_EVERY_SECONDS
            metrics.audit_published(newest.origin, newest.size, newest.root if named else None)
            self._named_at = now if named else self._named_at
        if self._topic is not None:
            self._topic.send(newest.origin, content)

    def witness_answered(self, witness: str, outcome: str) -> None:
        """Count what a witness answered."""
        if self._context.metrics is not None:
            self._context.metrics.audit_witness(witness, outcome)

    def close(self, timeout: float) -> None:
        """Send what waits."""
        if self._topic is not None:
            self._topic.close(timeout)

    def _sent(self, outcome: str) -> None:
        if self._context.metrics is not None:
            self._context.metrics.audit_checkpoint_sent(outcome)

"""`pantau demo`: the whole agent on real decisions."""

from __future__ import annotations


def demo() -> int:
    """Watch real loan decisions with the whole agent; no Kafka, no cluster, ends by itself."""
    from agent.demo import main

    return main()

"""A producer as a program of its own: records from standard input into a Kafka topic.

`python -m tests.support.produce BROKER TOPIC PARTITIONS [TRACEPARENT]` takes one record a line and
spreads them over the partitions by turns, each with the header `traceparent` if one is given.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kafka import KafkaProducer


def fill(
    broker: str, topic: str, partitions: int, lines: Sequence[bytes], traceparent: str = ""
) -> None:
    """Write the records from another process, and return when the broker has them."""
    subprocess.run(
        [sys.executable, "-m", "tests.support.produce", broker, topic, str(partitions)]
        + [traceparent] * bool(traceparent),
        input=b"".join(line + b"\n" for line in lines),
        cwd=Path(__file__).resolve().parents[2],
        check=True,
        timeout=60,
    )


def main() -> None:
    """Send what standard input holds."""
    broker, topic, partitions = sys.argv[1], sys.argv[2], int(sys.argv[3])
    headers = [("traceparent", text.encode()) for text in sys.argv[4:]]
    producer = KafkaProducer(bootstrap_servers=broker, acks="all", max_request_size=20_000_000)
    for number, line in enumerate(sys.stdin.buffer):
        producer.send(topic, line.rstrip(b"\n"), partition=number % partitions, headers=headers)
    producer.flush()
    producer.close()


if __name__ == "__main__":
    main()

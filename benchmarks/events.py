"""The event that everything is measured on: 25 features, one audit attribute, about 620 bytes.

Twenty features are numeric (income-like, skewed, and standard normal ones), five categorical.  The
same seed gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
import numpy as np

NUMERIC = tuple(f"num_{i:02d}" for i in range(20))
CATEGORICAL = tuple(f"cat_{i}" for i in range(5))
CATEGORIES = 8
GROUPS = ("female", "male")
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Stream:
    """What to generate.

    `rate` is events per second of *event time*: it decides how many events a window holds.
    `shuffle` exchanges each event with a later one at most that many places away.
    `first` is the index of the first event, for a stream that continues another.
    """

    count: int
    rate: float
    seed: int = 7
    shuffle: int = 0
    first: int = 0
    shift: float = 0.0


def events(stream: Stream) -> list[bytes]:
    """Return the events as JSON, in order of arrival."""
    rng = np.random.default_rng((stream.seed, stream.first))
    order = _arrival(stream.count, stream.shuffle, rng)
    numbers = rng.normal(size=(stream.count, len(NUMERIC))) + stream.shift
    numbers[:, :5] = np.exp(numbers[:, :5]) * 1000.0
    numbers = np.round(numbers, 6)
    categories = rng.binomial(CATEGORIES - 1, 0.4, size=(stream.count, len(CATEGORICAL)))
    groups = rng.integers(0, len(GROUPS), size=stream.count)
    scores = np.round(1.0 / (1.0 + np.exp(-rng.normal(size=stream.count))), 4)
    encode = msgspec.json.encode
    texts = [f"level-{i}" for i in range(CATEGORIES)]
    made = []
    for i in order.tolist():
        features = dict(zip(NUMERIC, numbers[i].tolist(), strict=True))
        features |= {
            name: texts[code]
            for name, code in zip(CATEGORICAL, categories[i].tolist(), strict=True)
        }
        made.append(
            encode(
                {
                    "event_id": f"e{stream.first + i:012d}",
                    "time": _rfc3339(stream.first + i, stream.rate),
                    "model_version": "v1",
                    "prediction": int(scores[i] >= 0.5),
                    "score": float(scores[i]),
                    "features": features,
                    "audit": {"gender": GROUPS[groups[i]]},
                }
            )
        )
    return made


def chunks(stream: Stream, size: int) -> Iterator[list[bytes]]:
    """Yield the stream in lists of `size` events, so that it need not fit in memory."""
    for first in range(stream.first, stream.first + stream.count, size):
        count = min(size, stream.first + stream.count - first)
        yield events(Stream(count, stream.rate, stream.seed, stream.shuffle, first, stream.shift))


def _arrival(
    count: int, shuffle: int, rng: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Order of arrival: by event time, plus a random delay of at most `shuffle` places."""
    if shuffle == 0:
        return np.arange(count)
    return np.argsort(np.arange(count) + rng.uniform(0, shuffle, size=count), kind="stable")


def _rfc3339(index: int, rate: float) -> str:
    moment = START + dt.timedelta(microseconds=round(index / rate * 1e6))
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

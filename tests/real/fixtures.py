"""Fixtures for real components; a `conftest.py` imports the ones its folder uses."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.real.components import missing
from tests.real.kafka_broker import KafkaBroker, MissingComponentError, resolve_jars

_numbers = itertools.count()


def require_kafka() -> None:
    """Make sure that a broker can be started here, else end the test as `missing` does."""
    try:
        resolve_jars()
    except MissingComponentError as error:
        missing("Kafka", str(error))


@pytest.fixture(scope="session")
def kafka_jars() -> None:
    """Make sure that a broker can be started here, else skip or fail."""
    require_kafka()


@pytest.fixture(scope="session")
def kafka_broker(kafka_jars: None) -> Iterator[KafkaBroker]:
    """One broker for the whole run; do not stop it: take `fresh_kafka_broker` for that."""
    with KafkaBroker(sasl=True, tls=True) as broker:
        yield broker


@pytest.fixture
def fresh_kafka_broker(kafka_jars: None) -> Iterator[KafkaBroker]:
    """A broker of this test's own, to be killed and restarted at will."""
    with KafkaBroker() as broker:
        yield broker


@pytest.fixture
def new_topic(kafka_broker: KafkaBroker) -> Callable[..., str]:
    """Return `create(partitions=1, **config)`, which makes a topic with a name not used before."""

    def create(partitions: int = 1, **config: str) -> str:
        settings = {key.replace("_", "."): value for key, value in config.items()}
        return kafka_broker.create_topic(f"topic-{next(_numbers)}", partitions, settings)

    return create

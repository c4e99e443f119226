"""What the integration tests share."""

from tests.real.fixtures import (  # noqa: F401 - fixtures are found by name
    fresh_kafka_broker,
    kafka_broker,
    kafka_jars,
    new_topic,
)
from tests.real.fixtures_memory import folder  # noqa: F401
from tests.real.fixtures_otlp import otlp_receiver  # noqa: F401
from tests.real.fixtures_prometheus import alertmanager, receiver, start_prometheus  # noqa: F401

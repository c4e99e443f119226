"""What a `kafka` entry may say, and how a mistake is told."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from collectors.kafka_options import KafkaOptions

LEAST = {"type": "kafka", "brokers": ["kafka-1.example:9092"], "topic": "predictions"}


def test_brokers_and_topic_are_enough() -> None:
    found = KafkaOptions.model_validate(LEAST)
    assert (found.group, found.decoder, found.auto_offset_reset) == ("pantau", "json", "earliest")
    assert KafkaOptions.model_validate(LEAST | {"brokers": "k:1"}).brokers == ("k:1",)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"topics": ["a"]}, "topics"),
        ({"brokers": ["kafka"]}, "'kafka' is not an address like"),
        ({"brokers": []}, "brokers"),
        ({"session_timeout": 10}, "needs a number and a unit"),
        ({"auto_offset_reset": "none"}, "earliest"),
        ({"group_instance_id": "pod 0"}, "group_instance_id"),
        ({"fetch_min_bytes": 10_000_000}, "must not be larger than `partition_fetch_max_bytes`"),
        ({"security": {"protocol": "SASL_SSL"}}, "needs `mechanism` and `username`"),
        ({"security": {"username": "u", "password": "p"}}, "need `protocol: SASL_SSL`"),
        (
            {"security": {"protocol": "SASL_SSL", "mechanism": "PLAIN", "username": "u"}},
            "either `password_file` or `password`",
        ),
        ({"security": {"protocol": "SSL", "key_file": "k.pem"}}, "`key_file` needs `cert_file`"),
    ],
)
def test_a_mistake_is_told(entry: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        KafkaOptions.model_validate(LEAST | entry)


def test_a_password_is_not_shown() -> None:
    security = {
        "protocol": "SASL_SSL",
        "mechanism": "SCRAM-SHA-512",
        "username": "u",
        "password": "hunter2",
    }
    found = KafkaOptions.model_validate(LEAST | {"security": security})
    assert "hunter2" not in repr(found) + found.model_dump_json()

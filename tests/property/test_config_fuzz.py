"""Whatever stands in the file, only a `Config` or a `ConfigError` comes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agent.config.load import ConfigError, load
from agent.config.model import Config
from agent.config.system import System
from agent.config.told import digest
from agent.config.yaml_tree import read_tree

KEYS = sorted({*Config.model_fields, *System.model_fields, "path", "type", "time", "gender", "x"})
SCALARS: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(["1h", "10m", "loan", "MY", "high", "audit", "file", "kafka", "human"]),
    st.text(max_size=8),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
SYSTEMS = st.dictionaries(st.sampled_from(sorted(System.model_fields)), VALUES, max_size=6)
DOCUMENTS = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {"systems": st.lists(SYSTEMS, max_size=2)},
        optional={key: VALUES for key in Config.model_fields if key != "systems"},
    ),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "pantau.yaml"


def outcome(file: Path, data: bytes, env: dict[str, str]) -> Config | ConfigError:
    file.write_bytes(data)
    try:
        config = load(file, env)
    except ConfigError as error:
        found: Config | ConfigError = error
    else:
        found = config
    if isinstance(found, ConfigError):
        assert found.problems
        assert all(str(problem) for problem in found.problems)
    else:
        assert digest(found) == digest(load(file, env))
    return found


@given(document=DOCUMENTS)
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
def test_any_document(file: Path, document: Any) -> None:
    outcome(file, yaml.safe_dump(document, allow_unicode=True).encode(), {})


@given(data=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(deadline=None)
@example(data=b"systems:\n- id: a\n  owner: " + b"9" * 5000)
@example(data=b"{" * 5000)
@example(data=b"a: &a [*a]\n")
@example(data=b"? \n: \n")
@example(data=b"\xff\xfea\x00")
def test_any_bytes(file: Path, data: bytes) -> None:
    outcome(file, data, {})


@given(
    env=st.dictionaries(
        st.lists(
            st.sampled_from([*map(str.upper, KEYS), "0", "1", "", "é"]), min_size=1, max_size=4
        )
        .map("__".join)
        .map("PANTAU_".__add__),
        st.text(alphabet=st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
        max_size=4,
    )
)
@settings(deadline=None)
def test_any_environment(file: Path, env: dict[str, str]) -> None:
    outcome(file, b"systems: [{id: loan, features: {a: numeric}}]\n", env)


@given(value=VALUES)
def test_what_is_written_as_json_is_read_back(value: Any) -> None:
    """Quoted texts, numbers and structure survive; JSON is YAML."""
    text = json.dumps(value, allow_nan=False, default=str) if _finite(value) else "null"
    tree = read_tree(text)
    if not tree.problems:
        assert tree.value == json.loads(text)


def _finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_finite(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_finite(inner) for inner in value)
    return not isinstance(value, float) or abs(value) < float("inf")

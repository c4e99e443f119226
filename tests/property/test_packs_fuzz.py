"""Whatever a pack or test file holds, it is read or refused with a message, never a traceback."""

from __future__ import annotations

import copy
import json
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.complaint import PackError
from policies.difference import difference_text, differences
from policies.effective import effective
from policies.load import load_pack, load_text
from policies.loosening import loosened
from policies.part import OVERSIGHT
from policies.rule_spec import RuleSpec
from policies.side import side
from policies.table import PACKS
from policies.trial import try_file

BASE = load_pack("asean-guide")
DOCUMENT: dict[str, Any] = {
    "id": "mine",
    "kind": "team",
    "title": "T",
    "version": "1.0.0",
    "include": ["asean-guide"],
    "changes": [
        {
            "rule": "FA-2",
            "thresholds": {"human_in_the_loop": {"warn": {"at": 0.95, "origin": "ours"}}},
            "severity": {"breach": "page"},
            "escalation": {
                "human_in_the_loop": [{"role": "owner", "after": "1h"}],
                "origin": "ours",
            },
            "reason": "r",
            "waiver": {"by": "a", "reason": "b", "expires": "2026-01-31"},
        }
    ],
    "requires": [{"oversight": "human_in_the_loop", "reason": "r"}],
    "attributes": [
        {
            "categories": ["race"],
            "processing": "forbidden",
            "reason": "r",
            "source": "s",
            "verified_on": "2026-11-22",
            "confidence": "low",
        }
    ],
}
JUNK: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=8),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
    st.sampled_from(["page", "FA-1", "FA-2", "off", "baseline", "1h", "human_in_the_loop"]),
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at] if at else []
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(inner, (*at, key))
    return found


def put(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return changed


@given(st.sampled_from(places(DOCUMENT)), JUNK)
def test_a_broken_pack_is_refused_or_used_never_a_traceback(
    place: tuple[Any, ...], junk: Any
) -> None:
    text = yaml.safe_dump(put(DOCUMENT, place, junk))
    with suppress(PackError):
        pack = load_text(text, "mine.yaml")
        effective([BASE, pack], oversight="human_in_the_loop", maturity="baseline")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=60), JUNK.map(yaml.safe_dump)))
def test_a_broken_test_file_is_refused_never_a_traceback(tmp_path: Path, body: str) -> None:
    file = tmp_path / "t.yaml"
    file.write_bytes(("packs: [asean-guide]\ntests:\n - " + body).encode("utf-8", "replace"))
    with suppress(PackError):
        try_file(file)


@given(
    st.sampled_from(BASE.rules),
    st.sampled_from(OVERSIGHT),
    st.sampled_from(["warn", "breach"]),
    st.floats(-2, 2),
)
def test_moving_a_limit_is_looser_one_way_and_tighter_the_other(
    rule: RuleSpec, level: str, name: str, at: float
) -> None:
    """What loosens in one direction never does in the other."""
    limits = getattr(rule.thresholds, level)
    assert BASE.defaults is not None
    limit = limits and getattr(limits, name)
    if limit is None or limit.at == at:
        return
    limit = getattr(limits, name).model_copy(update={"at": at})
    moved = limits.model_copy(update={name: limit})
    thresholds = rule.thresholds.model_copy(update={level: moved})
    after = rule.model_copy(update={"thresholds": thresholds})
    there = bool(loosened(rule, after, BASE.defaults))
    back = bool(loosened(after, rule, BASE.defaults))
    assert there != back
    farther = at < getattr(limits, name).at if rule.op == "<" else at > getattr(limits, name).at
    assert there == farther


SHIPPED = {
    name: (files("policies") / "packs" / file).read_text("utf-8") for name, file in PACKS.items()
}
SMALL = sorted(name for name in PACKS if len(SHIPPED[name]) < 20_000)
SCALARS = st.sampled_from(
    [
        *("2027-02-30", "2027-13-01", "2027-06-30T25:00:00Z", "2027-W10-1", "0x_", "0b", "1:99:99"),
        *("1e999", ".nan", "-.inf", "=", "<<", "~", "", "[", "{a: 1}", "- 1", "? x", "!!set {}"),
        *("&a x", "*a", "'\\ud800'", '"\\ud800"', '"\\u200b"', '"\\0"', "\t", "\x85", "9" * 5_000),
        *("asean-guide", "nope.yaml", "../x.yaml", "FA-1", "page", "[[[[[[", "#", "|", ">", "%x"),
    ]
)


@settings(deadline=None)
@given(st.data())
def test_a_shipped_pack_with_any_line_changed_is_refused_or_used(data: st.DataObject) -> None:
    lines = SHIPPED[data.draw(st.sampled_from(SMALL))].splitlines()
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(lines) - 1))
        head, colon, _ = lines[at].partition(": ")
        what = data.draw(
            st.one_of(
                SCALARS.map((head + colon).__add__),
                st.sampled_from(lines),
                st.text(max_size=12),
                st.just(" " + lines[at]),
                st.just(lines[at][1:]),
            )
        )
        lines[at] = what
    with suppress(PackError):
        pack = load_text("\n".join(lines), "mine.yaml")
        effective([BASE, pack], oversight="human_in_the_loop", maturity="baseline")


TEXT: dict[str, Any] = json.loads(
    effective(
        [BASE, load_pack("country-vn")], oversight="human_in_the_loop", maturity="baseline"
    ).text
)
TEXT["rules"] = TEXT["rules"][:3]


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40
)
@given(
    st.sampled_from([p for p in places(TEXT) if len(p) < 3]) | st.sampled_from(places(TEXT)), JUNK
)
def test_a_damaged_policy_text_is_refused_or_compared(
    tmp_path: Path, place: tuple[Any, ...], junk: Any
) -> None:
    kept, broken = tmp_path / "kept", tmp_path / "broken"
    kept.write_text(json.dumps(TEXT))
    broken.write_text(json.dumps(put(TEXT, place, junk)))
    for other in (str(kept), "country-vn"):
        with suppress(PackError):
            list(difference_text(differences(side(str(broken)), side(other))))
            list(difference_text(differences(side(other), side(str(broken)))))

"""What a comparison of two policies shows, and what it refuses."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policies.complaint import PackError
from policies.difference import Difference, difference_text, differences
from policies.effective import Policy, effective
from policies.load import load_packs
from policies.select import choose
from policies.side import Side, side

KEPT: dict[str, Any] = json.loads(
    effective(
        load_packs(["asean-guide", "country-vn", "sector-healthcare"]),
        oversight="human_in_the_loop",
        maturity="baseline",
        country="VN",
        sector="healthcare",
    ).text
)

DAMAGED: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "is neither a pack nor the text of a policy"),
    "a deep one": ("[" * 200_000, "is neither a pack nor the text of a policy"),
    "a list": ([], "is JSON, but not the text of a policy"),
    "the schema alone": ({"schema": KEPT["schema"]}, "missing required field `oversight`"),
    "rules that are a number": (KEPT | {"rules": 3}, "`$.rules`"),
    "a rule that is a list": (KEPT | {"rules": [[1]]}, "`$.rules[0]`"),
    "an unknown oversight": (KEPT | {"oversight": "x"}, "Invalid enum value 'x'"),
    "a country that is a number": (KEPT | {"country": 3}, "`$.country`"),
    "clocks that are none": (KEPT | {"clocks": {"a": 1}}, "`$.clocks`"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_text_is_refused_by_its_name(what: str, tmp_path: Path) -> None:
    text, says = DAMAGED[what]
    file = tmp_path / "blob"
    file.write_text(text if isinstance(text, str) else json.dumps(text))
    with pytest.raises(PackError) as raised:
        side(str(file))
    assert str(raised.value).startswith(f"{file}: ")
    assert says in str(raised.value)


def test_a_name_that_no_file_can_have_is_a_pack_that_there_is_not() -> None:
    for name in ("x" * 5_000, "no\0pack"):
        with pytest.raises(PackError, match="there is no policy pack"):
            side(name)


def lines(old: Side, new: Side) -> list[str]:
    return list(difference_text(differences(old, new)))


def kept(tmp_path: Path, policy: Policy) -> Side:
    file = tmp_path / policy.digest.removeprefix("sha256:")
    file.write_bytes(policy.text)
    return side(str(file))


@pytest.mark.parametrize(
    ("country", "sector"),
    [("VN", "healthcare"), ("MY", None), (None, "Banking"), ("TL", None), (None, None)],
)
@pytest.mark.parametrize("automatic", [True, False])
def test_a_kept_text_is_no_different_from_the_packs_that_it_was_made_of(
    country: str | None, sector: str | None, automatic: bool, tmp_path: Path
) -> None:
    """Those of its sector and country come along, as the configuration had them."""
    packs = load_packs(["asean-guide"])
    for one in choose(["asean-guide"], sector=sector, country=country)[1:]:
        pack = load_packs([one.name])[-1]
        if automatic:
            packs.append(pack)
        elif pack.requires or pack.attributes:
            packs.append(pack.limits())
    text = kept(
        tmp_path,
        effective(
            packs,
            oversight="human_in_the_loop",
            maturity="intermediate",
            country=country,
            sector=sector,
        ),
    )
    assert lines(text, side("asean-guide")) == []
    assert lines(side("asean-guide"), text) == []
    assert lines(text, side("vendor-oversight"))


def test_a_text_without_a_part_that_another_has_empty_is_told_by_its_digest(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text(json.dumps(KEPT))
    new.write_text(json.dumps({key: value for key, value in KEPT.items() if key != "waivers"}))
    assert KEPT["waivers"] == []
    (line,) = lines(side(str(old)), side(str(new)))
    assert line.startswith("~ policy text: sha256:")


def test_a_text_cannot_act_on_a_terminal(tmp_path: Path) -> None:
    file = tmp_path / "blob"
    changed = copy.deepcopy(KEPT)
    changed["rules"][0]["title"] = "\x1b[2J"
    file.write_text(json.dumps(changed))
    (line,) = lines(side(str(file)), side("asean-guide"))
    assert "\\x1b[2J -> " in line


class Counted(list[Difference]):
    """A list that counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Difference]:
        self.times += 1
        return super().__iter__()


def test_thousands_of_rules_are_gone_through_once() -> None:
    found = Counted(
        Difference(f"XX-{i} {part}", None, 1, True) for i in range(50) for part in ("id", "op")
    )
    assert len(list(difference_text(found))) == 50
    assert found.times == 1

"""What a comparison of two policies shows, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from policies.complaint import PackError
from policies.difference import side
from policies.effective import effective
from policies.load import load_packs

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

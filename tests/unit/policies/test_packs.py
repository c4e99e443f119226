"""Loading packs, and what is said when one is wrong."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

import policies.load
from policies.complaint import PackError
from policies.frameworks import Framework
from policies.load import load_file, load_pack, load_packs, load_text
from policies.pack import Pack
from policies.read_file import read_model
from policies.regime import AttributeRule, ClockSpec, Law, Retention
from policies.show import list_packs, show_pack, show_text
from policies.table import PACKS

PACK_FILE = Path(policies.load.__file__).parent / "packs" / PACKS["asean-guide"]
TEXT = PACK_FILE.read_text()


def _line_of(text: str, part: str) -> int:
    return next(i for i, line in enumerate(text.splitlines(), 1) if part in line)


def _complaint(old: str, new: str) -> tuple[str, str]:
    """Return the message for the pack with `old` replaced once, and that line's `file:line`."""
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    with pytest.raises(PackError) as raised:
        load_text(text, "my.yaml")
    return str(raised.value), f"my.yaml:{_line_of(text, new)}:" if new else ""


TR_1_BREACH = "breach: {at: 0.999, origin: ours}"

MISTAKES = {
    "a stage": (
        *("    stage: baseline", "    stage: basline"),
        "rule TR-1: stage: 'basline' is not valid; did you mean 'baseline'?",
    ),
    "a key of a rule": (
        *("    title: Completeness", "    titel: Completeness"),
        "rule TR-1: unknown key 'titel'; did you mean 'title'?",
    ),
    "a key of the pack": (
        *("voluntary: true", "volontary: true"),
        "unknown key 'volontary'; did you mean 'voluntary'?",
    ),
    "a key deep down": (
        *("breach: {at: 0.999,", "breach: {a: 0.999,"),
        "rule TR-1: unknown key 'thresholds.human_in_the_loop.breach.a'; did you mean 'at'?",
    ),
    "a limit on the wrong side": (
        *(TR_1_BREACH, "breach: {at: 1.5, origin: ours}"),
        "rule TR-1: op is '<', so breach (1.5) must not be above warn (1)",
    ),
    "a limit that is text": (
        *(TR_1_BREACH, 'breach: {at: "0.9", origin: ours}'),
        "rule TR-1: thresholds.human_in_the_loop.breach.at: input should be a valid number",
    ),
    "a limit that is no number": (
        *(TR_1_BREACH, "breach: {at: .nan, origin: ours}"),
        "should be a finite number",
    ),
    "a version": (
        *("version: 0.3.0", 'version: "2"'),
        "version: '2' should look like 1.0.0",
    ),
    "an origin": (
        *(TR_1_BREACH, "breach: {at: 0.99, origin: asean}"),
        "rule TR-1: thresholds.human_in_the_loop.breach.origin: 'asean' is not valid; one of: ",
    ),
    "a borrowed limit without a source": (
        *(TR_1_BREACH, "breach: {at: 0.99, origin: convention}"),
        "rule TR-1: a limit that is not 'ours' needs `sources`",
    ),
    "a source": (
        *("sources: [aif360]", "sources: [aif36]"),
        "rule FA-1: 'aif36' is not among this pack's sources; did you mean 'aif360'?",
    ),
    "a crosswalk": (
        *('["ASEAN-GUIDE:B.1"', '["ASEAN-GIUDE:B.1"'),
        "rule TR-1: 'ASEAN-GIUDE' is not among this pack's crosswalks; did you mean 'ASEAN-GUIDE'?",
    ),
    "a principle's name": (
        *("  P2: Fairness and Equity", "  P2: Fairness"),
        "P2 is called 'Fairness and Equity' in the Guide, not 'Fairness'",
    ),
    "an impossible persistence": (
        *("persistence: {baseline: [2, 3]", "persistence: {baseline: [4, 3]"),
        "k of the last m windows; 4 of 3 cannot happen",
    ),
    "a signal": (
        *("    signal: drift.share", "    signal: drift share"),
        "rule DR-3: signal: 'drift share' should look like drift.psi",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_with_file_line_rule_and_the_nearest_name(mistake: str) -> None:
    old, new, says = MISTAKES[mistake]
    message, place = _complaint(old, new)
    assert says in message
    assert place in message


def test_an_id_used_twice_is_named() -> None:
    text = TEXT.replace("  - id: TR-2", "  - id: TR-1")
    with pytest.raises(PackError, match=r"rule TR-1: the id is used twice \(first by rule 1\)"):
        load_text(text, "my.yaml")


def test_a_line_number_is_that_of_the_mistake() -> None:
    text = TEXT.replace("    stage: baseline", "    stage: basline", 1)
    with pytest.raises(PackError, match=f"^my.yaml:{_line_of(text, 'basline')}: rule TR-1: stage"):
        load_text(text, "my.yaml")


def test_a_missing_principle_and_a_missing_key_are_named() -> None:
    message, _ = _complaint("  P4: Human-centricity\n", "")
    assert "P4 (Human-centricity) is missing" in message
    message, _ = _complaint("    stage: baseline\n", "")
    assert "rule TR-1: the key 'stage' is missing" in message


def test_every_mistake_is_told_at_once() -> None:
    text = TEXT.replace("stage: baseline", "stage: basline", 2)
    with pytest.raises(PackError) as raised:
        load_text(text, "my.yaml")
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "my.yaml: the file is empty"),
        ("id: [", "my.yaml:1: not valid YAML"),
        ("id: a\nid: b\n", "my.yaml:2: the key 'id' is given twice"),
        ("- 1\n", "my.yaml:1: the file: input should be a valid dictionary"),
        ("id: !!python/object/apply:os.getcwd []", "my.yaml:1: uses the tag tag:yaml.org,2002:py"),
        ("id: a\x00b", "my.yaml: not valid YAML"),
        ("[" * 100_000, "my.yaml: not valid YAML: nested too deeply"),
        ("rules: &a [*a]", "my.yaml:1: defines the anchor &a; none is supported here"),
        ("id: a\nrules: [*b]", "my.yaml:2: uses the alias *b; none is supported here"),
        ("id: a\n<<: {id: b}", "my.yaml:2: merge keys are not supported"),
        ('id: a\ntitle: "\\e]0;x\\a"', "my.yaml:2: holds the control character U+001B"),
        ('id: a\n"\\x9b1m": x', "my.yaml:2: holds the control character U+009B"),
        (
            "id: a\nwaivers: {\n expires: 2027-02-30}",
            "my.yaml:3: '2027-02-30' looks like a day or a number, and is none: day is out",
        ),
        ("id: a\nday: 2027-13-01", "my.yaml:2: '2027-13-01' looks like a day"),
        ("id: a\nday: 2027-06-30T25:00:00Z", "my.yaml:2: '2027-06-30T25:00:00Z' looks like a day"),
        ("id: a\nat:\n - 0x_", "my.yaml:3: '0x_' looks like a day or a number"),
        (f"id: a\nat: {'9' * 5_000}", "my.yaml:2: '9999999"),
        ("id: a\ntitle: \u202eelit", "my.yaml:2: holds the control character U+202E"),
    ],
)
def test_what_is_not_a_pack_at_all_is_refused_with_its_place(text: str, says: str) -> None:
    with pytest.raises(PackError) as raised:
        load_text(text, "my.yaml")
    assert says in str(raised.value)


def test_a_file_that_leads_nowhere_is_refused(tmp_path: Path) -> None:
    loop = tmp_path / "loop.yaml"
    loop.symlink_to(tmp_path / "pool.yaml")
    (tmp_path / "pool.yaml").symlink_to(loop)
    mine = tmp_path / "mine.yaml"
    mine.write_text('id: mine\nkind: team\ntitle: T\nversion: 1.0.0\ninclude: ["\\ud800.yaml"]\n')
    for file in (loop, tmp_path / ("x" * 300 + ".yaml"), tmp_path / "no\0file.yaml", mine):
        with pytest.raises(PackError):
            load_packs([str(file)])


def test_a_file_of_tests_with_an_impossible_day_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "tests.yaml"
    file.write_text("id: a\nitems:\n - 2027-02-30\n")
    with pytest.raises(PackError, match=r"^tests.yaml:3: '2027-02-30' looks like a day"):
        read_model(file, Framework)


def test_an_unknown_pack_gets_the_nearest_name() -> None:
    with pytest.raises(PackError, match="no policy pack 'asean-giude'; did you mean 'asean-guide'"):
        load_pack("asean-giude")


def test_a_name_that_a_file_has_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "our-bank.yaml").write_text("")
    with pytest.raises(PackError, match=r"no policy pack 'our-bank'; did you mean 'our-bank.yaml'"):
        load_pack("our-bank")
    with pytest.raises(
        PackError, match=r"our-bnak.yaml: .* no such file; did you mean 'our-bank.ya"
    ):
        load_packs(["our-bnak.yaml"])


def test_a_pack_comes_from_a_path_too(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(TEXT.replace("id: asean-guide\n", "id: mine\n"))
    assert load_pack(str(mine)).id == "mine"
    with pytest.raises(PackError, match="cannot be read"):
        load_pack(str(tmp_path / "none.yaml"))
    mine.write_text(TEXT)
    assert load_pack(str(mine)).id == "asean-guide", "a copy of the shipped file is that pack"
    mine.write_text(TEXT.replace("at: 0.999,", "at: 0.5,", 1))
    line = _line_of(TEXT, "id: asean-guide")
    says = f"mine.yaml:{line}: 'asean-guide' is the id of a shipped pack, and this file is not"
    with pytest.raises(PackError, match=says):
        load_pack(str(mine))
    mine.write_bytes(b"\xff\xfe")
    with pytest.raises(PackError, match="cannot be read as UTF-8"):
        load_file(mine)


THIRD_PARTY = PACK_FILE


def test_a_pack_comes_by_entry_point_and_cannot_replace_one_of_the_table(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [
        EntryPoint("bank", f"{__name__}:THIRD_PARTY", "pantau.packs"),
        EntryPoint("asean-guide", "no.such:thing", "pantau.packs"),
    ]
    monkeypatch.setattr(policies.load, "entry_points", lambda group: points)
    assert set(policies.load.pack_files()) == {*PACKS, "bank"}
    with pytest.raises(PackError, match="the pack calls itself 'asean-guide', not 'bank'"):
        load_pack("bank")


def test_an_entry_point_that_does_not_load_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("bank", "no.such:thing", "pantau.packs")
    monkeypatch.setattr(policies.load, "entry_points", lambda group: [point])
    with pytest.raises(PackError, match=r"policy pack 'bank' \(no.such:thing\) cannot be loaded"):
        load_pack("bank")


def test_list_and_show_are_plain_json() -> None:
    row = next(row for row in list_packs() if row["id"] == "asean-guide")
    assert row["voluntary"] is True
    assert row["principles"] == ["P1", "P2", "P3", "P4", "P5", "P6", "P7"]
    assert row["rules"] == len(show_pack("asean-guide")["rules"])
    shown = json.loads(json.dumps(show_pack("asean-guide")))
    assert Pack.model_validate(shown).model_dump() == load_pack("asean-guide").model_dump()


def test_the_texts_carry_the_disclaimer_each_rule_and_where_numbers_come_from() -> None:
    text = show_text("asean-guide")
    assert "not ASEAN requirements" in text
    for rule in load_pack("asean-guide").rules:
        assert f"  {rule.id}  {rule.title}" in text
    assert "human_in_the_loop: < 0.9 (ours) warns, < 0.8 (law_elsewhere) breaches" in text
    assert "human_out_of_the_loop: not run" in text
    lines = text.splitlines()
    assert "    raised by 1 of 1 windows (ours)" in lines
    assert "    severity: page for a breach, ticket for a warning" in lines
    assert "    no pack may ask for less, with a waiver or without" in lines
    assert (
        "  probability medium, severity low: medium; severity medium: medium; severity high: high"
        in lines
    )
    assert "  tier high is for human_in_the_loop" in lines
    assert "  cleared by 2 windows in a row (ours)" in lines
    for question in load_pack("asean-guide").questions:
        assert (
            f"  {question.id} {question.title} ({question.component}; {question.evidence}) " in text
        )


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_shown_names_every_place_that_its_facts_refer_to(name: str) -> None:
    pack, text = load_pack(name), show_text(name)
    for fact in (*pack.clocks, *pack.attributes, *pack.retention):
        assert not fact.crosswalk or f"    also refers to {', '.join(fact.crosswalk)}\n" in text


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_shown_hides_nothing_that_it_says(name: str) -> None:
    pack, text = load_pack(name), show_text(name)
    for rule in pack.rules:
        assert f"    basis: {rule.basis}\n    next step: {rule.action}" in text
        assert not rule.crosswalk or f"    refers to: {', '.join(rule.crosswalk)}\n" in f"{text}\n"
        for question, how in rule.evidence.items():
            assert f"{question} ({how})" in text
    for change in pack.changes:
        assert f"  {change.rule}: " in text
        assert change.reason in text
    for clock in pack.clocks:
        length = f"{clock.hours} h" if clock.hours else f"{clock.days} days"
        assert f"{clock.id}: {length} from {clock.starts}" in text
        assert clock.note is None or clock.note in text
    looked_up: list[Law | ClockSpec | AttributeRule | Retention] = []
    for parts in (pack.laws, pack.clocks, pack.attributes, pack.retention):
        looked_up.extend(parts)
    for part in looked_up:
        assert f"{part.source}, verified {part.verified_on}, confidence {part.confidence}" in text
    for limited in pack.attributes:
        assert f"{limited.processing}: {', '.join(limited.categories)}" in text
    for need in pack.requires:
        assert f"at least {need.oversight or need.maturity}: {need.reason}" in text
    if not pack.rules:
        assert "P1 Transparency" not in text


def test_a_waiver_is_shown_with_who_answers_and_until_when(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    file.write_text(
        "id: ours\nkind: team\ntitle: Ours\nversion: 1.0.0\ninclude: [asean-guide]\nchanges:\n"
        "  - rule: DR-1\n    severity: {breach: info}\n    reason: it is retrained\n"
        "    waiver: {by: cro, reason: each week, expires: 2027-06-30}\n"
        "  - rule: DR-3\n    disable: true\n    reason: not for us\n"
        "    waiver: {by: cro, reason: so, expires: 2027-06-30}\n"
    )
    text = show_text(str(file))
    assert "DR-1: severity of breach info" in text
    assert "waiver until 2027-06-30, by cro: each week" in text
    assert "DR-3: disabled" in text

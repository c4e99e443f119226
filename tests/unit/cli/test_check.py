from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest

from agent.cli.check_windows import Need, Stream, need_of, smallest_window
from agent.cli.main import main
from agent.config.system import System
from agent.signals.intervals import wilson
from policies.model import Threshold
from tests.support.decisions import SYSTEM, as_lines, decisions, write_lines
from tests.unit.cli import stream
from tests.unit.config.retention_pack import OURS
from tests.unit.statistics.cases import case

GROUND = {"lawful_basis": "consent", "purpose": "p", "dpia_ref": "D", "expires": "2027-12-31"}
HOURLY_60 = 60 / 3_600


def documents(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_would_run_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = stream.write(tmp_path)
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    found = documents(capsys)
    (system,) = [d for d in found if d["kind"] == "system"]
    assert system["task"] == "classification"
    assert system["event"] == {"id": "id", "time": "at", "prediction": "approve"}
    assert system["features"] == {"income": "numeric", "purpose": "categorical"}
    assert system["events_per_hour"] == pytest.approx(60, rel=0.01)
    assert system["reference"]["rows"] == 1_500
    windows = {d["rule"]: d["smallest_window"] for d in found if d["kind"] == "rule"}
    # 60 an hour: an hour is too short for 100 values or 100 women, a day is enough for both.
    assert windows["DR-1"] == "1d"
    assert windows["FA-1"] == "1d"
    # An interval of no repeats lies within 1 % from 381 events on.
    assert windows["DQ-1-duplicate"] == "1d"
    assert {(d["kind"], d["name"], d["ok"]) for d in found if "ok" in d} == {
        ("collector", "file:live.csv", True),
        ("exporter", "prometheus", True),
        ("exporter", "audit", True),
    }


def test_a_check_leaves_nothing_behind(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = stream.write(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert main(["check", "-c", str(config)]) == 0
    assert sorted(tmp_path.iterdir()) == before
    text = capsys.readouterr().out
    assert "collector file:live.csv: ok: " in text
    assert "System loan" in text


def test_a_failed_connection_is_3_and_the_rest_is_still_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    (tmp_path / "live.csv").unlink()
    assert main(["check", "-c", str(config), "--output", "json"]) == 3
    found = documents(capsys)
    failed = [d for d in found if d.get("ok") is False]
    assert [d["name"] for d in failed] == ["file:live.csv"]
    assert "there is no such file" in failed[0]["detail"]
    notes = [d["text"] for d in found if d["kind"] == "note"]
    assert "the stream could not be read: no source answered" in notes
    assert {d["smallest_window"] for d in found if d.get("rule") == "DQ-1-duplicate"} == {"unknown"}


def test_each_gap_says_what_to_add(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stream.write(tmp_path)
    config = tmp_path / "bare.yaml"
    config.write_text(
        "systems: [{id: loan}]\ncollectors: [{type: file, path: live.csv}]\n"
        "exporters: [{type: audit}]\n",
        encoding="utf-8",
    )
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    notes = " ".join(d["text"] for d in documents(capsys) if d["kind"] == "note")
    for key in (
        "`reference.path`",
        "`audit_attributes`",
        "`versions`",
        "`owner`",
        "`alertmanager`",
        "`event.label`",
    ):
        assert key in notes


def _notes(config: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    return [d["text"] for d in documents(capsys) if d["kind"] == "note"]


def test_what_the_card_leaves_open_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.write(tmp_path)
    config = tmp_path / "card.yaml"
    config.write_text(
        """\
systems:
  - id: loan
    country: MY
    sector: fisheries
    audit_attributes:
      gender: {lawful_basis: b, purpose: p, dpia_ref: d, expires: 2099-12-31}
    mitigations: [{date: 2026-06-01, rule: FA-3, attribute: gender}]
collectors: [{type: file, path: live.csv}]
exporters: [{type: audit}]
""",
        encoding="utf-8",
    )
    notes = _notes(config, capsys)
    assert "no impact assessment is on record; add `impact_assessment`" in notes
    assert any(n.startswith("the rule FA-3 is not in force, so whether") for n in notes)
    assert any(n.startswith("no governance review is on record") for n in notes)
    (kept,) = [n for n in notes if "breach records" in n]
    assert kept.startswith("country-my asks to keep for 730 days at least: breach records")
    assert "what happened, who is concerned" in kept
    (system,) = [d for d in _documents(config, capsys) if d["kind"] == "system"]
    assert system["risk"] == {"probability": "high", "severity": "high", "tier": "high"}
    assert system["chosen"] == [
        {"pack": "asean-guide", "why": "configured"},
        {"pack": "country-my", "why": "country MY"},
    ]


CARD = """\
systems:
  - id: loan
    country: LA
    sector: finance
    review: {review}
    impact_assessment: {{date: {date}, reference: AIA-1, expires: 2099-12-31}}
    oversight_drill: {{last: {date}, reference: D-1}}
policies: {{automatic: {automatic}}}
collectors: [{{type: file, path: live.csv}}]
"""


def _card_notes(folder: Path, capsys: pytest.CaptureFixture[str], **more: str) -> list[str]:
    stream.write(folder)
    config = folder / "card.yaml"
    said = {"review": "{last: 2026-01-01, cadence_days: 90}", "date": "2026-01-01", **more}
    config.write_text(CARD.format(**{"automatic": "true", **said}), encoding="utf-8")
    return _notes(config, capsys)


def test_what_is_dated_ahead_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ahead = _card_notes(tmp_path, capsys, review="{last: 2098-02-01}", date="2098-01-01")
    assert any(n.startswith("the impact assessment is dated 2098-01-01, wh") for n in ahead)
    assert any(n.startswith("the last governance review is dated 2098-02-01, wh") for n in ahead)
    assert any(n.startswith("the last drill is dated 2098-01-01, which is") for n in ahead)
    assert "how often governance is reviewed is not said; add `review.cadence_days`" in ahead
    told = _card_notes(tmp_path, capsys)
    assert not [n for n in told if "dated" in n or "governance" in n]


def test_packs_that_are_switched_off_are_told_with_what_still_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (told,) = [n for n in _card_notes(tmp_path, capsys, automatic="false") if "automatic" in n]
    assert "of sector-financial-services and country-la are not in force" in told
    assert "what is forbidden and required there is." in told
    (system,) = [d for d in _documents(tmp_path / "card.yaml", capsys) if d["kind"] == "system"]
    assert system["chosen"] == [
        {"pack": "asean-guide", "why": "configured"},
        {"pack": "country-la", "why": "country LA, only what it forbids and requires"},
    ]
    assert not [n for n in _card_notes(tmp_path, capsys) if "automatic" in n]


def _documents(config: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    assert main(["check", "-c", str(config), "--output", "json"]) == 0
    return documents(capsys)


def test_how_long_the_log_is_kept_is_told_with_who_asks_for_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    text = config.read_text().replace("- id: loan\n", "- id: loan\n    country: MY\n")
    config.write_text(text)
    (log,) = [d for d in _documents(config, capsys) if d["kind"] == "configuration"]
    assert log["audit_log_kept"]["for"] == "730d"
    assert "country-my" in log["audit_log_kept"]["because"]
    assert main(["check", "-c", str(config)]) == 0
    said = capsys.readouterr().out
    assert "The audit log is kept for 730d: the pack country-my asks to keep breach records" in said
    config.write_text(text.replace("MY", "VN"))
    (log,) = [d for d in _documents(config, capsys) if d["kind"] == "configuration"]
    assert log["audit_log_kept"] == {"for": "400d", "because": None}
    (dossier,) = [note for note in _notes(config, capsys) if "dossier" in note]
    assert "it is not in the audit log, so keep it yourselves" in dossier


def test_samples_that_go_sooner_than_a_pack_asks_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    (tmp_path / "ours.yaml").write_text(OURS.replace("WHAT", "evidence").replace("DAYS", "30"))
    more = "policies: {packs: [ours.yaml]}\nevidence: {enabled: true, ttl: 29d}\n"
    text = config.read_text()
    config.write_text(text + more)
    (note,) = [note for note in _notes(config, capsys) if "`evidence.ttl`" in note]
    assert "removed after 29d" in note
    config.write_text(text + more.replace("29d", "30d"))
    assert not [note for note in _notes(config, capsys) if "`evidence.ttl`" in note]


def test_a_favourable_value_that_never_occurs_is_told_with_those_that_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    assert not [n for n in _notes(config, capsys) if "sampled predictions" in n]
    text = config.read_text(encoding="utf-8").replace("favourable: 1", "favourable: approved")
    config.write_text(text, encoding="utf-8")
    (note,) = [n for n in _notes(config, capsys) if "sampled predictions" in n]
    assert note.startswith("`favourable: approved` is none of the sampled predictions (0, 1)")


@pytest.mark.parametrize(
    ("apart", "start"),
    [
        (None, "no human decision is in the sample: without `event.human.later`"),
        (0, None),
        (3, "3 of 43 sampled human decisions came in records without their prediction: "),
    ],
)
def test_decisions_that_come_after_their_prediction_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], apart: int | None, start: str | None
) -> None:
    rows = decisions(100, start=1_767_225_600, every=60)
    if apart is not None:
        rows = [{**row, "human": row["approve"]} if i < 40 else row for i, row in enumerate(rows)]
        rows += [{"id": row["id"], "at": row["at"], "human": 1} for row in rows[90:][:apart]]
    write_lines(tmp_path / "live.jsonl", as_lines(rows))
    config = tmp_path / "pantau.yaml"
    text = SYSTEM.replace(
        "model_version: version}", "model_version: version, human: {decision: human}}"
    )
    config.write_text(text + "collectors: [{type: file, path: live.jsonl}]\n", encoding="utf-8")
    told = [n for n in _notes(config, capsys) if "oversight.unmatched_decisions" in n]
    assert [n[: len(start or "")] for n in told] == ([] if start is None else [start])
    joined = text.replace("{decision: human}", "{decision: human, later: true}")
    config.write_text(joined + "collectors: [{type: file, path: live.jsonl}]\n", encoding="utf-8")
    assert not [n for n in _notes(config, capsys) if "unmatched" in n]


def test_how_long_human_decisions_are_waited_for_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "-c", str(stream.write(tmp_path))]) == 0
    assert "label_horizon 30d, review_horizon 7d, " in capsys.readouterr().out


def test_a_stream_without_prediction_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    assert not [n for n in _notes(config, capsys) if "`event.prediction`" in n]
    for name in ("live.csv", "past.csv"):
        file = tmp_path / name
        text = file.read_text(encoding="utf-8").replace("approve", "outcome", 1)
        file.write_text(text, encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace("prediction: approve", "label: outcome")
    config.write_text(text, encoding="utf-8")
    (note,) = [n for n in _notes(config, capsys) if "`event.prediction`" in n]
    assert note.startswith("no prediction and no score: neither fairness nor")


def test_rejected_records_are_told_with_the_reason_and_what_mends_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    live = tmp_path / "live.csv"
    lines = live.read_text(encoding="utf-8").splitlines()
    lines[-2:] = [line.replace("Z,", ",") for line in lines[-2:]]
    live.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (note,) = [n for n in _notes(config, capsys) if "rejected" in n]
    assert note.startswith("2 of 1440 sampled records were rejected: naive_time 2; set systems[]")


def test_a_reference_that_cannot_be_read_is_a_wrong_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    (tmp_path / "ref.json").write_text("{}", encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace("data: past.csv", "path: ref.json")
    config.write_text(text, encoding="utf-8")
    assert main(["check", "-c", str(config)]) == 2
    assert "ref.json" in capsys.readouterr().err


def system_with(**changes: Any) -> System:
    return System.model_validate({"id": "loan", "windows": ["5m", "1h", "1d"], **changes})


@pytest.mark.parametrize(
    ("rate", "n", "window"),
    [
        (1.0, 100, "5m"),
        (100 / 300, 100, "5m"),
        (99 / 300, 100, "1h"),
        (HOURLY_60, 100, "1d"),
        (1 / 3_600, 100, "none"),
        (0.0, 1, "none"),
        (None, 1, "unknown"),
    ],
)
def test_the_smallest_window_expects_enough_events(rate: float | None, n: int, window: str) -> None:
    stream_ = Stream("sample", rate, None, {})
    assert smallest_window(Need(n, "events"), system_with(), stream_) == window


@pytest.mark.parametrize(
    ("privileged", "shares", "window"),
    [
        # 0.4 of 60 an hour are 24: a day's 576 do, an hour's do not.
        ("male", {"male": 0.6, "female": 0.4}, "1d"),
        # The pair with the largest smaller group counts: one that can be compared is enough.
        ("male", {"male": 0.6, "female": 0.399, "other": 0.001}, "1d"),
        ("male", {"male": 0.95, "female": 0.05}, "none"),
        ("male", {"female": 1.0}, "none"),
        (None, {"a": 0.05, "b": 0.45, "c": 0.5}, "1d"),
        (None, {"a": 1.0}, "none"),
    ],
)
def test_a_gap_needs_both_of_its_groups(
    privileged: str | None, shares: dict[str, float], window: str
) -> None:
    attribute = GROUND if privileged is None else {"privileged": privileged, **GROUND}
    system = system_with(audit_attributes={"gender": attribute}, favourable=1)
    stream_ = Stream("sample", HOURLY_60, None, {"gender": shares})
    assert smallest_window(Need(100, "people per group"), system, stream_) == window


@pytest.mark.parametrize(
    ("signal", "changes", "why"),
    [
        ("drift.psi", {}, "no reference"),
        ("quality.out_of_range_rate", {}, "no reference"),
        ("performance.accuracy_drop", {}, "no reference"),
        ("fairness.statistical_parity_worsening", {}, "no reference"),
        ("fairness.disparate_impact_ratio", {}, "no audit attribute"),
        (
            "fairness.disparate_impact_ratio",
            {"audit_attributes": {"gender": GROUND}},
            "no favourable outcome",
        ),
        ("governance.unregistered_version", {}, "no registered versions"),
        ("governance.phase_of_the_moon", {}, "not computed in this version"),
    ],
)
def test_a_rule_that_can_never_speak_says_why(
    signal: str, changes: dict[str, Any], why: str
) -> None:
    need = need_of(signal, system_with(**changes), has_reference=False, schema=None)
    assert need.impossible == why
    assert smallest_window(need, system_with(), Stream("sample", 1e9, 1.0, {})) == "none"


@pytest.mark.parametrize("warn", [0.01, 0.02, 0.05])
def test_a_rate_needs_as_many_events_as_its_interval_takes_to_clear_the_limit(warn: float) -> None:
    need = need_of(
        "quality.duplicate_rate",
        system_with(),
        has_reference=False,
        schema=None,
        threshold=Threshold(">", warn, 0.5),
    )
    assert wilson(0, need.n)[1] <= warn < wilson(0, need.n - 1)[1]


def test_an_expired_basis_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = stream.write(tmp_path)
    assert not [n for n in _notes(config, capsys) if "expired" in n]
    text = re.sub(r"expires: [0-9-]+", "expires: 2020-01-31", config.read_text(encoding="utf-8"))
    config.write_text(text, encoding="utf-8")
    (note,) = [n for n in _notes(config, capsys) if "expired" in n]
    assert "expired on 2020-01-31" in note


LABELLED = ("fairness.equal_opportunity_difference", "performance.accuracy_drop")


def _rules(config: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    text = config.read_text(encoding="utf-8")
    later = text.replace("favourable: 1", "favourable: 1\n    maturity: intermediate", 1)
    config.write_text(later, encoding="utf-8")
    found = _documents(config, capsys)
    return {d["signal"]: d for d in found if d["kind"] == "rule" and d["signal"] in LABELLED}


def test_rules_on_labels_ask_for_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = stream.write(tmp_path)
    rules = _rules(config, capsys)
    assert set(rules) == set(LABELLED)
    assert {d["because"] for d in rules.values()} == {"no label in the stream"}
    assert {d["smallest_window"] for d in rules.values()} == {"none"}
    assert any(n.startswith("no label: neither performance") for n in _notes(config, capsys))


def test_labels_of_a_source_of_their_own_are_labels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    (tmp_path / "labels.csv").write_text("id,repaid\n2-1,1\n", encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace(
        "  - {type: file, path: live.csv}\n",
        "  - {type: file, path: live.csv}\n"
        "  - {type: file, path: labels.csv, labels: {id: id, label: repaid}}\n",
    )
    config.write_text(text, encoding="utf-8")
    rules = _rules(config, capsys)
    gap, accuracy = (rules[signal] for signal in LABELLED)
    # How many of the events will have one is not known.
    assert (gap["because"], gap["smallest_window"]) == (None, "unknown")
    # There is nothing to compare with, whatever comes.
    assert accuracy["because"] == "no labels in the reference"
    assert accuracy["smallest_window"] == "none"
    assert rules["fairness.equal_opportunity_difference"]["needs"] == (
        "100 labelled people per group"
    )
    assert not [n for n in _notes(config, capsys) if n.startswith("no label")]


def test_events_without_labels_are_warned_of_only_where_no_source_of_labels_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    (tmp_path / "labels.csv").write_text("id,repaid\n2-1,1\n", encoding="utf-8")
    text = config.read_text(encoding="utf-8").replace(
        "prediction: approve}", "prediction: approve, label: repaid, recorded_time: known_at}"
    )
    config.write_text(text, encoding="utf-8")

    def warned() -> list[str]:
        main(["check", "-c", str(config)])
        told = capsys.readouterr()
        return re.findall(r"event\.(\w+): \w+ has no value", told.out + told.err)

    assert warned() == ["label", "recorded_time"]
    source = "  - {type: file, path: labels.csv, labels: {id: id}}\n"
    config.write_text(text.replace("exporters:\n", f"{source}exporters:\n"), encoding="utf-8")
    assert warned() == []


@pytest.mark.parametrize(("labelled", "window"), [(1.0, "1d"), (0.1, "none"), (None, "unknown")])
def test_a_gap_in_outcomes_needs_labelled_people(labelled: float | None, window: str) -> None:
    system = system_with(audit_attributes={"gender": GROUND}, favourable=1)
    stream_ = Stream("sample", HOURLY_60, labelled, {"gender": {"a": 0.6, "b": 0.4}})
    assert smallest_window(Need(100, "labelled people per group"), system, stream_) == window


def test_every_signal_that_says_no_reference_is_known_to_need_one() -> None:
    lacking = {s.name for s in case("pensions").without_reference if s.status == "no_reference"}
    for name in lacking:
        need = need_of(name, system_with(), has_reference=False, schema=None)
        assert need.impossible == "no reference", name


def test_whom_a_score_speaks_for_is_told_where_it_may_be_the_other_class(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = stream.write(tmp_path)
    text = config.read_text(encoding="utf-8")
    scored = text.replace(
        "prediction: approve", "prediction: approve, score: income, label: purpose"
    )
    scored = scored.replace("features: {income: numeric, purpose: categorical}", "features: {}")
    for favourable, score_for, taken in ((1, None, None), (0, None, "1"), (0, "0", None)):
        changed = scored.replace("favourable: 1", f"favourable: {favourable}")
        if score_for is not None:
            changed = changed.replace("score: income", f"score: income, score_for: {score_for}")
        config.write_text(changed, encoding="utf-8")
        notes = [n for n in _notes(config, capsys) if "`event.score_for`" in n]
        assert len(notes) == (taken is not None)
        assert all(n.startswith(f"a high score is taken to speak for {taken}:") for n in notes)


def test_a_score_that_makes_the_predictions_is_one_for_1() -> None:
    for score_for in (1, "1"):
        assert system_with(event={"score": "s", "score_for": score_for}).event.score == "s"
    beside = system_with(event={"score": "s", "prediction": "p", "score_for": 0})
    assert beside.event.score_for == 0
    with pytest.raises(ValueError, match="`score_for` needs `prediction`"):
        system_with(event={"score": "s", "score_for": 0})


PAST_CARD = """\
systems:
  - id: loan
    country: LA
    risk: {probability: high, severity: high}
    oversight: human_over_the_loop
    impact_assessment: {date: 2020-01-01, reference: A-1, expires: 2020-06-30}
    audit_attributes:
      religion:
        {lawful_basis: b, purpose: p, dpia_ref: d, expires: 2099-12-31,
         waiver: {by: counsel, reason: advice, expires: 2020-05-31}}
policies: {packs: [asean-guide, ours.yaml]}
collectors: [{type: file, path: live.csv}]
"""
OUR_PACK = """\
id: ours
kind: team
title: Ours
version: 1.0.0
include: [asean-guide]
changes:
  - rule: DR-1
    severity: {breach: info}
    reason: it is retrained
    waiver: {by: cro, reason: each week, expires: 2020-04-30}
"""


def test_a_card_that_has_run_out_or_has_too_little_oversight_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.write(tmp_path)
    (tmp_path / "ours.yaml").write_text(OUR_PACK, encoding="utf-8")
    config = tmp_path / "card.yaml"
    config.write_text(PAST_CARD, encoding="utf-8")
    notes = _notes(config, capsys)
    assert [n.split(":")[0] for n in notes if "expired" in n] == [
        "the impact assessment A-1 expired on 2020-06-30",
        "the waiver of counsel for religion expired on 2020-05-31",
        "the waiver of cro for DR-1 in the pack ours expired on 2020-04-30",
    ]
    assert any(
        n.startswith("the risk's tier is high, which asks for human_in_the_loop; this system has ")
        for n in notes
    )
    soon = f": {dt.datetime.now(dt.UTC).year + 1}"
    config.write_text(PAST_CARD.replace(": 2020", soon), encoding="utf-8")
    (tmp_path / "ours.yaml").write_text(OUR_PACK.replace(": 2020", soon), encoding="utf-8")
    assert not [n for n in _notes(config, capsys) if "expired" in n]


def test_each_date_of_the_card_that_lies_ahead_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stream.write(tmp_path)
    config = tmp_path / "card.yaml"
    card = """\
systems:
  - id: loan
    risk: {probability: high, severity: high}
    impact_assessment: {date: DAY, reference: A-1, expires: 2199-06-30}
    review: {last: DAY, cadence_days: 90}
    oversight_drill: {last: DAY, reference: D-1}
    mitigations: [{date: DAY, rule: DR-1}, {date: 2020-01-01, rule: FA-1}]
collectors: [{type: file, path: live.csv}]
"""

    def ahead(day: str) -> list[str]:
        config.write_text(card.replace("DAY", day), encoding="utf-8")
        notes = [n for n in _notes(config, capsys) if "still to come" in n]
        return [re.split(" is dated|; correct ", n)[i] for n in notes for i in (0, 2)]

    assert ahead("2020-02-03") == []
    assert ahead("2199-01-31") == [
        *("the impact assessment", "`impact_assessment.date`"),
        *("the last governance review", "`review.last`"),
        *("the last drill", "`oversight_drill.last`"),
        *("the mitigation of DR-1", "`mitigations`"),
    ]


def test_an_expired_waiver_is_marked_where_the_policy_is_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "ours.yaml").write_text(OUR_PACK, encoding="utf-8")
    config = tmp_path / "card.yaml"
    config.write_text(PAST_CARD, encoding="utf-8")
    assert main(["policy", "explain", "loan", "-c", str(config)]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "until 2020-04-30, EXPIRED, by cro" in last


@pytest.mark.parametrize(
    ("signal", "why"),
    [
        ("generative.evaluation_score", "no event.scores.evaluation"),
        ("generative.refusal_rate", "no event.refused"),
        ("reliability.latency_ratio", "no event.latency"),
        ("oversight.override_rate", "no event.human"),
        ("feedback.complaint_ratio", "no event.feedback"),
        ("sustainability.carbon_per_thousand", "no event.energy"),
    ],
)
def test_a_rule_on_a_field_that_is_not_mapped_names_it(signal: str, why: str) -> None:
    need = need_of(signal, system_with(), has_reference=True, schema=None)
    assert need.impossible == why


def test_a_rule_whose_field_is_there_names_what_else_it_lacks() -> None:
    event = {"event": {"feedback": "said", "latency": "ms", "energy": "kwh", "refused": "no"}}

    def lacks(signal: str, **more: Any) -> str | None:
        system = system_with(**event, **more)
        return need_of(signal, system, has_reference=True, schema=None).impossible

    assert lacks("generative.refusal_rate") is None
    assert lacks("feedback.complaint_ratio") == "no baselines.complaint_rate"
    assert lacks("reliability.latency_ratio") == "no latency_slo"
    assert lacks("sustainability.carbon_per_thousand", country="TL") == "no grid_intensity"
    assert lacks("sustainability.carbon_per_thousand", country="LA") is None


@pytest.mark.parametrize(
    ("content", "why"), [(None, "No such file"), ('{"rows": 3}', "is not a reference profile")]
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_reference_that_cannot_be_loaded_is_2_before_anything_has_come(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    command: str,
    content: str | None,
    why: str,
) -> None:
    (tmp_path / "quiet.jsonl").touch()
    if content is not None:
        (tmp_path / "ref.json").write_text(content, encoding="utf-8")
    config = tmp_path / "pantau.yaml"
    config.write_text(
        "systems: [{id: loan, reference: {path: ref.json}}]\n"
        "collectors: [{type: file, path: quiet.jsonl, follow: true}]\n",
        encoding="utf-8",
    )
    assert main([command, "-c", str(config)]) == 2
    assert why in capsys.readouterr().err


def test_without_a_collector_what_would_run_is_told_and_the_exit_code_is_that_of_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "pantau.yaml"
    config.write_text("systems: [{id: loan}]\n", encoding="utf-8")
    assert main(["check", "-c", str(config), "--output", "json"]) == 2
    text = capsys.readouterr()
    assert "the agent needs at least one collector" in text.err
    assert {json.loads(line)["kind"] for line in text.out.splitlines()} >= {"system", "rule"}
    assert main(["run", "-c", str(config)]) == 2

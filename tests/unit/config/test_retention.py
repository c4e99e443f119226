"""The audit log is kept as long as the packs in force ask of what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from agent.cli.main import main
from agent.config.load import load
from agent.config.model import Config
from agent.config.problems import ConfigError
from agent.config.told import text as told
from exporters.audit.options import AuditOptions
from policies.load import load_packs
from policies.pack import Pack
from policies.regime import IN_THE_LOG, Retention
from policies.table import PACKS
from tests.unit.config.retention_pack import OURS

DAY = 86_400
COUNTRIES = sorted(name for name in PACKS if name.startswith("country-"))


def config_of(folder: Path, text: str) -> Path:
    file = folder / "pantau.yaml"
    file.write_text(text)
    return file


def kept(config: Config) -> int:
    (seconds,) = [o.retention for o in config.exporters if isinstance(o, AuditOptions)]
    return seconds // DAY


def pack_of(name: str) -> Pack:
    return load_packs([name])[-1]


MALAYSIA = "systems: [{id: loan, country: MY}]\n"
SHORT = """\
systems:
  - {id: other}
  - {id: loan, country: MY}
exporters:
  - {type: prometheus}
  - type: audit
    retention: 729d
"""


@pytest.mark.parametrize("name", COUNTRIES)
def test_the_default_is_enough_in_every_country(tmp_path: Path, name: str) -> None:
    country = name.removeprefix("country-").upper()
    config = load(config_of(tmp_path, f"systems: [{{id: loan, country: {country}}}]\n"), env={})
    floors = [one.days for one in pack_of(name).retention if one.in_the_log]
    assert kept(config) == max([400, *floors])


def test_malaysia_raises_the_default_and_it_is_part_of_what_is_told(tmp_path: Path) -> None:
    config = load(config_of(tmp_path, MALAYSIA), env={})
    assert kept(config) == 730
    assert b'"retention":63072000' in told(config)
    assert config.folder == tmp_path


def test_less_than_the_floor_is_refused_with_file_line_key_numbers_pack_and_law(
    tmp_path: Path,
) -> None:
    file = config_of(tmp_path, SHORT)
    with pytest.raises(ConfigError) as caught:
        load(file, env={})
    (problem,) = caught.value.problems
    assert (problem.source, problem.line, problem.key) == (str(file), 7, "exporters.1.retention")
    for part in (
        "is 729d",
        "for 730d at least",
        "country-my",
        "MY-PDPA:breach-records",
        "confidence medium",
        "the system loan",
        "`retention: 730d`",
    ):
        assert part in problem.message


@pytest.mark.parametrize("command", ["run", "check"])
def test_commands_end_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    file = config_of(tmp_path, SHORT)
    assert main([command, "-c", str(file)]) == 2
    assert "pantau.yaml:7" in capsys.readouterr().err


def test_as_long_as_asked_or_longer_is_taken_as_it_is(tmp_path: Path) -> None:
    for days in (730, 800):
        file = config_of(tmp_path, SHORT.replace("729d", f"{days}d"))
        assert kept(load(file, env={})) == days


def test_a_variable_that_shortens_it_is_named(tmp_path: Path) -> None:
    file = config_of(tmp_path, SHORT.replace("729d", "800d"))
    with pytest.raises(ConfigError) as caught:
        load(file, env={"PANTAU_EXPORTERS__1__RETENTION": "30d"})
    (problem,) = caught.value.problems
    assert problem.source == "PANTAU_EXPORTERS__1__RETENTION"
    assert "is 30d" in problem.message


def test_without_the_pack_nothing_is_asked(tmp_path: Path) -> None:
    file = config_of(tmp_path, SHORT + "policies: {automatic: false}\n")
    assert kept(load(file, env={})) == 729


@pytest.mark.parametrize(
    ("what", "days"),
    [(w, 500 if w in IN_THE_LOG else 400) for w in IN_THE_LOG] + [("dossier", 400)],
)
def test_only_what_the_log_holds_lengthens_it(tmp_path: Path, what: str, days: int) -> None:
    (tmp_path / "ours.yaml").write_text(OURS.replace("WHAT", what).replace("DAYS", "500"))
    packs = "systems: [{id: loan}]\npolicies: {packs: [ours.yaml]}\n"
    assert kept(load(config_of(tmp_path, packs), env={})) == days


def test_the_longest_of_several_packs_holds(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(OURS.replace("WHAT", "alerts").replace("DAYS", "1000"))
    packs = MALAYSIA + "policies: {packs: [ours.yaml]}\n"
    assert kept(load(config_of(tmp_path, packs), env={})) == 1_000


def test_every_kind_of_record_is_in_the_log_or_a_dossier() -> None:
    kinds = get_args(Retention.model_fields["what"].annotation)
    assert set(kinds) - set(IN_THE_LOG) == {"dossier"}

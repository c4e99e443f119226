# ruff: noqa: E501 - messages stand here as they are printed
"""Every kind of mistake, with the exact message that a person reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from agent.config.load import ConfigError, load, require_collector
from agent.config.model import Config
from agent.config.told import digest, text

SYSTEM = "systems:\n  - id: loan\n"
GENDER = (
    "    audit_attributes:\n"
    "      gender: {lawful_basis: consent, purpose: bias-monitoring, dpia_ref: D-7,"
    " expires: 2027-12-31}\n"
)


def write(folder: Path, text: str) -> Path:
    file = folder / "pantau.yaml"
    file.write_text(text, encoding="utf-8")
    return file


def messages(folder: Path, text: str, env: dict[str, str] | None = None) -> list[str]:
    """Return the problems of a configuration, without the folder in front."""
    with pytest.raises(ConfigError) as caught:
        load(write(folder, text), env or {})
    return [str(problem).replace(f"{folder}/", "") for problem in caught.value.problems]


def read(folder: Path, text: str, env: dict[str, str] | None = None) -> Config:
    return load(write(folder, text), env or {})


def test_an_id_is_enough(tmp_path: Path) -> None:
    config = read(tmp_path, SYSTEM)
    (system,) = config.systems
    assert (system.risk.probability, system.risk.severity) == ("high", "high")
    assert (system.oversight, system.maturity) == ("human_in_the_loop", "baseline")
    assert (system.windows, system.fairness_window) == (("1h", "1d"), "1d")
    assert system.features is None
    assert (system.time.pane, system.time.lateness, system.time.idle) == (60, 600, 120)
    assert (system.time.future_skew, system.time.pair_horizon) == (300, 600)
    assert (system.time.label_horizon, system.time.dedup_horizon) == (2_592_000, 600)
    assert (system.min_drift_n, system.min_group_n, system.k_display) == (100, 100, 10)
    assert (system.min_performance_n, system.min_label_coverage) == (100, 0.8)
    assert (system.drift.share_threshold, system.threshold) == (0.1, 0.5)
    assert config.policies.packs == ("asean-guide",)
    assert config.alerts.route == "agent"
    assert config.store.dedup_max_ids == 3_000_000
    assert config.store.audit_failure == "degrade"


def test_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    text = f"{SYSTEM}    reference: {{data: ../train.csv}}\nstore: {{path: /var/lib/pantau}}\n"
    config = read(tmp_path, text)
    assert config.systems[0].reference is not None
    assert config.systems[0].reference.data == tmp_path / "../train.csv"
    assert config.store.path == Path("/var/lib/pantau")
    assert read(tmp_path, SYSTEM).store.path == tmp_path / "pantau-state"
    packs = read(
        tmp_path, f"{SYSTEM}policies: {{packs: [asean-guide, ours.yaml]}}\n"
    ).policies.packs
    assert packs == ("asean-guide", str(tmp_path / "ours.yaml"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "pantau.yaml:1: is empty; it needs at least `systems` with an `id`"),
        ("# nothing\n", "pantau.yaml:1: is empty; it needs at least `systems` with an `id`"),
        ("- a\n", "pantau.yaml:1: needs a mapping of keys to values at its top"),
        ("alerts: {}\n", "pantau.yaml:1: systems: missing. The systems to watch."),
        ("systems: []\n", "pantau.yaml:1: systems: found an empty list, needs at least 1 of them"),
        ("systems:\n", "pantau.yaml:1: systems: found nothing, needs a list, such as [a, b]"),
        (
            "systems:\n  - owner: me\n",
            (
                "pantau.yaml:2: systems.0.id: missing. Name of the system, unique; label of everything "
                "about it."
            ),
        ),
        (
            "systems:\n  - id: 7\n",
            "pantau.yaml:2: systems.0.id: found 7, needs a text; put it in quotes",
        ),
        (
            "systems:\n  - id: a b\n",
            (
                "pantau.yaml:2: systems.0.id: found 'a b', needs 1 to 128 letters, digits, dots, dashes "
                "or underscores, the first a letter or a digit"
            ),
        ),
        (
            f"{SYSTEM}    windws: [1h]\n",
            "pantau.yaml:3: systems.0.windws: unknown key; did you mean `windows`?",
        ),
        (
            f"{SYSTEM}    drift: {{quux: 1}}\n",
            "pantau.yaml:3: systems.0.drift.quux: unknown key; known here: share_threshold",
        ),
        (f"{SYSTEM}stoer: {{}}\n", "pantau.yaml:3: stoer: unknown key; did you mean `store`?"),
        (
            f"{SYSTEM}    oversight: human_in_loop\n",
            (
                "pantau.yaml:3: systems.0.oversight: found 'human_in_loop', needs one of "
                "human_in_the_loop, human_over_the_loop, human_out_of_the_loop; did you mean "
                "`human_in_the_loop`?"
            ),
        ),
        (
            f"{SYSTEM}    min_group_n: many\n",
            "pantau.yaml:3: systems.0.min_group_n: found 'many', needs a whole number",
        ),
        (
            f"{SYSTEM}    min_group_n: true\n",
            "pantau.yaml:3: systems.0.min_group_n: found true, needs a whole number",
        ),
        (
            f"{SYSTEM}    k_display: 0\n",
            "pantau.yaml:3: systems.0.k_display: found 0, needs at least 1",
        ),
        (
            f"{SYSTEM}    min_label_coverage: 1.5\n",
            "pantau.yaml:3: systems.0.min_label_coverage: found 1.5, needs at most 1",
        ),
        (
            f"{SYSTEM}    time: {{lateness: 600}}\n",
            (
                "pantau.yaml:3: systems.0.time.lateness: found 600, needs a number and a unit out of "
                "s, m, h, d, such as 90s, 10m, 1h or 30d"
            ),
        ),
        (
            f"{SYSTEM}    time: 10m\n",
            "pantau.yaml:3: systems.0.time: found '10m', needs a mapping of keys to values",
        ),
        (
            f"{SYSTEM}    windows: [1h, 2d]\n",
            (
                "pantau.yaml:3: systems.0.windows.1: found '2d', needs one of 5m, 1h, 12h, 1d, 7d, 30d, "
                "90d"
            ),
        ),
        (
            f"{SYSTEM}    windows: [1h, 1h]\n",
            "pantau.yaml:3: systems.0.windows.1: found '1h', which is listed twice",
        ),
        (
            f"{SYSTEM}    windows: []\n",
            "pantau.yaml:3: systems.0.windows: found an empty list, needs at least 1 of them",
        ),
        (
            f"{SYSTEM}    time: {{pane: 7m}}\n    windows: [1d]\n",
            (
                "pantau.yaml:4: systems.0.windows.0: found '1d', which is not a multiple of time.pane, "
                "which is 7m"
            ),
        ),
        (
            f"{SYSTEM}    fairness_window: 7d\n",
            (
                "pantau.yaml:3: systems.0.fairness_window: found '7d', which is not one of this "
                "system's windows (1h, 1d)"
            ),
        ),
        (
            f"{SYSTEM}    country: Malaysia\n",
            (
                "pantau.yaml:3: systems.0.country: found 'Malaysia', which is not a two-letter country "
                "code of ISO 3166, such as MY"
            ),
        ),
        (
            f"{SYSTEM}    country: my\n",
            (
                "pantau.yaml:3: systems.0.country: found 'my', which is not a two-letter country code "
                "of ISO 3166, such as MY; did you mean MY?"
            ),
        ),
        (
            f"{SYSTEM}    event: {{timezone: Asia/Singapur}}\n",
            (
                "pantau.yaml:3: systems.0.event.timezone: found 'Asia/Singapur', which is not an IANA "
                "time zone, such as Asia/Singapore or UTC"
            ),
        ),
        (
            f"{SYSTEM}    event: {{time: {{start: 2026-01-01, every: 1m}}}}\n",
            (
                "pantau.yaml:3: systems.0.event.time.start: found '2026-01-01', needs a time with its "
                "offset from UTC, such as 2026-01-01T00:00:00Z"
            ),
        ),
        (
            f"{SYSTEM}    event: {{time: {{start: 2026-01-01T00:00:00Z}}}}\n",
            "pantau.yaml:3: systems.0.event.time.every: missing. Time from one row to the next.",
        ),
        (
            f"{SYSTEM}    reference: {{}}\n",
            (
                "pantau.yaml:3: systems.0.reference: needs exactly one of `path` (a built profile) and "
                "`data` (a file)"
            ),
        ),
        (
            f"{SYSTEM}    reference: {{path: a, data: b}}\n",
            (
                "pantau.yaml:3: systems.0.reference: needs exactly one of `path` (a built profile) and "
                "`data` (a file)"
            ),
        ),
        (
            f"{SYSTEM}    features: {{income: number}}\n",
            (
                "pantau.yaml:3: systems.0.features.income: found 'number', needs one of numeric, "
                "categorical; did you mean `numeric`?"
            ),
        ),
        (
            f"{SYSTEM}    favourable: [1]\n",
            (
                "pantau.yaml:3: systems.0.favourable: found a list, needs one value: a text, a number, "
                "true or false"
            ),
        ),
        (
            f"{SYSTEM}    versions: [1.10]\n",
            (
                "pantau.yaml:3: systems.0.versions.0: found 1.1, which is a number with a fraction; put "
                "it in quotes so that every digit counts"
            ),
        ),
        (
            f"{SYSTEM}    features: {{gender: categorical}}\n{GENDER}",
            (
                "pantau.yaml:5: systems.0.audit_attributes.gender: found 'gender', which is read from "
                "the same field as the feature gender; a protected attribute is kept apart from the "
                "features, so name it in one place only"
            ),
        ),
        (
            f"{SYSTEM}  - id: loan\n",
            (
                "pantau.yaml:3: systems.1.id: found 'loan', which is used by an earlier entry; every "
                "entry needs its own"
            ),
        ),
        (
            f"{SYSTEM}    id: loan\n",
            "pantau.yaml:3: systems.0.id: is given twice, first on line 2",
        ),
        (
            f"{SYSTEM}\talerts: {{}}\n",
            "pantau.yaml:3: has a tab in its indentation; YAML is indented with spaces only",
        ),
        (
            f"{SYSTEM}    owner: &me someone\n",
            (
                "pantau.yaml:3: defines an anchor (`&name`); none is supported here, write the value "
                "out, in quotes if it is a text"
            ),
        ),
        (
            f"{SYSTEM}policies: {{packs: asean-guide}}\n",
            "pantau.yaml:3: policies.packs: found 'asean-guide', needs a list, such as [a, b]",
        ),
        (
            f"{SYSTEM}exporters: [{{type: prometeus}}]\n",
            (
                "pantau.yaml:3: exporters.0.type: found 'prometeus', which is not one of alertmanager, "
                "audit, prometheus; did you mean `prometheus`?"
            ),
        ),
        (
            f"{SYSTEM}exporters: [{{path: audit}}]\n",
            "pantau.yaml:3: exporters.0.type: missing; one of alertmanager, audit, prometheus",
        ),
        (
            f"{SYSTEM}exporters: [prometheus]\n",
            "pantau.yaml:3: exporters.0: found 'prometheus', needs a mapping of keys to values",
        ),
    ],
)
def test_each_mistake_is_named_with_its_line_and_what_to_do(
    tmp_path: Path, text: str, expected: str
) -> None:
    assert messages(tmp_path, text) == [expected]


TWO = "systems: [{id: loan}, {id: card}]\n"
KAFKA = "brokers: ['k:9092'], topic: t"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f"{SYSTEM}collectors: [{{type: kafkaa}}]\n",
            "collectors.0.type: found 'kafkaa', which is not one of file, kafka; did you mean `kafka`?",
        ),
        (
            f"{SYSTEM}collectors: [{{type: file}}]\n",
            "collectors.0.path: missing. The file: .csv, .jsonl or .ndjson, each also with .gz.",
        ),
        (
            f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, gruop: g}}]\n",
            "collectors.0.gruop: unknown key; did you mean `group`?",
        ),
        (
            f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, security: {{protocl: SSL}}}}]\n",
            "collectors.0.security.protocl: unknown key; did you mean `protocol`?",
        ),
        (
            f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, connect_timeout: 5}}]\n",
            "collectors.0.connect_timeout: found 5, needs a number and a unit out of s, m, h, such as 10s or 1m",
        ),
        (
            f"{SYSTEM}collectors: [{{type: file, path: a.csv, system: lone}}]\n",
            "collectors.0.system: found 'lone', which is not the id of a configured system (loan)",
        ),
        (
            f"{TWO}collectors: [{{type: file, path: a.csv}}]\n",
            "collectors.0.system: missing; several systems are configured: loan, card",
        ),
    ],
)
def test_a_collectors_own_options_are_checked_alike(
    tmp_path: Path, text: str, expected: str
) -> None:
    (found,) = messages(tmp_path, text)
    assert found.split(": ", 1)[1] == expected


def test_a_secret_is_never_quoted(tmp_path: Path) -> None:
    security = "{protocol: SASL_SSL, mechanism: PLAIN, username: me, password: 12345678}"
    text = f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, security: {security}}}]\n"
    (found,) = messages(tmp_path, text)
    assert found == (
        "pantau.yaml:3: collectors.0.security.password: found a value that is not shown, needs a "
        "text; put it in quotes"
    )
    env = {"PANTAU_COLLECTORS__0__PASSWORD": "12345678"}
    text = f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}}}]\n"
    assert not any("12345678" in line for line in messages(tmp_path, text, env))
    for mark in ("*", "&", "!"):
        broken = f"{SYSTEM}collectors: [{{password: {mark}hush12345 }}]\n"
        assert not any("hush12345" in line for line in messages(tmp_path, broken))


def test_a_secret_does_not_change_the_digest(tmp_path: Path) -> None:
    def with_password(password: str) -> Config:
        security = f"{{protocol: SASL_SSL, mechanism: PLAIN, username: me, password: {password}}}"
        return read(
            tmp_path, f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, security: {security}}}]\n"
        )

    config = with_password("first")
    assert digest(config) == digest(with_password("second"))
    assert "first" not in repr(config)


def test_what_is_told_of_the_configuration_holds_no_credentials(tmp_path: Path) -> None:
    """Its digest is of the very bytes, so whoever has them can check it."""
    security = (
        "{protocol: SASL_SSL, mechanism: PLAIN, username: me, password: hush12345, "
        "ca_file: /etc/ca.pem}"
    )
    link = "https://me:hush12345@grafana.example/d?var=1&token=hush12345#hush12345"
    config = read(
        tmp_path,
        f"{SYSTEM}collectors: [{{type: kafka, {KAFKA}, security: {security}}}]\n"
        f"exporters: [{{type: alertmanager, url: 'http://127.0.0.1:9093', generator_url: '{link}', "
        "username: me, password_file: secrets/alertmanager}]\n",
    )
    told = text(config)
    assert b"hush12345" not in told
    assert str(tmp_path).encode() not in told
    assert digest(config) == "sha256:" + hashlib.sha256(told).hexdigest()
    found = json.loads(told)
    (exporter,) = [e for e in found["exporters"] if e["type"] == "alertmanager"]
    assert exporter["username"] == "***"
    assert found["collectors"][0]["security"]["username"] == "***"
    assert found["collectors"][0]["security"]["ca_file"] == "/etc/ca.pem"
    assert '"me"' not in told.decode()
    assert exporter["password_file"] == "secrets/alertmanager"
    assert exporter["generator_url"] == "https://***@grafana.example/d?var=***&token=***#***"
    assert found["systems"][0]["windows"]


def test_paths_of_collectors_start_from_the_files_folder(tmp_path: Path) -> None:
    security = "{protocol: SSL, ca_file: ca.pem}"
    config = read(
        tmp_path,
        f"{SYSTEM}collectors:\n  - {{type: file, path: in.csv}}\n"
        f"  - {{type: kafka, {KAFKA}, security: {security}}}\n",
    )
    file, kafka = config.collectors
    assert getattr(file, "path", None) == tmp_path / "in.csv"
    assert getattr(kafka, "security").ca_file == tmp_path / "ca.pem"  # noqa: B009


def test_all_mistakes_are_told_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = "stoer: 1\nsystems:\n  - id: a\n    windws: [1h]\n    country: XX\n  - id: a\n"
    found = messages(tmp_path, text + "    risk: {severity: worst}\nalerts: {route: both}\n")
    assert [line.split(": ")[:2] for line in found] == [
        ["pantau.yaml:1", "stoer"],
        ["pantau.yaml:4", "systems.0.windws"],
        ["pantau.yaml:5", "systems.0.country"],
        ["pantau.yaml:6", "systems.1.id"],
        ["pantau.yaml:7", "systems.1.risk.severity"],
        ["pantau.yaml:8", "alerts.route"],
    ]


@pytest.mark.parametrize("key", ["lawful_basis", "purpose", "dpia_ref", "expires"])
def test_a_protected_attribute_needs_its_legal_ground(tmp_path: Path, key: str) -> None:
    lines = {
        "lawful_basis": "consent",
        "purpose": "bias-monitoring",
        "dpia_ref": "D-7",
        "expires": "2027-12-31",
    }
    del lines[key]
    entry = ", ".join(f"{name}: {value}" for name, value in lines.items())
    (found,) = messages(tmp_path, f"{SYSTEM}    audit_attributes:\n      sex: {{{entry}}}\n")
    assert found.startswith(
        f"pantau.yaml:4: systems.0.audit_attributes.sex.{key}: missing: "
        "a protected attribute is processed only on a stated legal ground. "
    )


@pytest.mark.parametrize(
    ("probability", "severity", "fit"),
    [
        ("low", "low", None),
        ("low", "medium", "human_over_the_loop or human_in_the_loop"),
        ("high", "low", "human_in_the_loop"),
    ],
)
def test_full_autonomy_is_for_minimal_risk_only(
    tmp_path: Path, probability: str, severity: str, fit: str | None
) -> None:
    text = (
        f"{SYSTEM}    oversight: human_out_of_the_loop\n"
        f"    risk: {{probability: {probability}, severity: {severity}}}\n"
    )
    if fit is None:
        assert read(tmp_path, text).systems[0].oversight == "human_out_of_the_loop"
    else:
        assert messages(tmp_path, text) == [
            (
                "pantau.yaml:3: systems.0.oversight: found 'human_out_of_the_loop', which is allowed by "
                "the ASEAN Guide (C.2) only for minimal risk; here the risk is probability "
                f"{probability}, severity {severity}. Choose {fit}, or assess the risk as low/low"
            )
        ]


def test_full_autonomy_without_an_assessed_risk_is_refused(tmp_path: Path) -> None:
    (found,) = messages(tmp_path, f"{SYSTEM}    oversight: human_out_of_the_loop\n")
    assert "probability high, severity high" in found


def test_the_environment_wins_over_the_file_and_the_command_line_over_both(tmp_path: Path) -> None:
    file = write(tmp_path, f"{SYSTEM}    owner: file\n    min_group_n: 50\n")
    env = {
        "PANTAU_SYSTEMS__0__OWNER": "environment",
        "PANTAU_SYSTEMS__0__MIN_GROUP_N": "60",
        "PANTAU_SYSTEMS__0__WINDOWS": "[5m, 1h]",
        "PANTAU_SYSTEMS__0__TIME__LATENESS": "5m",
        "PANTAU_SYSTEMS__1__ID": "second",
        "PANTAU_STORE__PATH": "state",
        "PANTAU_PORT": "tcp://10.0.0.1:9464",
        "PANTAU_SERVICE_HOST": "10.0.0.1",
        "PATH": "/bin",
    }
    config = load(file, env, overrides=[("systems.0.min_group_n", 70)])
    first, second = config.systems
    assert (first.owner, first.min_group_n, first.windows) == ("environment", 70, ("5m", "1h"))
    assert first.time.lateness == 300
    assert second.id == "second"
    assert config.store.path == tmp_path / "state"


def test_a_number_in_the_environment_can_be_a_text(tmp_path: Path) -> None:
    config = read(tmp_path, SYSTEM, {"PANTAU_SYSTEMS__0__ID": "007"})
    assert config.systems[0].id == "007"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "PANTAU_SYSTEMS__0__WINDWS",
            "[1h]",
            "PANTAU_SYSTEMS__0__WINDWS: systems.0.windws: unknown key; did you mean `windows`?",
        ),
        (
            "PANTAU_SYSTEMS__5__ID",
            "x",
            "PANTAU_SYSTEMS__5__ID: systems.5: needs an index from 0 to 1, found '5'",
        ),
        (
            "PANTAU_SYSTEMS__ID",
            "x",
            "PANTAU_SYSTEMS__ID: systems.ID: needs an index from 0 to 1, found 'ID'",
        ),
        (
            "PANTAU_ALERTS__ROUTE",
            "both",
            "PANTAU_ALERTS__ROUTE: alerts.route: found 'both', needs one of agent, prometheus",
        ),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    assert messages(tmp_path, SYSTEM, {name: value}) == [expected]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml", {})
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load(tmp_path, {})
    file = tmp_path / "latin.yaml"
    file.write_bytes(b"systems:\n  - id: caf\xe9\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: is not UTF-8 text"):
        load(file, {})


def test_the_audit_log_cannot_be_switched_off(tmp_path: Path) -> None:
    exporters = read(tmp_path, f"{SYSTEM}exporters: []\n").exporters
    assert [getattr(options, "type", None) for options in exporters] == ["audit"]


def test_a_run_needs_a_collector(tmp_path: Path) -> None:
    config = read(tmp_path, SYSTEM)
    with pytest.raises(ConfigError, match=r"^pantau\.yaml: collectors: missing; the agent needs"):
        require_collector(config, "pantau.yaml")


def test_the_digest_is_of_what_is_configured(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    text = f"{SYSTEM}    reference: {{path: ref.json}}\n"
    same = "# moved\nsystems:\n- {reference: {path: ref.json}, id: loan, min_group_n: 100}\n"
    assert digest(read(here, text)) == digest(read(there, same))
    assert digest(read(here, text)) != digest(read(here, f"{text}    min_group_n: 101\n"))
    assert digest(read(here, text)).startswith("sha256:")


COUNTRY = (
    "      country: {lawful_basis: consent, purpose: bias-monitoring, dpia_ref: D-8,"
    " expires: 2027-12-31}\n"
)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("[[gender, contry]]", "pantau.yaml:6: systems.0.intersections.0.1: found 'contry', which is not one of the audit attributes (gender, country); did you mean `country`?"),
        ("[[gender, gender]]", "pantau.yaml:6: systems.0.intersections.0.1: found 'gender', which is listed twice"),
        ("[[gender]]", "pantau.yaml:6: systems.0.intersections.0: found a list, needs at least two audit attributes"),
        ("[[gender, country], [country, gender]]", "pantau.yaml:6: systems.0.intersections.1: found a list, which is listed twice"),
    ],
)  # fmt: skip
def test_intersections_are_of_known_attributes(given: str, message: str, tmp_path: Path) -> None:
    text = f"{SYSTEM}{GENDER}{COUNTRY}    intersections: {given}\n"
    assert messages(tmp_path, text) == [message]


def test_intersections_of_no_attributes(tmp_path: Path) -> None:
    text = f"{SYSTEM}    intersections: [[gender, country]]\n"
    assert len(messages(tmp_path, text)) == 2
    assert "is not one of the audit attributes (none)" in messages(tmp_path, text)[0]


def test_an_unknown_key_of_a_variable_is_the_variables(tmp_path: Path) -> None:
    env = {"PANTAU_SYSTEM__0__OWNER": "x"}
    assert messages(tmp_path, SYSTEM, env) == [
        "PANTAU_SYSTEM__0__OWNER: system.0.owner: unknown key; did you mean `systems`?"
    ]
    found = messages(tmp_path, SYSTEM + "system: 1\n", {"PANTAU_STOR__PATH": "x"})
    assert [one.partition(":")[0] for one in found] == ["pantau.yaml", "PANTAU_STOR__PATH"]

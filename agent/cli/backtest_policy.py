"""`pantau backtest --policy`: what would have fired under another policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli import exits
from agent.cli.options import Output

if TYPE_CHECKING:
    from agent.config.model import Config
    from agent.config.system import System
    from agent.policy_backtest import Compared
    from policies.effective import Policy

_BY_SEVERITY = ("breach", "warn", "not_assessable")


def backtest_policy(
    config: Config, system: System, new: str, log: Path | None, output: Output, fail_on: str
) -> int:
    """Judge the logged windows of a system by the packs of `new`; print what changes."""
    from agent.policy_backtest import compare
    from exporters.audit.logged import logged

    policy = _policy(config, system, new)
    compared = compare(logged(log or _log_of(config)), {system.id: policy})
    if output is Output.json:
        _print_json(compared)
    else:
        _print_text(compared, system.id)
    if not compared.windows:
        return exits.RUNTIME
    counted = _BY_SEVERITY[: _BY_SEVERITY.index(fail_on) + 1] if fail_on != "never" else ()
    found = any(states.new.get(state) for states in compared.states for state in counted)
    return exits.FINDING if found else exits.FINE


def _policy(config: Config, system: System, new: str) -> Policy:
    """Return the policy of the system if `new` stood in the place of the configured packs."""
    from agent.policy_of import policy_of
    from policies.difference import side

    names = [new] if any(pack.kind == "base" for pack in side(new).packs) else ["asean-guide", new]
    changed = config.policies.model_copy(update={"packs": tuple(dict.fromkeys(names))})
    return policy_of(config.model_copy(update={"policies": changed}), system)


def _log_of(config: Config) -> Path:
    for options in config.exporters:
        path = getattr(options, "path", None)
        if getattr(options, "type", None) == "audit" and path is not None:
            return config.folder / Path(path)
    raise ValueError("the configuration has no audit exporter")


def _print_json(compared: Compared) -> None:
    from agent.cli.output import print_json

    print_json(
        {
            "kind": "summary",
            "windows": compared.windows,
            "not_final": compared.not_final,
            "left_out": [
                {"rule": rule, "window": length, "windows": n}
                for (rule, length), n in sorted(compared.hidden.items())
            ],
            "logged": compared.old,
            "new": compared.new,
        }
    )
    for row in compared.rows:
        print_json({"kind": "alert", **row._asdict()})
    for states in compared.states:
        print_json({"kind": "verdicts", **states._asdict()})


def _print_text(compared: Compared, system: str) -> None:
    from agent.cli.output import print_table

    print(f"{system}: {compared.windows} final windows of the log, judged again")
    print(f"  logged policy {compared.old.get(system, 'unknown')}")
    print(f"  new policy    {compared.new[system]}")
    if compared.not_final:
        print(f"  {compared.not_final} windows are not final yet and are left out")
    for (rule, length), n in sorted(compared.hidden.items()):
        print(
            f"  {rule} is left out at {n} windows of {length}: its values are not published there"
        )
    if not compared.windows:
        return
    cells: list[list[str]] = [
        [
            row.alertname,
            row.rule,
            row.attribute,
            row.model_version,
            str(row.fired),
            str(row.would_fire),
            _change(row.fired, row.would_fire),
            row.first or "",
        ]
        for row in compared.rows
    ]
    if cells:
        print_table(
            ("ALERT", "RULE", "ATTRIBUTE", "VERSION", "DID", "WOULD", "", "FIRST WOULD"), cells
        )
    else:
        print("no alert was raised, and none would have been")
    rows = [
        [states.rule, _counts(states.logged), _counts(states.new)]
        for states in compared.states
        if states.logged != states.new
    ]
    if rows:
        print_table(("RULE", "VERDICTS LOGGED", "VERDICTS NEW"), rows)


def _change(fired: int, would: int) -> str:
    if fired == would:
        return "same"
    if not fired:
        return "new"
    return "gone" if not would else "changed"


def _counts(states: dict[str, Any]) -> str:
    return ", ".join(f"{n} {state}" for state, n in states.items()) or "none"

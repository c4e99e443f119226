"""`pantau backtest --policy`: what would have fired under another policy."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli import exits
from agent.cli.options import Output

if TYPE_CHECKING:
    from agent.config.model import Config
    from agent.config.system import System
    from agent.policy_backtest import Compared

_BY_SEVERITY = ("breach", "warn", "not_assessable")


def backtest_policy(
    config: Config, system: System, new: str, log: Path | None, output: Output, fail_on: str
) -> int:
    """Judge the logged windows of a system by the packs of `new`; print what changes."""
    from agent.config.packs import packs_of
    from agent.inventory import inventory_of
    from agent.policy_backtest import compare
    from agent.policy_of import policy_of
    from exporters.audit.logged import blob_text, logged
    from exporters.audit.read.unseal import keys_beside

    trial = _with_packs(config, new)
    policy = policy_of(trial, system)
    folder = log or _log_of(config)
    beside = keys_beside(folder)
    compared = compare(
        logged(folder),
        {system.id: policy},
        inventories={system.id: inventory_of(system, packs_of(trial, system), policy)},
        blob_text=partial(blob_text, folder),
        keys=None if beside is None else beside.keys,
    )
    if output is Output.json:
        _print_json(compared)
    else:
        _print_text(compared, system.id)
    if not compared.windows:
        return exits.RUNTIME
    counted = _BY_SEVERITY[: _BY_SEVERITY.index(fail_on) + 1] if fail_on != "never" else ()
    found = any(states.new.get(state) for states in compared.states for state in counted)
    return exits.FINDING if found else exits.FINE


def _with_packs(config: Config, new: str) -> Config:
    """Return the configuration as if `new` stood in the place of its packs."""
    from policies.side import side

    names = [new] if any(pack.kind == "base" for pack in side(new).packs) else ["asean-guide", new]
    changed = config.policies.model_copy(update={"packs": tuple(dict.fromkeys(names))})
    return config.model_copy(update={"policies": changed})


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
                {"rule": one.rule, "window": one.window, "windows": one.windows, "why": one.why}
                for one in compared.left_out
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
    from agent.judged_again import EVERY_RULE
    from agent.policy_backtest import UNKNOWN

    print(f"{system}: {compared.windows} windows of the log, judged again")
    for digest, windows in compared.old[system].items() or ((UNKNOWN, 0),):
        print(f"  logged policy {digest} ({windows} windows)")
    print(f"  new policy    {compared.new[system]}")
    if compared.not_final:
        print(f"  {compared.not_final} of them may still change: labels or late events may come")
    for one in compared.left_out:
        what = "every rule" if one.rule == EVERY_RULE else one.rule
        print(f"  {what} is left out at {one.windows} windows of {one.window}: {one.why}")
    if not compared.windows:
        return
    cells: list[list[str]] = [
        [
            row.alertname,
            row.rule,
            row.attribute,
            row.model_version,
            str(row.fired),
            "?" if row.would_fire is None else str(row.would_fire),
            _change(row.fired, row.would_fire),
            row.first or "",
        ]
        for row in compared.rows
    ]
    if cells:
        print_table(
            ("ALERT", "RULE", "ATTRIBUTE", "VERSION", "DID", "WOULD", "", "FIRST WOULD"), cells
        )
    elif not compared.left_out:
        print("no alert was raised, and none would have been")
    for rule, why in sorted({(row.rule, row.why) for row in compared.rows if row.why}):
        print(f"  {rule}: {why}")
    rows = [
        [states.rule, _counts(states.logged), _counts(states.new)]
        for states in compared.states
        if states.logged != states.new
    ]
    if rows:
        print_table(("RULE", "VERDICTS LOGGED", "VERDICTS NEW"), rows)


def _change(fired: int, would: int | None) -> str:
    if would is None:
        return "cannot tell"
    if fired == would:
        return "same"
    if not fired:
        return "new"
    return "gone" if not would else "changed"


def _counts(states: dict[str, Any]) -> str:
    return ", ".join(f"{n} {state}" for state, n in states.items()) or "none"

"""Reading the configuration: file, environment and command line into one checked `Config`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from agent.config.environment import overrides_from, put, value_of
from agent.config.inventory import refused, unknown_packs
from agent.config.model import Config
from agent.config.problems import ConfigError, Problem, of_file
from agent.config.retention import kept_long_enough, kept_too_short
from agent.config.wording import describe, place_of
from agent.config.yaml_tree import Place, Tree, read_tree

__all__ = ["ConfigError", "load", "require_collector"]


def load(
    path: Path | str,
    env: Mapping[str, str] | None = None,
    overrides: Sequence[tuple[str, Any]] = (),
) -> Config:
    """Return the configuration of the file at `path`, relative paths resolved from its folder.

    What wins, in this order: `overrides` (pairs of a dotted key such as `systems.0.id` and a
    value), then `PANTAU_SECTION__KEY` of `env` (default: this process's environment), the file, the
    defaults.  Raises `ConfigError` with every problem found, in the order of the file's lines.
    """
    file = Path(path)
    tree = read_tree(_text(file))
    if tree.value is None and not tree.problems:
        tree.problems.append((1, (), "is empty; it needs at least `systems` with an `id`"))
    elif not isinstance(tree.value, dict) and not tree.problems:
        tree.problems.append((1, (), "needs a mapping of keys to values at its top"))
    if not isinstance(tree.value, dict):
        raise ConfigError(_form_problems(file, tree))
    given, problems = _override(tree.value, os.environ if env is None else env, overrides)
    problems = _form_problems(file, tree) + problems
    config, found = _validate(tree.value, given)
    problems += [_problem(error, file, tree, given) for error in found]
    if config is None or problems:
        raise ConfigError(_in_order(problems))
    anchored = _anchored(config, file.absolute().parent)
    refusals = list(unknown_packs(anchored))
    refusals = refusals or [*refused(anchored), *kept_too_short(anchored)]
    found_by_packs = [_refusal(place, why, file, tree, given) for place, why in refusals]
    if found_by_packs:
        raise ConfigError(_in_order(found_by_packs))
    return kept_long_enough(anchored)


def require_collector(config: Config, path: Path | str) -> None:
    """Raise `ConfigError` unless the configuration says where predictions come from."""
    if not config.collectors:
        message = "missing; the agent needs at least one collector to read predictions from"
        raise ConfigError([Problem(str(path), None, "collectors", message)])


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise of_file(str(file), f"cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise of_file(repr(str(file)), "is not a file name") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem(str(file), line, "", "is not UTF-8 text")]) from None


def _override(
    document: dict[str, Any], env: Mapping[str, str], overrides: Sequence[tuple[str, Any]]
) -> tuple[dict[Place, tuple[str, Any]], list[Problem]]:
    """Apply overrides to `document`; return place -> (who set it, raw value), and problems."""
    entries = [(name, keys, value_of(text), text) for name, keys, text in overrides_from(env)]
    entries += [("command line", key.split("."), value, value) for key, value in overrides]
    given: dict[Place, tuple[str, Any]] = {}
    problems = []
    for source, keys, value, raw in entries:
        place, problem = put(document, keys, value)
        if not _encodable(str(raw)):
            problem = "is not UTF-8 text"
        if problem is not None:
            problems.append(Problem(source, None, _dotted(place), problem))
        else:
            given[place] = (source, raw)
    return given, problems


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _validate(
    document: dict[str, Any], given: Mapping[Place, tuple[str, Any]]
) -> tuple[Config | None, list[Any]]:
    """Validate; an override that is a number where a text is needed is taken as its text."""
    for attempt in (1, 2):
        try:
            return Config.model_validate(document), []
        except ValidationError as error:
            found = [e for e in error.errors(include_url=False) if not _spurious(e)]
        except RecursionError:
            raise of_file("configuration", "is nested too deeply") from None
        texts = [e["loc"] for e in found if e["type"] == "string_type" and e["loc"] in given]
        if attempt == 2 or not texts:
            break
        for place in texts:
            put(document, [str(part) for part in place], given[place][1])
    return None, found


def _spurious(error: Any) -> bool:
    """Tell whether a list counts as too short only because its entries are wrong."""
    return bool(
        error["type"] == "too_short"
        and isinstance(error["input"], list)
        and len(error["input"]) >= error.get("ctx", {}).get("min_length", 0)
    )


def _problem(error: Any, file: Path, tree: Tree, given: Mapping[Place, tuple[str, Any]]) -> Problem:
    place = place_of(error, tree.value)
    message = describe(error, place, tree.value)
    for length in range(len(place), 0, -1):
        if place[:length] in given:
            return Problem(given[place[:length]][0], None, _dotted(place), message)
    if place not in tree.lines:
        # The file does not have it: it is there for what an override put below it.
        for below, (source, _) in given.items():
            if below[: len(place)] == place:
                return Problem(source, None, _dotted(below), message)
    return Problem(str(file), _line(tree, place), _dotted(place), message)


def _refusal(
    place: Place, why: str, file: Path, tree: Tree, given: Mapping[Place, tuple[str, Any]]
) -> Problem:
    """Return what a pack refuses as a problem of the file, or of what overrode it."""
    if place in given:
        return Problem(given[place][0], None, _dotted(place), why)
    return Problem(str(file), _line(tree, place), _dotted(place), why)


def _line(tree: Tree, place: Place) -> int:
    while place and place not in tree.lines:
        place = place[:-1]
    return tree.lines.get(place, 1)


def _form_problems(file: Path, tree: Tree) -> list[Problem]:
    return _in_order([Problem(str(file), n, _dotted(place), m) for n, place, m in tree.problems])


def _in_order(problems: Sequence[Problem]) -> list[Problem]:
    unique = dict.fromkeys(problems)
    return sorted(unique, key=lambda p: (p.line is None, p.line or 0, p.source, p.key))


def _dotted(place: Place) -> str:
    return ".".join(str(part) for part in place)


def _anchored(config: Config, folder: Path) -> Config:
    anchored: Config = _resolve(config, folder)
    packs = tuple(
        str(folder / name) if name.endswith((".yaml", ".yml")) else name
        for name in config.policies.packs
    )
    policies = anchored.policies.model_copy(update={"packs": packs})
    anchored = anchored.model_copy(update={"policies": policies})
    anchored._folder = folder
    return anchored


def _resolve(value: Any, folder: Path) -> Any:
    """Return `value` with every relative `Path` in it starting from `folder`."""
    if isinstance(value, Path):
        return folder / value
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: _resolve(inner, folder) for name, inner in fields.items()}
        return value.model_copy(update={k: v for k, v in changed.items() if v is not fields[k]})
    if isinstance(value, tuple | list):
        return type(value)(_resolve(inner, folder) for inner in value)
    if isinstance(value, dict):
        return {key: _resolve(inner, folder) for key, inner in value.items()}
    return value

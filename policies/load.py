"""Reading pack files: from the table, from entry points, or from a path."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from policies.complaint import PackError, describe
from policies.nearest import did_you_mean
from policies.pack import Pack, problems
from policies.table import ENTRY_POINT_GROUP, PACKS
from policies.yaml_lines import Document, parse


def pack_files() -> dict[str, Traversable]:
    """Return every known pack by name: those of the table, then those of entry points.

    An entry point cannot take the name of a pack of the table.  Raises `PackError` when an entry
    point cannot be loaded.
    """
    folder = files("policies") / "packs"
    found: dict[str, Traversable] = {name: folder / file for name, file in PACKS.items()}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name in found:
            continue
        try:
            found[point.name] = point.load()
        except Exception as error:
            raise PackError(
                f"policy pack {point.name!r} ({point.value}) cannot be loaded: {error}"
            ) from error
    return found


def load_pack(name: str) -> Pack:
    """Return the pack called `name`, or the one in the file `name` if that ends in `.yaml`/`.yml`.

    Raises `PackError` naming file, line, rule and what to do.
    """
    if name.endswith((".yaml", ".yml")):
        return load_file(Path(name))
    known = pack_files()
    if name not in known:
        raise PackError(f"there is no policy pack {name!r}{did_you_mean(name, known)}")
    pack = load_file(known[name])
    if pack.id != name:
        raise PackError(f"{known[name].name}: the pack calls itself {pack.id!r}, not {name!r}")
    return pack


def load_file(file: Traversable) -> Pack:
    """Return the pack in a file; raises `PackError`."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"{file}: cannot be read as UTF-8 text: {error}") from error
    return load_text(text, file.name)


def load_text(text: str, where: str) -> Pack:
    """Return the pack in a YAML text; `where` names it in messages.  Raises `PackError`."""
    document = parse(text, where)
    try:
        pack = Pack.model_validate(document.data)
    except ValidationError as error:
        found = [(tuple(e["loc"]), describe(e, Pack)) for e in error.errors()]
        raise _error(document, where, found) from error
    found = list(problems(pack))
    if found:
        raise _error(document, where, found)
    return pack


def _error(
    document: Document, where: str, found: list[tuple[tuple[str | int, ...], str]]
) -> PackError:
    lines = []
    for place, message in found:
        rule = _rule_id(document.data, place)
        lines.append(f"{where}:{document.line(place)}: {rule}{message}")
    return PackError("\n".join(lines))


def _rule_id(data: object, place: tuple[str | int, ...]) -> str:
    if len(place) < 2 or place[0] != "rules" or not isinstance(place[1], int):
        return ""
    rules = data.get("rules") if isinstance(data, Mapping) else None
    rule = rules[place[1]] if isinstance(rules, list) and place[1] < len(rules) else None
    name = rule.get("id") if isinstance(rule, Mapping) else None
    return f"rule {name}: " if isinstance(name, str) else f"rule number {place[1] + 1}: "

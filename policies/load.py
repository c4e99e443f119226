"""Reading pack files: from the table, from entry points, or from a path."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import entry_points
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from policies.complaint import PackError, UnreadableError, describe, telling
from policies.frameworks import frameworks
from policies.nearest import did_you_mean
from policies.pack import Pack, Place, rule_name
from policies.pack_problems import problems
from policies.read_file import read_text, short_path
from policies.references import reference_problems
from policies.table import ENTRY_POINT_GROUP, PACKS
from policies.yaml_lines import Document, parse

MOST_DEEP = 50
"""How many packs may stand in a row, each including the next."""


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


def load_packs(names: Sequence[str]) -> list[Pack]:
    """Return the packs of these names and all that they include, each once, includes first.

    Raises `PackError` for a pack that cannot be used and for a cycle of includes.
    """
    loaded: dict[str, Pack] = {}
    for name in names:
        _include(name, loaded, ())
    return list(loaded.values())


def load_pack(name: str) -> Pack:
    """Return the pack called `name`, or the one in the file `name` if that ends in `.yaml`/`.yml`.

    Raises `PackError` naming file, line, rule and what to do.
    """
    if is_path(name):
        return _of_file(Path(name))
    if name in PACKS:
        return _shipped(name)
    known = pack_files()
    if name not in known:
        # A file's name without its ending is told first: it is there.
        hint = _file_meant(name) or did_you_mean(name, known)
        raise PackError(f"there is no policy pack {name!r}{hint}")
    return _named(name, known[name])


def _of_file(file: Path) -> Pack:
    text = read_text(file, PACKS)
    return _with_its_own_id(load_text(text, short_path(file)), text)


def _file_meant(name: str) -> str:
    file = f"{name}.yaml"
    return f"; did you mean {file!r}?" if os.path.lexists(file) else ""


def is_path(name: str) -> bool:
    """Tell whether a pack's name is that of a file."""
    return name.endswith((".yaml", ".yml"))


def load_file(file: Traversable) -> Pack:
    """Return the pack in a file; raises `PackError`."""
    return load_text(read_text(file), file.name)


def load_text(text: str, where: str) -> Pack:
    """Return the pack in a YAML text; `where` names it in messages.  Raises `PackError`."""
    document = parse(text, where)
    try:
        pack = Pack.model_validate(document.data).read_from(where, document)
    except ValidationError as error:
        lines = [_line(document, where, tuple(e["loc"]), describe(e, Pack)) for e in telling(error)]
        raise PackError("\n".join(lines)) from error
    today = dt.datetime.now(dt.UTC).date()
    wrong = [pack.complain(place, message) for place, message in problems(pack, today)]
    if pack.kind == "base":
        # An overlay may refer to what the packs before it hold.
        wrong += reference_problems([pack], frameworks())
    if wrong:
        raise PackError("\n".join(wrong))
    return pack


@lru_cache(maxsize=64)
def _shipped(name: str) -> Pack:
    """Return a pack of the table; its file does not change while the program runs."""
    return _named(name, files("policies") / "packs" / PACKS[name])


def _named(name: str, file: Traversable) -> Pack:
    pack = load_file(file)
    if pack.id != name:
        raise PackError(f"{file.name}: the pack calls itself {pack.id!r}, not {name!r}")
    return pack


def _with_its_own_id(pack: Pack, text: str) -> Pack:
    """Refuse a file that takes the id of a shipped pack, under which its numbers would be shown."""
    if pack.id not in PACKS:
        return pack
    shipped = files("policies") / "packs" / PACKS[pack.id]
    if text != read_text(shipped):
        message = (
            f"{pack.id!r} is the id of a shipped pack, and this file is not that pack; give it an "
            f"id of its own, and `include: [{pack.id}]` to lay it over that pack"
        )
        raise PackError(pack.complain(("id",), message))
    return pack


def _absolute(name: str) -> str:
    """Return one spelling for a file, so that it is one pack however it is named."""
    if not is_path(name):
        return name
    try:
        return os.path.realpath(name)
    except (OSError, ValueError):
        # Said when the file is read.
        return name


def _include(name: str, loaded: dict[str, Pack], path: tuple[str, ...]) -> None:
    """Load a pack after those that it includes; `path`: those that are being loaded."""
    key = _absolute(name)
    if key in loaded:
        return
    folder = Path(key).parent if is_path(name) else None
    pack = load_pack(name) if folder is None else _of_file(Path(key))
    path = (*path, key)
    for i, other in enumerate(pack.include):
        # A path in a pack's own file starts from that file's folder.
        target = str(folder / other) if folder and is_path(other) else other
        if not is_path(target) and target not in PACKS and target not in (known := pack_files()):
            hint = did_you_mean(target, known)
            raise PackError(
                pack.complain(("include", i), f"there is no policy pack {other!r}{hint}")
            )
        if _absolute(target) in path:
            circle = _circle(path, _absolute(target), other)
            raise PackError(pack.complain(("include", i), circle))
        if len(path) == MOST_DEEP:
            what = f"is included through {MOST_DEEP} packs, which is too many to follow"
            raise PackError(pack.complain(("include", i), f"{other!r} {what}"))
        try:
            _include(target, loaded, path)
        except UnreadableError as error:
            raise PackError(pack.complain(("include", i), f"{other!r} {error.why}")) from error
    loaded[key] = pack


def _circle(path: tuple[str, ...], target: str, said: str) -> str:
    names = " -> ".join(Path(one).stem for one in (*path[path.index(target) :], target))
    return (
        f"the packs include each other in a circle: {names}; take {said!r} out of `include`, or "
        "break it at another of them"
    )


def _line(document: Document, where: str, place: Place, message: str) -> str:
    return f"{where}:{document.line(place)}: {rule_name(document.data, place)}{message}"

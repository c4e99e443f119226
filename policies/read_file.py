"""A YAML file as a checked model; every problem names its file, line and the nearest valid name."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from policies.complaint import PackError, UnreadableError, describe, telling
from policies.nearest import nearest_file
from policies.yaml_lines import Document, parse

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)


def read_text(file: Traversable, packs: Iterable[str] = ()) -> str:
    """Return a file's text; raises `UnreadableError`, which is a `PackError`.

    `packs`: names that may have been meant where there is no such file.
    """
    name = short_path(file) if isinstance(file, Path) else str(file)
    try:
        if isinstance(file, Path) and not stat.S_ISREG(file.stat().st_mode):
            # A pipe or a device may never end.
            what = "a folder" if file.is_dir() else "no regular file"
            raise UnreadableError(name, f"cannot be read: it is {what}")
        return file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        near = nearest_file(Path(str(file)), packs)
        raise UnreadableError(name, f"cannot be read: there is no such file{near}") from error
    except OSError as error:
        raise UnreadableError(name, f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        what = f"the byte 0x{error.object[error.start]:02x} on line {line} is none"
        raise UnreadableError(name, f"cannot be read as UTF-8 text: {what}") from error
    except ValueError as error:
        raise UnreadableError(name, f"cannot be read: {error}") from error


def short_path(file: Path) -> str:
    """Return how a person would name a file: from the working directory on, if it is in there."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (OSError, ValueError):
        return str(file)


def read_model(file: Traversable, model: type[Model]) -> Model:
    """Return the file as a model; raises `PackError`."""
    text = read_text(file)
    try:
        return model.model_validate(_plain(text))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return _with_lines(text, file.name, model)[0]


def read_model_and_lines(file: Traversable, model: type[Model]) -> tuple[Model, Document]:
    """Return the file as a model, and the lines of its parts; raises `PackError`."""
    return _with_lines(read_text(file), file.name, model)


def _plain(text: str) -> object:
    loader = _FAST(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _with_lines(text: str, where: str, model: type[Model]) -> tuple[Model, Document]:
    """Read slowly, remembering where everything stands."""
    document = parse(text, where)
    try:
        return model.model_validate(document.data), document
    except ValidationError as error:
        lines = [
            f"{where}:{document.line(tuple(e['loc']))}: {describe(e, model)}"
            for e in telling(error)
        ]
        raise PackError("\n".join(lines)) from error

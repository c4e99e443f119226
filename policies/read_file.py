"""A YAML file as a checked model; every problem names its file, line and the nearest valid name."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from policies.complaint import PackError, describe, telling
from policies.yaml_lines import Document, parse

_FAST = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Model = TypeVar("Model", bound=BaseModel)


def read_text(file: Traversable) -> str:
    """Return a file's text; raises `PackError`."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise PackError(f"{file}: cannot be read as UTF-8 text: {error}") from error


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

"""What the configuration's classes say about one place in a file: the known keys, the field."""

from __future__ import annotations

import types
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from agent.config.components import names, options_model
from agent.config.model import Config
from agent.config.yaml_tree import Place

_SECRET_WORDS = ("password", "passphrase", "secret", "token", "credential", "private", "apikey")


def model_at(place: Place, document: Any) -> type[BaseModel] | None:
    """Return the class whose fields are the keys of the mapping at `place`, if it has any."""
    return _model(_annotation_at(place, document))


def field_at(place: Place, document: Any) -> FieldInfo | None:
    """Return the field that `place` fills, if there is such a field."""
    model = model_at(place[:-1], document) if place else None
    return known_keys(model).get(str(place[-1])) if model is not None else None


def known_keys(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    """Return the fields of a class by the key that the file uses for them."""
    fields = model.model_fields if model is not None else {}
    return {info.alias or name: info for name, info in fields.items()}


def is_secret(place: Place, document: Any) -> bool:
    """Tell whether the value at `place` must not be shown."""
    words = "".join(str(part) for part in place[-1:]).casefold().replace("_", "")
    if any(word in words for word in _SECRET_WORDS) and not words.endswith("file"):
        return True
    field = field_at(place, document)
    return field is not None and SecretStr in _alternatives(field.annotation)


def _annotation_at(place: Place, document: Any) -> Any:
    if len(place) >= 2 and place[0] in ("collectors", "exporters"):
        family = "collectors" if place[0] == "collectors" else "exporters"
        try:
            type_name = document[place[0]][place[1]]["type"]
            known = type_name in names(family)  # type: ignore[arg-type]
            annotation: Any = options_model(family, type_name) if known else None  # type: ignore[arg-type]
        except (KeyError, IndexError, TypeError):
            return None
        rest = place[2:]
    else:
        annotation, rest = Config, place
    for part in rest:
        annotation = _inner(annotation, part)
    return annotation


def _inner(annotation: Any, part: str | int) -> Any:
    for option in _alternatives(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            field = known_keys(option).get(str(part))
            if field is not None:
                return field.annotation
        elif get_origin(option) in (tuple, list) and isinstance(part, int):
            return get_args(option)[0]
        elif get_origin(option) is dict and isinstance(part, str):
            return get_args(option)[1]
    return None


def _model(annotation: Any) -> type[BaseModel] | None:
    for option in _alternatives(annotation):
        if isinstance(option, type) and issubclass(option, BaseModel):
            return option
    return None


def _alternatives(annotation: Any) -> list[Any]:
    """Return the types that an annotation allows, without `Annotated` and unions around them."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [option for inner in get_args(annotation) for option in _alternatives(inner)]
    return [annotation]

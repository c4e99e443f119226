"""Which fields of a sample are features, and of what kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from collectors.base import CollectorError
from collectors.sample_fields import Field, readable_times
from collectors.schema import FeatureField, Kind
from collectors.wellknown import RECORDED_TIME, TIME, folded, identifies, leaf_name, protected, rank

FREE_TEXT_DISTINCT = 20
FREE_TEXT_SHARE = 0.5
FREE_TEXT_LENGTH = 128
"""A text field is free text if it has more than 20 different values and these are more than half
of all its values, or if one is longer than 128 characters."""

_PREFIX = "features."


class Chosen(NamedTuple):
    """The features, and for each field that is none of them the reason."""

    features: dict[str, FeatureField]
    left_out: dict[str, str]


def choose(fields: Iterable[Field]) -> Chosen:
    """Return every one of `fields` that can be a feature, with its kind."""
    chosen, left_out = {}, {}
    for field in fields:
        reason = _not_a_feature(field)
        if reason is None:
            chosen[field.path] = FeatureField(field.path, kind_of(field))
        else:
            left_out[field.path] = reason
    return Chosen({_name(path, chosen): field for path, field in chosen.items()}, left_out)


def with_kinds(
    features: Mapping[str, FeatureField], fields: Mapping[str, Field], n: int
) -> dict[str, FeatureField]:
    """Return configured features with every kind set; `CollectorError` where nothing tells it."""
    complete = {}
    for name, feature in features.items():
        kind = feature.kind
        if kind is None:
            field = fields.get(feature.path)
            if field is None or not field.values:
                raise CollectorError(
                    f"the feature {name!r} has no value in any of {n} sampled records, so its kind "
                    f"cannot be inferred; set systems[].features.{name} to numeric or categorical, "
                    f"or correct its path {feature.path!r}"
                )
            kind = kind_of(field)
        complete[name] = FeatureField(feature.path, kind)
    return complete


def kind_of(field: Field) -> Kind:
    """Return `numeric` if at least four in five of the field's values are numbers."""
    return "numeric" if field.numeric else "categorical"


def _not_a_feature(field: Field) -> str | None:
    if not field.values:
        return "no value in the sample"
    if protected(field.path):
        return "reads as a protected attribute; name it under audit_attributes or features"
    if identifies(field.path):
        return "an identifier"
    if _is_time(field):
        return "a time"
    return "free text" if not field.numeric and _is_free_text(field) else None


def _is_time(field: Field) -> bool:
    named = rank(field.path, TIME + RECORDED_TIME) is not None
    named = named or folded(leaf_name(field.path)).endswith(("time", "timestamp"))
    if field.numeric and not named:
        return False  # any large number could be seconds since 1970
    texts = [v for v in field.values if isinstance(v, str) and not v.replace(".", "").isdigit()]
    candidates = field.values if named else texts
    return len(candidates) >= 0.9 * len(field.values) and (
        readable_times(candidates, "UTC") >= 0.9 * len(field.values)
    )


def _is_free_text(field: Field) -> bool:
    if any(isinstance(v, str) and len(v) > FREE_TEXT_LENGTH for v in field.values):
        return True
    return field.distinct > max(FREE_TEXT_DISTINCT, FREE_TEXT_SHARE * len(field.values))


def _name(path: str, others: Iterable[str]) -> str:
    """Return the feature's name: its path, without a leading `features.` where that is unique."""
    short = path.removeprefix(_PREFIX)
    return path if short != path and short in set(others) else short

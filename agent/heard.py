"""Whose findings alert: those of all model versions together, and of each where there are more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policies.alerts import Cause, Judged
from policies.model import ALL_VERSIONS


def heard(judged: Sequence[Judged], standing: Mapping[str, Cause]) -> list[Judged]:
    """Return what of these windows, which end together, goes to the alerts.

    While a single model version is running its findings are those of the pool, and one alert per
    cause is enough: versions alert by themselves only where there are several.
    """
    versions = {one.model_version for one in judged} - {ALL_VERSIONS}
    known = {cause.alert.labels["model_version"] for cause in standing.values()}
    return [
        one
        for one in judged
        if one.model_version == ALL_VERSIONS or len(versions) > 1 or one.model_version in known
    ]

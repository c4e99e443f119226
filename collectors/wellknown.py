"""Names by which a field is recognised when the configuration does not say where it stands.

In order of preference.  Compared without regard to case, `_`, `-` and spaces, with the last part of
a path.
"""

from __future__ import annotations

TIME = (
    "event_time", "decided_at", "timestamp", "time", "ts", "datetime", "created_at", "occurred_at",
    "predicted_at", "prediction_time", "scored_at", "date",
)  # fmt: skip
ID = (
    "event_id", "id", "prediction_id", "request_id", "application_id", "transaction_id",
    "inference_id", "decision_id", "case_id", "record_id", "uuid",
)  # fmt: skip
PREDICTION = (
    "prediction", "predicted", "predicted_label", "predicted_class", "decision", "y_pred",
    "approve", "approved",
)  # fmt: skip
SCORE = ("score", "probability", "prob", "proba", "prediction_score", "confidence", "y_score")
LABEL = ("label", "actual", "outcome", "target", "ground_truth", "y_true", "truth")
MODEL_VERSION = ("model_version", "version", "model_id", "model")
RECORDED_TIME = ("recorded_time", "recorded_at", "label_time", "labelled_at", "ingested_at")

# Which field is looked for under which names, in the order in which they choose.
FIELDS: dict[str, tuple[str, ...]] = {
    "time": TIME,
    "id": ID,
    "prediction": PREDICTION,
    "score": SCORE,
    "label": LABEL,
    "model_version": MODEL_VERSION,
    "recorded_time": RECORDED_TIME,
}

FEATURE_PARENTS = frozenset({"features", "feature", "inputs", "input"})
"""What stands inside one of these is a feature, whatever its name."""

AUDIT_PARENTS = frozenset({"audit", "auditattributes", "protected", "protectedattributes"})
PROTECTED = frozenset(
    "gender sex race ethnicity ethnicgroup religion faith disability sexualorientation "
    "sexualbehaviour politicalopinion politicalview criminalrecord caste".split()
)
"""Names of attributes on which people must not be treated differently: never taken for features
unless the configuration says so."""

IDENTIFYING_SUFFIXES = ("id", "uuid", "guid", "key", "hash", "token")
"""A field whose name ends in one of these, as a word, identifies something; it is no feature."""


def folded(name: str) -> str:
    """Return a name as it is compared."""
    return "".join(character for character in name.casefold() if character not in "_- ")


def parents(path: str) -> set[str]:
    """Return the folded names of the objects that a path leads through."""
    return {folded(part) for part in path.split(".")[:-1]}


def leaf_name(path: str) -> str:
    """Return the last part of a dotted path."""
    return path.rsplit(".", 1)[-1]


def rank(path: str, names: tuple[str, ...]) -> int | None:
    """Return how well a path's name is known (0 is best), or None."""
    wanted = folded(leaf_name(path))
    for place, name in enumerate(names):
        if folded(name) == wanted:
            return place
    return None


def identifies(path: str) -> bool:
    """Tell whether a path's name is that of an identifier: `userId`, `session_id`, `api key`."""
    name = leaf_name(path)
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name)
    last = words.replace("_", " ").replace("-", " ").split()[-1:]
    return bool(last) and last[0] in IDENTIFYING_SUFFIXES


def protected(path: str) -> bool:
    """Tell whether a path reads as that of a protected attribute."""
    return folded(leaf_name(path)) in PROTECTED or bool(parents(path) & (AUDIT_PARENTS | PROTECTED))

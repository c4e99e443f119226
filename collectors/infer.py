"""Fills what the configuration leaves open about the events, from a sample of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from collectors.base import CollectorError
from collectors.infer_features import choose, with_kinds
from collectors.sample_fields import MAX_FIELDS, Field, fields_of, naive_times, readable_times
from collectors.schema import HUMAN_DECISION, EventSchema, FeatureField, Task
from collectors.wellknown import FEATURE_PARENTS, FIELDS, TIME, parents, rank

SAMPLE = 200
"""Records that a collector samples."""

MOSTLY = 0.9
"""A field is a time if at least this share of its values can be read as one."""

HALF = 0.5
"""The same for a field whose name says that it is a time: the others are bad records."""

_SHOWN = 40


def resolve(
    schema: EventSchema, sample: Sequence[Mapping[str, object]], *, flat: bool = False
) -> tuple[EventSchema, tuple[str, ...]]:
    """Return `schema` with nothing left open, and one line for a person on each choice made.

    `sample` holds some hundred decoded records; `flat` says that their keys are whole paths, as
    those of CSV are.  What is configured is kept; a configured path that no record has is noted as
    a warning.  Raises `CollectorError` if no field can be the event's time, or if the kind of a
    configured feature cannot be told.
    """
    if not sample and not schema.is_resolved():
        raise CollectorError(
            "there is no readable record to infer the event's fields from; set "
            "systems[].event.time, systems[].task and systems[].features, or send some events first"
        )
    fields = fields_of(sample, flat=flat, wanted=_configured(schema))
    found, notes = _Inference(schema, fields.by_path, len(sample)).resolve()
    if fields.left_out and schema.features is None and not schema.labels_only:
        unwatched = f"{fields.left_out} fields beyond the first {MAX_FIELDS} are not watched"
        notes += (f"warning: {unwatched}; name those that matter in systems[].features",)
    return msgspec.structs.replace(found, labels_elsewhere=False), notes


class _Inference:
    """One call of `resolve`: what is known so far, and the notes on it."""

    def __init__(self, schema: EventSchema, fields: Mapping[str, Field], n: int) -> None:
        self._schema = schema
        self._fields = fields
        self._n = n
        self._notes: list[str] = []
        self._claimed = set(_configured(schema))

    def resolve(self) -> tuple[EventSchema, tuple[str, ...]]:
        self._warn_of_unseen()
        if self._schema.labels_only:
            return self._labels()
        found: dict[str, str | None] = {}
        for name, names in FIELDS.items():
            if getattr(self._schema, name) is None:
                path = self._time() if name == "time" else self._named(name, names)
                found[name] = path
                if path is not None:
                    self._claimed.add(path)
        self._probability_as_score(found)
        schema = msgspec.structs.replace(self._schema, **found)
        schema = msgspec.structs.replace(schema, task=schema.task or self._task(schema))
        schema = msgspec.structs.replace(schema, features=self._features(schema))
        return schema, tuple(self._notes)

    def _labels(self) -> tuple[EventSchema, tuple[str, ...]]:
        """Resolve the schema of a source that holds labels, or human decisions, alone."""
        reviews = HUMAN_DECISION in self._schema.extra
        names = ("id", "recorded_time") if reviews else ("id", "label", "recorded_time")
        key = "reviews" if reviews else "labels"
        found: dict[str, str | None] = {}
        for name in names:
            if getattr(self._schema, name) is None:
                found[name] = self._named(name, FIELDS[name])
                self._claimed.add(found[name] or "")
        schema = msgspec.structs.replace(self._schema, **found)
        for name in names[:-1]:
            if getattr(schema, name) is None:
                raise CollectorError(
                    f"none of the fields in {self._n} sampled records is known to be the {name}; "
                    f"set collectors[].{key}.{name} to one of: {self._seen()}"
                )
        schema = msgspec.structs.replace(schema, task=schema.task or self._task(schema))
        return schema, tuple(self._notes)

    def _warn_of_unseen(self) -> None:
        expected = _configured(self._schema)
        if self._schema.labels_elsewhere:
            for path in (self._schema.label, self._schema.recorded_time):
                expected.pop(path or "", None)
        for path, key in expected.items():
            field = self._fields.get(path)
            if self._n and (field is None or not field.values):
                self._notes.append(
                    f"warning: {key}: {path} has no value in any of {self._n} sampled records; "
                    f"fields seen: {self._seen()}"
                )

    def _candidates(self) -> list[Field]:
        return [f for path, f in self._fields.items() if path not in self._claimed and f.values]

    def _time(self) -> str:
        """Return the path of the event's time, by name first, by its values otherwise."""
        known = [(rank(f.path, TIME), f) for f in self._candidates()]
        named = [(place, f.path.count("."), f) for place, f in known if place is not None]
        ordered = [f for _, _, f in sorted(named, key=lambda entry: entry[:2])]
        ordered += [f for place, f in known if place is None and _all_texts(f)]
        naive = None
        for field in ordered:
            known_name = rank(field.path, TIME) is not None
            enough = (HALF if known_name else MOSTLY) * len(field.values)
            readable = readable_times(field.values, self._schema.timezone)
            if readable >= enough:
                form = "RFC 3339" if _all_texts(field) else "epoch"
                self._notes.append(
                    f"time: {field.path} ({form} in {readable} of {self._n} records)"
                )
                return field.path
            if naive is None and naive_times(field.values) >= enough:
                naive = field.path
        if naive is not None:
            raise CollectorError(
                f"the times in {naive!r} carry no offset from UTC; set systems[].event.timezone to "
                "their zone, such as Asia/Singapore"
            )
        raise CollectorError(
            f"none of the fields in {self._n} sampled records is the event's time; set "
            f"systems[].event.time to one of: {self._seen()}. A time is RFC 3339 "
            "(2026-03-01T12:00:00Z), or seconds, ms, us or ns since 1970"
        )

    def _named(self, name: str, names: tuple[str, ...]) -> str | None:
        """Return the path of the field that is best known as `name`, if there is one."""
        best: tuple[tuple[int, int], Field] | None = None
        for field in self._candidates():
            place = rank(field.path, names)
            if place is None or parents(field.path) & FEATURE_PARENTS:
                continue
            if not self._can_be(name, field):
                continue
            order = (place, field.path.count("."))
            if best is None or order < best[0]:
                best = (order, field)
        if best is None:
            self._notes.append(f"{name}: none (no field of a well-known name)")
            return None
        field = best[1]
        self._notes.append(
            f"{name}: {field.path} (by its name; in {len(field.values)} of {self._n} records)"
        )
        return field.path

    def _can_be(self, name: str, field: Field) -> bool:
        if name == "score":
            return field.numeric
        if name == "recorded_time":
            timezone = self._schema.timezone
            return readable_times(field.values, timezone) >= MOSTLY * len(field.values)
        return True

    def _probability_as_score(self, found: dict[str, str | None]) -> None:
        """Take an inferred prediction that is a probability for the score that it is."""
        path = found.get("prediction")
        free = self._schema.score is None and found.get("score") is None
        if path is None or not free or self._schema.task == "regression":
            return
        numbers = self._fields[path].numbers
        if any(x != int(x) for x in numbers if abs(x) < 2) and all(0 <= x <= 1 for x in numbers):
            found["score"], found["prediction"] = path, None
            self._notes.append(
                f"score: {path} instead of prediction (its values are probabilities; the "
                f"prediction is 1 from {self._schema.threshold} on)"
            )

    def _task(self, schema: EventSchema) -> Task:
        path = schema.alone if schema.labels_only else schema.prediction or schema.label
        field = self._fields.get(path) if path is not None else None
        task: Task = "classification"
        why = f"the {'predictions' if schema.prediction else 'labels'} are classes"
        if path is None and schema.score is not None:
            why = f"the prediction is 1 from the score {schema.threshold:g} on"
        elif field is None or not field.values:
            why = "by default: there is no prediction in the sample"
        elif field.numeric and (
            field.distinct > 20 or any(x % 1 for x in field.numbers if abs(x) < 2**53)
        ):
            task, why = "regression", f"{path} has {field.distinct} different numbers"
        self._notes.append(f"task: {task} ({why})")
        return task

    def _features(self, schema: EventSchema) -> dict[str, FeatureField]:
        if schema.features is not None:
            complete = with_kinds(schema.features, self._fields, self._n)
            inferred = [
                f"{name} {feature.kind}"
                for name, feature in complete.items()
                if schema.features[name].kind is None
            ]
            if inferred:
                self._notes.append(f"kinds of features: {', '.join(inferred)}")
            return complete
        features, left_out = choose(f for p, f in self._fields.items() if p not in self._claimed)
        for kind in ("numeric", "categorical"):
            names = [name for name, feature in features.items() if feature.kind == kind]
            self._notes.append(f"{kind} features: {_listed(names)}")
        self._notes += [f"not used: {path} ({reason})" for path, reason in left_out.items()]
        return features

    def _seen(self) -> str:
        return _listed(list(self._fields))


def _configured(schema: EventSchema) -> dict[str, str]:
    """Return the configured paths, each with the key that sets it."""
    keys: dict[str, str] = {}
    for name in FIELDS:
        path = getattr(schema, name)
        if isinstance(path, str):
            keys[path] = f"systems[].event.{name}"
    for name, feature in (schema.features or {}).items():
        keys[feature.path] = f"systems[].features.{name}"
    for name, path in schema.audit.items():
        keys[path] = f"systems[].audit_attributes.{name}"
    for name, extra in schema.extra.items():
        keys[extra.path] = f"systems[].event.{name}"
    return keys


def _all_texts(field: Field) -> bool:
    return all(isinstance(v, str) and not v.replace(".", "").isdigit() for v in field.values)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (shown + more) or "none"

"""Runs in Evidently's environment: its own drift values for the columns of two data sets.

In: `{"reference": {column: values}, "current": {...}, "methods": {column: [method, ...]}}`.
Out: `{column: {method: value}}`.
"""

from __future__ import annotations

import json
import sys

import pandas as pd
from evidently import Report
from evidently.metrics import ValueDrift


def main() -> None:
    """Answer one question."""
    question = json.load(sys.stdin)
    asked = [(column, m) for column, methods in question["methods"].items() for m in methods]
    report = Report([ValueDrift(column=column, method=method) for column, method in asked])
    ran = report.run(pd.DataFrame(question["current"]), pd.DataFrame(question["reference"]))
    answers: dict[str, dict[str, float]] = {}
    for (column, method), metric in zip(asked, ran.dict()["metrics"], strict=True):
        assert metric["config"]["column"] == column, metric
        answers.setdefault(column, {})[method] = float(metric["value"])
    print(json.dumps(answers))


if __name__ == "__main__":
    main()

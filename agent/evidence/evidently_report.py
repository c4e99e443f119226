"""Render an Evidently report (HTML and JSON) from two samples, as a program of its own.

`python evidently_report.py FOLDER` reads `question.json` there and writes `report.html` and
`report.json`.  Runs where Evidently is installed, never inside the agent, and imports nothing of
ours.  `question.json`: `current` and `reference` are columns by name, lists of numbers, texts and
nulls; `numerical` and `categorical` say which is which.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

# Before the import: nothing is to be sent anywhere, and one processor is enough.
os.environ |= {
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}

NOT_INSTALLED = 13


def main(folder: Path) -> None:
    """Answer the question in `folder`."""
    warnings.simplefilter("ignore")
    question = json.loads((folder / "question.json").read_text(encoding="utf-8"))
    try:
        import pandas as pd
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset
    except ModuleNotFoundError as error:
        sys.stderr.write(f"{error.name}\n")
        sys.exit(NOT_INSTALLED)

    def dataset(columns: dict[str, list[Any]]) -> Any:
        frame = pd.DataFrame(columns)
        for name in question["numerical"]:
            frame[name] = pd.to_numeric(frame[name])
        definition = DataDefinition(
            numerical_columns=question["numerical"], categorical_columns=question["categorical"]
        )
        return Dataset.from_pandas(frame, data_definition=definition)

    # By effect size and not by p-value, as the agent judges; the largest is on top then.
    preset = DataDriftPreset(num_method="wasserstein", cat_method="jensenshannon")
    report = Report([preset])
    done = report.run(dataset(question["current"]), dataset(question["reference"]))
    (folder / "report.json").write_text(done.json(), encoding="utf-8")
    done.save_html(str(folder / "report.html"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

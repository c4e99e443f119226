"""How often the intervals of performance and calibration hold the truth: simulated, seeded.

`python -m tests.unit.statistics.outcome_coverage` prints the table of docs/signals.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.special import expit
from sklearn.metrics import f1_score

from agent.reference.profile import MeasureProfile
from agent.signals import baseline, by_class, calibration, scored
from agent.signals.labelled import Scores
from agent.signals.scored import Estimate

Draw = Callable[[np.random.Generator, int], Estimate | None]


class Case(NamedTuple):
    """A population with a known truth; `draw` takes a sample of n and measures it."""

    signal: str
    population: str
    truth: float
    draw: Draw


class Coverage(NamedTuple):
    """Share of samples of `n` whose interval held the truth, and of those above and below it."""

    case: Case
    n: int
    held: float
    too_high: float
    too_low: float


def cover(case: Case, n: int, *, runs: int, seed: int) -> Coverage:
    """Draw `runs` samples of `n`."""
    rng = np.random.default_rng(seed)
    found = [one for _ in range(runs) if (one := case.draw(rng, n)) is not None]
    too_high = np.mean([one.low > case.truth + 1e-12 for one in found])
    too_low = np.mean([one.high < case.truth - 1e-12 for one in found])
    return Coverage(case, n, float(1 - too_high - too_low), float(too_high), float(too_low))


def split(score: np.ndarray, label: np.ndarray) -> Scores:
    """Return scores by label, ascending."""
    return Scores(np.sort(score[label]), np.sort(score[~label]))


def areas() -> Iterator[Case]:
    """Normal scores of two classes, coarse ones with ties, and nearly perfect ones."""
    for shift in (0.0, 0.8, 1.8, 3.0):
        for share in (0.5, 0.1):
            truth = float(stats.norm.cdf(shift / np.sqrt(2)))

            def draw(
                rng: np.random.Generator, n: int, shift: float = shift, share: float = share
            ) -> Estimate | None:
                label = rng.random(n) < share
                if label.all() or not label.any():
                    return None
                return scored.roc_auc(split(rng.normal(size=n) + shift * label, label))

            yield Case("performance.roc_auc", f"normal +{shift}, {share:.0%} positive", truth, draw)
    levels = np.arange(5)
    p, q = np.array([0.05, 0.1, 0.2, 0.3, 0.35]), np.array([0.3, 0.3, 0.2, 0.1, 0.1])
    above = (levels[:, None] > levels) + (levels[:, None] == levels) / 2
    truth = float(p @ above @ q)

    def tied(rng: np.random.Generator, n: int) -> Estimate | None:
        label = rng.random(n) < 0.3
        score = np.where(label, rng.choice(levels, n, p=p), rng.choice(levels, n, p=q))
        return scored.roc_auc(split(score.astype(float), label)) if label.any() else None

    yield Case("performance.roc_auc", "5 levels", truth, tied)


def _probabilities(rng: np.random.Generator, n: int) -> np.ndarray:
    found: np.ndarray = rng.beta(2.0, 3.0, n)
    return found


def losses() -> Iterator[Case]:
    """Scores that are right, and scores that claim too much."""
    for slope in (1.0, 2.5):
        big = np.random.default_rng(99)
        chance = _probabilities(big, 2_000_000)
        claimed = expit(slope * np.log(chance / (1 - chance)))
        log_loss = -(chance * np.log(claimed) + (1 - chance) * np.log1p(-claimed)).mean()
        brier = (chance * (1 - claimed) ** 2 + (1 - chance) * claimed**2).mean()
        for name, truth, measure in (
            ("performance.log_loss", log_loss, scored.log_loss),
            ("performance.brier", brier, scored.brier),
        ):

            def draw(
                rng: np.random.Generator,
                n: int,
                slope: float = slope,
                measure: Callable[[Scores], Estimate] = measure,
            ) -> Estimate:
                chance = _probabilities(rng, n)
                claimed = expit(slope * np.log(chance / (1 - chance)))
                return measure(split(claimed, rng.random(n) < chance))

            yield Case(name, f"logit x{slope}", float(truth), draw)


def calibrations() -> Iterator[Case]:
    """Scores that are right, too low by a fixed amount, and too sure."""
    populations: dict[str, Callable[[np.ndarray], np.ndarray]] = {
        "calibrated": lambda p: p,
        "too low by 0.1": lambda p: np.clip(p - 0.1, 0, 1),
        "too sure, logit x2": lambda p: expit(2 * np.log(p / (1 - p))),
    }
    for population, claim in populations.items():
        chance = _probabilities(np.random.default_rng(98), 2_000_000)
        claimed = claim(chance)
        edges = np.quantile(claimed, np.arange(1, 10) / 10)
        bins = np.digitize(claimed, edges)
        gaps = np.bincount(bins, chance - claimed) / len(chance)

        def draw(
            rng: np.random.Generator,
            n: int,
            claim: Callable[[np.ndarray], np.ndarray] = claim,
        ) -> Estimate:
            chance = _probabilities(rng, n)
            return calibration.ece(split(claim(chance), rng.random(n) < chance))

        yield Case("performance.ece", population, float(np.abs(gaps).sum()), draw)
    for population, claim in populations.items():
        # The other group's scores are right; bins are of equal mass of the smaller group.
        def gap(
            rng: np.random.Generator,
            n: int,
            claim: Callable[[np.ndarray], np.ndarray] = claim,
        ) -> Estimate:
            small, large = _probabilities(rng, n // 3), _probabilities(rng, n - n // 3)
            return calibration.calibration_gap(
                split(claim(small), rng.random(len(small)) < small),
                split(large, rng.random(len(large)) < large),
            )

        for n in (600, 6_000):
            yield Case(
                "fairness.calibration_difference", f"{population}, n {n}", _gap(claim, n), gap
            )


def _gap(claim: Callable[[np.ndarray], np.ndarray], n: int) -> float:
    """Return the gap of a group of n/3 with those claims to one of 2n/3 whose scores are right."""
    chance = _probabilities(np.random.default_rng(97), 1_000_000)
    claimed = claim(chance)
    bins = min(10, max(1, n // 3 // 100))
    edges = np.quantile(claimed, np.arange(1, bins) / bins)
    mine, other = np.digitize(claimed, edges), np.digitize(chance, edges)
    size, others = np.bincount(mine, minlength=bins), np.bincount(other, minlength=bins)
    gap = np.bincount(mine, chance - claimed, bins) / np.maximum(size, 1)
    both = (size > 0) & (others > 0)
    weight = (size + 2 * others)[both]
    return float((np.abs(gap)[both] * weight).sum() / weight.sum())


def errors() -> Iterator[Case]:
    """Normal and heavy-tailed errors."""
    for name, population in (("normal", stats.norm()), ("Student t5", stats.t(5))):
        mae = float(2 * population.expect(lambda x: x, lb=0))
        for signal, truth, measure in (
            ("performance.mae", mae, scored.mean_error),
            ("performance.rmse", float(population.std()), scored.root_mean_square),
        ):

            def draw(
                rng: np.random.Generator,
                n: int,
                population: stats.rv_continuous = population,
                measure: Callable[[np.ndarray], Estimate] = measure,
            ) -> Estimate:
                return measure(np.sort(np.abs(population.rvs(n, random_state=rng))))

            yield Case(signal, name, truth, draw)


def classes() -> Iterator[Case]:
    """Confusion matrices of two and of six classes, some rare, some never confused."""
    two = np.array([[0.55, 0.05], [0.1, 0.3]])
    base = np.array([0.4, 0.25, 0.15, 0.1, 0.07, 0.03])
    six = np.diag(base * 0.8) + np.outer(base, base) * 0.2
    clear = np.diag(base * 0.99) + np.outer(base, base) * 0.01
    for name, raw in (("2 classes", two), ("6 classes", six), ("6 classes, few errors", clear)):
        table = raw / raw.sum()
        size = len(table)
        label, prediction = np.divmod(np.arange(size * size), size)
        for signal, measure, truth in (
            ("performance.f1", by_class.f1, None),
            ("performance.precision", by_class.precision, np.diag(table) / table.sum(axis=0)),
            ("performance.recall", by_class.recall, np.diag(table) / table.sum(axis=1)),
        ):
            mean = (
                f1_score(label, prediction, sample_weight=table.ravel(), average="macro")
                if truth is None
                else truth.mean()
            )

            def draw(
                rng: np.random.Generator,
                n: int,
                table: np.ndarray = table,
                measure: by_class.OneClass = measure,
            ) -> Estimate | None:
                counts = rng.multinomial(n, table.ravel()).reshape(table.shape)
                return by_class.macro(counts, measure)

            yield Case(signal, f"macro, {name}", float(mean), draw)
    positive = two / two.sum()
    f1 = 2 * positive[1, 1] / (positive[1].sum() + positive[:, 1].sum())

    def one(rng: np.random.Generator, n: int) -> Estimate | None:
        counts = rng.multinomial(n, positive.ravel()).reshape(2, 2)
        return by_class.f1(*by_class.one_against_rest(counts, 1))

    yield Case("performance.f1", "2 classes, one", float(f1), one)


def drops() -> Iterator[Case]:
    """Accuracy against a baseline of 1,000 rows, without a change and lower by a tenth."""
    for then, now in ((0.85, 0.85), (0.85, 0.765), (0.6, 0.6)):

        def draw(
            rng: np.random.Generator, n: int, then: float = then, now: float = now
        ) -> Estimate | None:
            old = by_class.share(int(rng.binomial(1_000, then)), 1_000)
            new = by_class.share(int(rng.binomial(n, now)), n)
            assert old is not None
            assert new is not None
            return baseline.drop(new, MeasureProfile(*old, 1_000))

        yield Case("performance.accuracy_drop", f"{then} to {now}", 1 - now / then, draw)


FAMILIES = (areas, losses, calibrations, errors, classes, drops)


def cases() -> list[Case]:
    """Return every case."""
    return [case for family in FAMILIES for case in family()]


def sizes_of(case: Case, sizes: Sequence[int]) -> Sequence[int]:
    """Return the sample sizes for a case: those its truth holds for."""
    if ", n " in case.population:
        return [int(case.population.rsplit(" ", 1)[1])]
    return sizes


def table(found: Sequence[Coverage]) -> str:
    """Return the results as the Markdown table of docs/signals.md."""
    lines = ["| signal | population | n | held | `low` above the truth |", "|---|---|---|---|---|"]
    lines += [
        f"| `{c.case.signal}` | {c.case.population} | {c.n:,} | {c.held:.3f} | {c.too_high:.3f} |"
        for c in found
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    print(
        table(
            [
                cover(case, n, runs=1_000, seed=5)
                for case in cases()
                for n in sizes_of(case, (100, 1_000))
            ]
        )
    )

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.errors import ConvergenceError, ParameterError
from cs_analysis.stats.importance.latent import latent_relations
from cs_analysis.stats.importance.ratings import Ratings, read_ratings
from cs_analysis.stats.importance.relations import Relations
from cs_analysis.stats.importance.subsets import lmg
from cs_analysis.stats.ordinal import fit_ordinal

GOLDEN = Path(__file__).parents[2] / "golden" / "importance"


def read(table: pd.DataFrame, outcome: str, *, cluster: str | None = None) -> Ratings:
    drivers = [name for name in table if name not in (outcome, cluster)]
    return read_ratings(table, outcome=outcome, drivers=drivers, cluster=cluster, missing="refuse")


def related(ratings: Ratings) -> Relations:
    return latent_relations(ratings.x, ratings, sizes=[1] * ratings.x.shape[1])


def simulated(rows: int, rng: np.random.Generator) -> pd.DataFrame:
    """Return ratings with a shared part, skewed, and an outcome cut from 0.6 a + 0.3 b + e."""
    latent = rng.normal(size=(rows, 1)) * 0.7 + rng.normal(size=(rows, 3)) * 0.7
    x = np.clip(np.round(4 + latent), 1, 5)
    behind = 0.6 * x[:, 0] + 0.3 * x[:, 1] + rng.normal(size=rows)
    return pd.DataFrame(x, columns=list("abc")).assign(y=np.searchsorted([2.0, 2.8, 3.6, 4.4], behind))


@pytest.mark.parametrize("name", ["cut_attitude", "housing"])
def test_equals_r_with_polr(name: str) -> None:
    wanted = pd.read_csv(GOLDEN / "latent.csv").query("data == @name")
    table = pd.read_csv(GOLDEN / f"{name}.csv")[[*wanted["driver"], wanted["outcome"].iloc[0]]]
    found = lmg(related(read(table, wanted["outcome"].iloc[0])).whole[None])[0]
    assert_allclose(found, wanted["lmg"], rtol=1e-4)  # polr stops at its own tolerance
    assert found.sum() == pytest.approx(wanted["r_squared"].iloc[0], rel=1e-4)


def test_parts_sum_to_mckelvey_and_zavoinas_over_every_order() -> None:
    table = simulated(400, np.random.default_rng(0))
    fit = fit_ordinal(table[list("abc")], table["y"], link="probit")
    slopes, spread = fit.coefficients["estimate"].to_numpy()[-3:], table[list("abc")].cov(ddof=0).to_numpy()
    shared, total = spread @ slopes, slopes @ spread @ slopes + 1
    parts = np.zeros(3)
    for order in permutations(range(3)):
        entered: list[int] = []
        for driver in order:
            more = [*entered, driver]
            worth = [shared[s] @ np.linalg.solve(spread[np.ix_(s, s)], shared[s]) / total if s else 0.0 for s in (more, entered)]
            parts[driver] += (worth[0] - worth[1]) / 6
            entered = more
    found = lmg(related(read(table, "y")).whole[None])[0]
    assert_allclose(found, parts, rtol=1e-6)
    assert found.sum() == pytest.approx(1 - 1 / total, rel=1e-6)


@pytest.mark.slow
def test_truth_is_recovered_where_the_outcome_is_cut_unevenly() -> None:
    rng = np.random.default_rng(1)
    x = simulated(100_000, rng)[list("abc")]
    behind = 0.6 * x["a"] + 0.3 * x["b"] + rng.normal(size=len(x))
    truth = lmg(np.corrcoef(np.column_stack([x, behind]).T)[None])[0]
    found = lmg(related(read(x.assign(y=np.searchsorted([1.5, 4.0], behind)), "y")).whole[None])[0]
    assert_allclose(found, truth, atol=0.006)
    coarse = lmg(np.corrcoef(np.column_stack([x, np.searchsorted([1.5, 4.0], behind)]).T)[None])[0]
    assert truth.sum() - coarse.sum() > 0.08  # taking the categories for numbers loses much of it


def test_one_step_is_what_fitting_each_replicate_gives() -> None:
    table = simulated(300, np.random.default_rng(2)).assign(account=np.random.default_rng(3).integers(0, 80, 300))
    ratings = read(table, "y", cluster="account")
    relations, rng = related(ratings), np.random.default_rng(4)
    for _ in range(5):
        times = rng.multinomial(ratings.clusters, np.full(ratings.clusters, 1 / ratings.clusters))
        step = lmg(relations.correlations((times @ relations.contributions)[None, :]))[0]
        again = pd.DataFrame(ratings.x, columns=list("abc")).assign(y=ratings.y).loc[np.repeat(np.arange(300), times[ratings.owners])]
        fitted = lmg(related(read(again, "y")).whole[None])[0]
        assert_allclose(step, fitted, atol=0.004)


def test_noise_is_related_to_the_latent_variable_as_a_fit_says() -> None:
    table = simulated(2000, np.random.default_rng(5))
    noise = np.random.default_rng(6).normal(size=2000)
    ratings = read(table, "y")
    values = (noise - noise.mean()) / noise.std()
    quick = values @ related(ratings).values[:, -1] / 2000
    more = pd.DataFrame(ratings.x, columns=list("abc")).assign(z=noise, y=ratings.y)
    fitted = related(read(more, "y")).whole[3, 4]
    assert quick == pytest.approx(fitted, abs=0.002)
    assert abs(quick) > 0.005


def test_drivers_that_separate_categories_are_refused() -> None:
    table = pd.DataFrame({"a": [1, 2, 3, 4, 5, 5], "b": [1, 3, 2, 5, 4, 1], "y": [1, 1, 2, 2, 3, 3]})
    with pytest.raises(ConvergenceError, match="no maximum: along 'a'"):
        related(read(table, "y"))


def test_too_many_categories_are_refused() -> None:
    table = simulated(100, np.random.default_rng(7)).assign(y=np.arange(100))
    with pytest.raises(ParameterError, match="may have 25 categories; this one has 100"):
        related(read(table, "y"))

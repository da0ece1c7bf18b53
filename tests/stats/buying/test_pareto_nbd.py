"""The Pareto/NBD fit: published digits, what it refuses, what it says against itself, and simulated customers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.buying.pareto_nbd import ParetoNBDFit, fit_pareto_nbd
from cs_analysis.stats.buying.pareto_nbd_model import ParetoNBD
from cs_analysis.stats.newton import maximise

Golden = Callable[[str], pd.DataFrame]


@pytest.fixture(scope="module")
def cdnow(golden: Golden) -> pd.DataFrame:
    return golden("cdnow/calibration.csv")


@pytest.fixture(scope="module")
def fit(cdnow: pd.DataFrame) -> ParetoNBDFit:
    return fit_pareto_nbd(cdnow)


def terms(fit: ParetoNBDFit) -> np.ndarray:
    return fit.coefficients.set_index("term").loc[["r", "alpha", "s", "beta"], "estimate"].to_numpy()


def draw(customers: int, *, seed: int, rates: Callable[..., tuple[np.ndarray, np.ndarray]], ages: tuple[int, int] = (300, 700)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    buys, leaves = rates(rng, customers)
    age = rng.uniform(*ages, customers)
    seen = np.minimum(rng.exponential(1 / leaves), age)
    frequency = rng.poisson(buys * seen)
    last = np.where(frequency > 0, seen * rng.random(customers) ** (1 / np.maximum(frequency, 1)), 0.0)
    return pd.DataFrame({"frequency": frequency, "recency_days": last, "age_days": age})


def usual(rng: np.random.Generator, customers: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.gamma(0.6, 1 / 60, customers), rng.gamma(0.8, 1 / 150, customers)


def test_published_terms_in_days(fit: ParetoNBDFit) -> None:
    """Schmittlein, Morrison and Colombo's model in Fader, Hardie and Lee (2005): r .553, alpha 7 x 10.578, s .606, beta 7 x 11.669, LL -9595.0 in weeks.

    A density in days is one in weeks over 7 for each of the repeat purchases, of which the sample has 2,457.
    """
    assert terms(fit) == pytest.approx([0.553, 7 * 10.578, 0.606, 7 * 11.669], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(-9595.0 - 2457 * np.log(7), abs=0.05)
    assert fit.converged
    assert fit.diagnostics.set_index("check").loc["gradient", "value"] < 1e-12


def test_days_and_weeks_are_the_same_model(cdnow: pd.DataFrame, fit: ParetoNBDFit) -> None:
    weeks = fit_pareto_nbd(cdnow.assign(recency_days=cdnow["recency_days"] / 7, age_days=cdnow["age_days"] / 7))
    assert terms(weeks) * [1, 7, 1, 7] == pytest.approx(terms(fit), rel=1e-9)
    assert weeks.log_likelihood == pytest.approx(fit.log_likelihood + cdnow["frequency"].sum() * np.log(7))


def test_order_and_packing_do_not_matter(cdnow: pd.DataFrame, fit: ParetoNBDFit) -> None:
    assert terms(fit_pareto_nbd(cdnow.sample(frac=1, random_state=3))) == pytest.approx(terms(fit), rel=1e-10)
    twice = fit_pareto_nbd(pd.concat([cdnow, cdnow]))
    assert terms(twice) == pytest.approx(terms(fit), rel=1e-10)
    assert np.diag(twice.covariance) == pytest.approx(np.diag(fit.covariance) / 2, rel=1e-8)


def test_covariance_is_the_inverse_of_the_curvature(cdnow: pd.DataFrame, fit: ParetoNBDFit) -> None:
    objective, here = ParetoNBD().objective(fit._fitted.histories), terms(fit)

    def total(natural: np.ndarray) -> float:
        return objective(np.log(natural))[0] * len(cdnow)

    steps = 1e-3 * here * np.eye(4)
    bend = [[(total(here + i + j) - total(here + i - j) - total(here - i + j) + total(here - i - j)) / (4 * i.sum() * j.sum()) for i in steps] for j in steps]
    assert fit.covariance.to_numpy() == pytest.approx(np.linalg.inv(-np.array(bend)), rel=1e-3)


@pytest.mark.slow
def test_recovers_what_was_simulated() -> None:
    fit = fit_pareto_nbd(draw(20_000, seed=1, rates=usual))
    table = fit.coefficients.set_index("term")
    assert ((table["conf_low"] < [0.6, 60, 0.8, 150]) & (table["conf_high"] > [0.6, 60, 0.8, 150])).all()


@pytest.mark.slow
def test_many_customers_start_from_a_part_and_end_at_the_same_place() -> None:
    table = draw(45_000, seed=2, rates=usual).round()
    table = table.assign(recency_days=np.where(table["frequency"] > 0, table["recency_days"].clip(lower=1), 0.0))
    fit = fit_pareto_nbd(table)
    alone = maximise(ParetoNBD().objective(fit._fitted.histories), np.log([1.0, 50.0, 1.0, 50.0]), terms=["r", "alpha", "s", "beta"])
    assert terms(fit) == pytest.approx(np.exp(alone.point), rel=1e-9)


def test_discounted_residual_transactions(fit: ParetoNBDFit) -> None:
    """The published closed form, with the confluent hypergeometric function of scipy, for 15 % a year."""
    r, alpha, s, beta = terms(fit)
    table = pd.DataFrame({"account_id": ["A", "B", "C"], "frequency": [0, 2, 29], "recency_days": [0, 213, 260], "age_days": [272, 272, 272]})
    found = fit.discounted_residual_transactions(table, discount_rate=0.15)
    alive = fit.predict(table).query("metric == 'probability_alive'")["estimate"].to_numpy()
    delta, left = np.log(1.15) / 365, beta + 272
    by_hand = alive * (r + table["frequency"]) / (alpha + 272) * left**s * delta ** (s - 1) * special.hyperu(s, s, delta * left)
    assert found["estimate"].to_numpy() == pytest.approx(by_hand.to_numpy(), rel=1e-6)
    assert found["account_id"].to_list() == ["A", "B", "C"]
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["conf_high"] > found["estimate"]).all()
    long = fit.discounted_purchases(table, horizon="36500d", discount_rate=0.15)
    assert found["estimate"].to_numpy() == pytest.approx(long["estimate"].to_numpy(), rel=1e-3)


@pytest.mark.parametrize("rate", [0, -0.1, float("nan"), float("inf")])
def test_residual_without_interest_is_refused(fit: ParetoNBDFit, rate: float) -> None:
    with pytest.raises(ParameterError, match="above 0"):
        fit.discounted_residual_transactions(discount_rate=rate)


def test_limits_of_expectations_and_of_counts(fit: ParetoNBDFit) -> None:
    told = fit.predict(horizon="273d").pivot_table(index="customer", columns="metric", values=["estimate", "conf_low", "conf_high"])
    assert told["estimate"]["purchases"].equals(told["estimate"]["expected_purchases"].rename("purchases"))
    width = told["conf_high"] - told["conf_low"]
    assert (width["purchases"] > width["expected_purchases"]).all()
    assert told["estimate"]["probability_alive"].between(0, 1).all()


@pytest.mark.slow
def test_counts_to_come_lie_within_their_limits() -> None:
    """A large cohort, 90 % limits: single counts are discrete, so at least 90 %; the total is one draw."""
    rng = np.random.default_rng(9)
    buys, leaves = usual(rng, 20_000)
    age, life = rng.uniform(300, 700, len(buys)), rng.exponential(1 / leaves)
    seen = np.minimum(life, age)
    frequency = rng.poisson(buys * seen)
    last = np.where(frequency > 0, seen * rng.random(len(buys)) ** (1 / np.maximum(frequency, 1)), 0.0)
    later = rng.poisson(buys * np.clip(life - age, 0, 364))
    fit = fit_pareto_nbd(pd.DataFrame({"frequency": frequency, "recency_days": last, "age_days": age}))
    told = fit.predict(conf_level=0.9).query("metric == 'purchases'")
    assert np.mean((told["conf_low"] <= later) & (later <= told["conf_high"])) > 0.9
    total = fit.predict_total(conf_level=0.99).set_index("metric").loc["purchases"]
    assert total["conf_low"] < later.sum() < total["conf_high"]
    calibration = fit.predict().query("metric == 'expected_purchases'")["estimate"].to_numpy()
    for part in np.array_split(np.argsort(calibration), 5):
        assert calibration[part].sum() == pytest.approx(later[part].sum(), abs=5 * np.sqrt(later[part].var() * len(part)))


def test_distribution_of_new_customers_matches_simulation(fit: ParetoNBDFit) -> None:
    r, alpha, s, beta = terms(fit)
    rng = np.random.default_rng(4)
    stays = np.minimum(rng.exponential(1 / rng.gamma(s, 1 / beta, 400_000)), 364)
    drawn = np.bincount(rng.poisson(rng.gamma(r, 1 / alpha, 400_000) * stays))[:6] / 400_000
    told = fit.purchase_distribution("364d", counts=5)
    assert told["estimate"].to_numpy() == pytest.approx(drawn, abs=0.004)  # simulation error at most 0.0008


def test_extremes(cdnow: pd.DataFrame) -> None:
    """254 purchases up to the last day, beside the rest."""
    added = pd.DataFrame({"frequency": [254, 254, 100], "recency_days": [271, 272, 3], "age_days": [272, 272, 272]})
    fit = fit_pareto_nbd(pd.concat([cdnow, added]))
    assert fit.converged
    told = fit.predict(added).set_index(["metric", "customer"])["estimate"]
    assert told["probability_alive"].to_list() == pytest.approx([0.99, 1.0, 0.0], abs=0.02)
    assert told["expected_purchases"][1] > 150


def no_leaving(rng: np.random.Generator, customers: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.gamma(1.5, 1 / 60, customers), np.full(customers, 1e-9)


def same_rates(rng: np.random.Generator, customers: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(customers, 1 / 50), rng.gamma(0.8, 1 / 150, customers)


def same_leaving(rng: np.random.Generator, customers: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.gamma(1.5, 1 / 60, customers), np.full(customers, 1 / 200)


@pytest.mark.slow
@pytest.mark.parametrize("rates", [no_leaving, same_rates, same_leaving])
@pytest.mark.parametrize("seed", range(4))
def test_a_model_on_its_edge_is_no_silent_success(rates: Callable[..., tuple[np.ndarray, np.ndarray]], seed: int) -> None:
    """Sampling may make a boundary look like a distant maximum; then the limits of a term must be far apart."""
    try:
        fit = fit_pareto_nbd(draw(400, seed=seed, rates=rates))
    except ConvergenceError:
        return
    apart = (fit.coefficients["conf_high"] / fit.coefficients["conf_low"]).max()
    assert not fit.converged or apart > 10
    assert fit.converged == fit.diagnostics["finding"].eq("ok").all()
    assert (fit.diagnostics["what_to_do"].ne("") == fit.diagnostics["finding"].ne("ok")).all()


def test_all_histories_alike_are_no_silent_success() -> None:
    try:
        fit = fit_pareto_nbd(pd.DataFrame({"frequency": [3] * 20, "recency_days": [50.0] * 20, "age_days": [90.0] * 20}))
    except ConvergenceError:
        return
    assert not fit.converged


def test_too_little_data_and_bad_rows() -> None:
    with pytest.raises(NotEnoughDataError, match="at least two"):
        fit_pareto_nbd(pd.DataFrame({"frequency": [3], "recency_days": [50], "age_days": [90]}))
    with pytest.raises(NotEnoughDataError, match="second time"):
        fit_pareto_nbd(pd.DataFrame({"frequency": [0, 0], "recency_days": [0, 0], "age_days": [90, 80]}))
    with pytest.raises(MissingColumnsError, match="age_days"):
        fit_pareto_nbd(pd.DataFrame({"frequency": [0, 0], "recency_days": [0, 0]}))
    with pytest.raises(ParameterError, match="recency_days"):
        fit_pareto_nbd(pd.DataFrame({"frequency": [0, 2], "recency_days": [5, 100], "age_days": [90, 80]}))

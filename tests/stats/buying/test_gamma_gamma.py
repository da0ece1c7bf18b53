"""The gamma-gamma model against published digits, R, high-precision sums, integration and simulation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, optimize, special, stats

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.buying.gamma_gamma import GammaGammaFit, fit_gamma_gamma
from cs_analysis.stats.buying.gamma_gamma_likelihood import LogLikelihood
from cs_analysis.stats.buying.gamma_gamma_spending import read_spending

Golden = Callable[[str], pd.DataFrame]
POINTS = [[1.8, 1.3, 2.7], [0.0, 0.0, 0.0], [-1.5, 0.4, 5.0], [3.5, 2.5, -2.0]]


@pytest.fixture(scope="module")
def cdnow(golden: Golden) -> pd.DataFrame:
    return golden("gamma_gamma/spend.csv")


@pytest.fixture(scope="module")
def fit(cdnow: pd.DataFrame) -> GammaGammaFit:
    return fit_gamma_gamma(cdnow)


def terms(fit: GammaGammaFit) -> pd.Series:
    return fit.coefficients.set_index("term")["estimate"]


def draw(p: float, q: float, v: float, *, customers: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw single purchases and average them: no formula of the model is used."""
    frequency = rng.geometric(0.4, customers) - 1
    rate = rng.gamma(q, 1 / v, customers)
    sums = [rng.gamma(p, 1 / own, bought).sum() for own, bought in zip(rate, frequency, strict=True)]
    return pd.DataFrame({"frequency": frequency, "mean_value": np.divide(sums, frequency, out=np.zeros(customers), where=frequency > 0)})


def test_published_terms(fit: GammaGammaFit) -> None:
    """Fader and Hardie (2013): p 6.25, q 3.74, v 15.44 for 946 customers with a repeat purchase (their optimiser stopped at 15.44)."""
    assert terms(fit)["p"] == pytest.approx(6.25, abs=0.005)
    assert terms(fit)["q"] == pytest.approx(3.74, abs=0.006)
    assert terms(fit)["v"] == pytest.approx(15.44, abs=0.01)
    assert fit.coefficients["n"].eq(946).all()


def test_terms_errors_and_likelihood_of_another_implementation(fit: GammaGammaFit, golden: Golden) -> None:
    other = golden("gamma_gamma/fit.csv").set_index("term")
    assert terms(fit).to_numpy() == pytest.approx(other["estimate"].to_numpy(), rel=2e-5)
    assert fit.log_likelihood == pytest.approx(other["log_likelihood"].iloc[0], abs=1e-6)
    errors = np.sqrt(np.diag(fit.covariance)) / terms(fit)
    assert errors.to_numpy() == pytest.approx(other["log_error"].to_numpy(), rel=2e-3)  # R's Hessian is one of differences


def test_limits_of_the_terms_are_profiles(fit: GammaGammaFit, cdnow: pd.DataFrame) -> None:
    """At a limit of q, twice the log-likelihood at its highest over p and v has fallen by 3.841."""
    likelihood = LogLikelihood.of(read_spending(cdnow))
    for limit in ("conf_low", "conf_high"):
        log_q = np.log(fit.coefficients.set_index("term").loc["q", limit])
        rest = optimize.minimize(lambda at, q=log_q: -likelihood(np.array([at[0], q, at[1]]))[0], [1.8, -0.8], method="Nelder-Mead", tol=1e-11)
        assert 2 * (fit.log_likelihood + 946 * rest.fun) == pytest.approx(3.8415, abs=1e-3)


def test_slope_is_zero(fit: GammaGammaFit) -> None:
    assert fit.diagnostics.set_index("check").loc["gradient", "value"] < 1e-12
    assert fit.converged


def test_likelihood_of_one_customer_by_integration() -> None:
    """Three purchases of mean 7: integrate the density of a gamma mean, given the rate, over the rate."""
    p, q, v = 1.7, 2.2, 9.0
    table = pd.DataFrame({"frequency": [3], "mean_value": [7.0]})
    value, _, _ = LogLikelihood.of(read_spending(table))(np.log([p, q, v / 7.0]))
    density = integrate.quad(lambda u: stats.gamma.pdf(7.0, 3 * p, scale=1 / (3 * u)) * stats.gamma.pdf(u, q, scale=1 / v), 0, np.inf)[0]
    assert value == pytest.approx(np.log(density), rel=1e-9)


@pytest.mark.parametrize("point", POINTS)
def test_derivatives_against_differences(cdnow: pd.DataFrame, point: list[float]) -> None:
    likelihood = LogLikelihood.of(read_spending(cdnow))
    here, width = np.array(point), 1e-4
    _, gradient, hessian = likelihood(here)
    for which, unit in enumerate(np.eye(3)):
        ahead, behind = likelihood(here + width * unit), likelihood(here - width * unit)
        assert (ahead[0] - behind[0]) / (2 * width) == pytest.approx(gradient[which], rel=1e-6, abs=1e-7)
        assert (ahead[1] - behind[1]) / (2 * width) == pytest.approx(hessian[which], rel=1e-6, abs=1e-7)
    assert hessian == pytest.approx(hessian.T)


def test_expected_values_of_another_implementation(fit: GammaGammaFit, golden: Golden) -> None:
    other = golden("gamma_gamma/customers.csv")
    told = fit.predict(other).query("metric == 'expected_mean_value'")
    assert told["estimate"].to_numpy() == pytest.approx(other["expected"].to_numpy(), rel=1e-4)
    assert told["n"].to_list() == other["frequency"].to_list()


def test_expected_value_is_a_weighted_mean(fit: GammaGammaFit) -> None:
    p, q, v = terms(fit)
    weight = p * 4 / (p * 4 + q - 1)
    by_hand = weight * 50 + (1 - weight) * p * v / (q - 1)
    assert fit.predict(pd.DataFrame({"frequency": [4], "mean_value": [50.0]}))["estimate"].to_numpy() == pytest.approx([by_hand, by_hand])


def test_limits_of_the_expected_value_against_differences(fit: GammaGammaFit) -> None:
    def log_expected(natural: np.ndarray) -> float:
        p, q, v = natural
        return float(np.log(p * (v + 3 * 20.0) / (3 * p + q - 1)))

    here = terms(fit).to_numpy()
    slope = np.array([(log_expected(here + unit) - log_expected(here - unit)) / 2e-5 for unit in 1e-5 * np.eye(3)])
    error = np.sqrt(slope @ fit.covariance.to_numpy() @ slope)
    row = fit.predict(pd.DataFrame({"frequency": [3], "mean_value": [20.0]}), conf_level=0.9).iloc[0]
    assert np.log(row["conf_high"] / row["estimate"]) == pytest.approx(1.6448536 * error, rel=1e-6)


def test_customers_limits_are_wider_than_those_of_the_expectation(fit: GammaGammaFit) -> None:
    narrow, wide = (fit.predict().query(f"metric == '{name}'").reset_index(drop=True) for name in ("expected_mean_value", "mean_value"))
    assert (wide["conf_low"] < narrow["conf_low"]).all()
    assert (wide["conf_high"] > narrow["conf_high"]).all()
    single = fit.predict(purchases=1).query("metric == 'mean_value'").reset_index(drop=True)
    assert (single["conf_low"] < wide["conf_low"]).all()


def test_means_of_many_purchases_are_the_long_run(fit: GammaGammaFit) -> None:
    some = pd.DataFrame({"frequency": [0, 2], "mean_value": [np.nan, 30.0]})
    many, ever = (fit.predict(some, purchases=count)[["conf_low", "conf_high"]].to_numpy() for count in (10**6, None))
    assert many == pytest.approx(ever, rel=1e-4)


@pytest.mark.slow
def test_customers_limits_hold_what_is_drawn() -> None:
    """Known terms, a large cohort: 90 % limits hold 90 % of the next purchase and of the long-run mean."""
    rng, p, q, v = np.random.default_rng(5), 2.0, 4.0, 30.0
    rate = rng.gamma(q, 1 / v, 60_000)
    frequency = rng.integers(1, 5, len(rate))
    table = pd.DataFrame({"frequency": frequency, "mean_value": rng.gamma(p * frequency, 1 / (rate * frequency))})
    fit = fit_gamma_gamma(table)
    for purchases, truth in ((1, rng.gamma(p, 1 / rate)), (None, p / rate)):
        told = fit.predict(purchases=purchases, conf_level=0.9).query("metric == 'mean_value'")
        inside = (told["conf_low"].to_numpy() <= truth) & (truth <= told["conf_high"].to_numpy())
        assert inside.mean() == pytest.approx(0.9, abs=0.005)  # simulation error 0.12 points


def test_population_mean(fit: GammaGammaFit) -> None:
    p, q, v = terms(fit)
    row = fit.population_mean().iloc[0]
    assert row["estimate"] == pytest.approx(p * v / (q - 1))
    slope = np.array([1 / p, -1 / (q - 1), 1 / v])
    reach = 1.959964 * np.sqrt(slope @ fit.covariance.to_numpy() @ slope)
    assert (row["conf_low"], row["conf_high"]) == pytest.approx((row["estimate"] * np.exp(-reach), row["estimate"] * np.exp(reach)), rel=1e-6)


def test_infinite_population_mean_is_missing_and_said() -> None:
    fit = fit_gamma_gamma(draw(3.0, 0.6, 5.0, customers=4000, rng=np.random.default_rng(1)))
    assert terms(fit)["q"] < 1
    assert fit.population_mean()[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert fit.diagnostics.set_index("check").loc["population mean", "finding"] == "infinite"
    told = fit.predict(pd.DataFrame({"frequency": [0, 2], "mean_value": [0.0, 10.0]})).query("metric == 'expected_mean_value'")
    assert told["estimate"].isna().to_list() == [True, False]
    everything = fit.predict(pd.DataFrame({"frequency": [0], "mean_value": [0.0]})).query("metric == 'mean_value'")
    assert everything[["conf_low", "conf_high"]].notna().all(axis=None)


def test_upper_limit_of_the_population_mean_is_infinite_where_q_may_be_1() -> None:
    fit = fit_gamma_gamma(draw(3.0, 1.15, 5.0, customers=300, rng=np.random.default_rng(3)))
    low = fit.coefficients.set_index("term").loc["q", "conf_low"]
    assert low < 1 < terms(fit)["q"]
    assert np.isposinf(fit.population_mean()["conf_high"].iloc[0])


def test_recovers_what_was_simulated() -> None:
    fit = fit_gamma_gamma(draw(6.0, 4.0, 15.0, customers=30_000, rng=np.random.default_rng(2)))
    table = fit.coefficients.set_index("term")
    assert ((table["conf_low"] < [6, 4, 15]) & (table["conf_high"] > [6, 4, 15])).all()
    checks = fit.diagnostics.set_index("check")
    assert checks["finding"].eq("ok").all()
    assert abs(checks.loc["independence", "value"]) < 0.02


def test_dependence_is_said(fit: GammaGammaFit) -> None:
    rng = np.random.default_rng(4)
    independent = draw(6.0, 4.0, 15.0, customers=3000, rng=rng)
    dependent = independent.assign(mean_value=independent["mean_value"] * (1 + independent["frequency"]))
    assert fit_gamma_gamma(independent).diagnostics.set_index("check").loc["independence", "finding"] == "ok"
    checks = fit_gamma_gamma(dependent).diagnostics.set_index("check")
    assert checks.loc["independence", "finding"] == "dependent"
    again = dependent[dependent["frequency"] > 0]
    plain = stats.spearmanr(again["frequency"], again["mean_value"]).statistic
    assert checks.loc["rank correlation", "value"] == pytest.approx(plain)


def test_skew_alone_is_no_dependence() -> None:
    """Exponential values: a mean of many is rarely far below the expectation, so the plain rank correlation is not 0 without dependence."""
    checks = fit_gamma_gamma(draw(0.5, 20.0, 400.0, customers=20_000, rng=np.random.default_rng(6))).diagnostics.set_index("check")
    assert checks.loc["rank correlation", "value"] > 0.1
    assert abs(checks.loc["independence", "value"]) < 0.03
    assert checks.loc["rank correlation", "finding"] == "ok"


def test_order_currency_and_customers_without_a_repeat_do_not_matter(cdnow: pd.DataFrame, fit: GammaGammaFit) -> None:
    other = fit_gamma_gamma(cdnow[cdnow["frequency"] > 0].sample(frac=1, random_state=1).assign(mean_value=lambda rows: rows["mean_value"] * 1000))
    assert terms(other).to_numpy() == pytest.approx(terms(fit).to_numpy() * [1, 1, 1000], rel=1e-9)
    assert other.log_likelihood == pytest.approx(fit.log_likelihood - 946 * np.log(1000))
    assert fit.diagnostics.set_index("check").loc["no repeat purchase", "value"] == 2357 - 946


def test_packed_rows_are_single_rows(cdnow: pd.DataFrame) -> None:
    thrice = fit_gamma_gamma(pd.concat([cdnow] * 3))
    once = fit_gamma_gamma(cdnow)
    assert terms(thrice).to_numpy() == pytest.approx(terms(once).to_numpy(), rel=1e-10)
    assert np.diag(thrice.covariance) == pytest.approx(np.diag(once.covariance) / 3, rel=1e-8)
    packed = read_spending(pd.concat([cdnow] * 3))
    assert packed.count.sum() == 3 * 2357
    assert (packed.mean[packed.row_of] == np.tile(cdnow["mean_value"].where(cdnow["frequency"] > 0, 0), 3)).all()


def test_keys(cdnow: pd.DataFrame) -> None:
    named = cdnow.head(60).assign(account_id=[f"A{row}" for row in range(60)])
    assert fit_gamma_gamma(named).predict()["account_id"].to_list() == [*named["account_id"], *named["account_id"]]
    assert fit_gamma_gamma(cdnow.head(60)).predict()["customer"].to_list() == [*range(60), *range(60)]


def test_extreme_frequencies() -> None:
    rng = np.random.default_rng(8)
    frequency = np.array([254, 5000, *rng.integers(1, 6, 400)])
    table = pd.DataFrame({"frequency": frequency, "mean_value": rng.gamma(6.0 * frequency) / frequency / rng.gamma(3.7, size=402) * 1e6})
    fit = fit_gamma_gamma(table)
    assert fit.converged
    told = fit.predict().query("metric == 'expected_mean_value'")
    assert told["estimate"].iloc[1] == pytest.approx(table["mean_value"].iloc[1], rel=1e-3)


def test_all_spend_the_same_has_no_maximum() -> None:
    with pytest.raises(ConvergenceError, match="no maximum"):
        fit_gamma_gamma(pd.DataFrame({"frequency": [1, 2, 3, 4], "mean_value": [10.0] * 4}))


def test_customers_who_are_all_alike_are_no_silent_success() -> None:
    rng = np.random.default_rng(11)
    frequency = rng.integers(1, 6, 300)
    table = pd.DataFrame({"frequency": frequency, "mean_value": rng.gamma(3.0 * frequency) / frequency})
    try:
        fit = fit_gamma_gamma(table)
    except ConvergenceError:
        return
    assert not fit.converged or fit.coefficients.set_index("term").loc["q", "conf_high"] > 100


def test_bad_rows_are_said_all_at_once() -> None:
    table = pd.DataFrame({"frequency": [1.5, -1, 2, 3, 2], "mean_value": [1.0, 1.0, -5.0, np.nan, 0.0]}, index=list("abcde"))
    with pytest.raises(ParameterError) as caught:
        fit_gamma_gamma(table)
    text = str(caught.value)
    for part in ("whole number", "first 'a' with 1.5", "negative", "first 'b' with -1", "above 0", "2 rows, first 'c' with -5", "missing", "refunds"):
        assert part in text


def test_too_little_data_and_missing_columns() -> None:
    with pytest.raises(NotEnoughDataError, match="1 of the 2 customers"):
        fit_gamma_gamma(pd.DataFrame({"frequency": [2, 0], "mean_value": [3.0, 0.0]}))
    with pytest.raises(NotEnoughDataError, match="0 of the 0"):
        fit_gamma_gamma(pd.DataFrame({"frequency": [], "mean_value": []}, dtype="float64"))
    with pytest.raises(MissingColumnsError, match="mean_value"):
        fit_gamma_gamma(pd.DataFrame({"frequency": [2, 0]}))
    with pytest.raises(ParameterError, match="numbers"):
        fit_gamma_gamma(pd.DataFrame({"frequency": ["2", "1"], "mean_value": [1.0, 2.0]}))


@pytest.mark.parametrize("options", [{"purchases": 0}, {"purchases": 1.5}, {"conf_level": 1}])
def test_options(fit: GammaGammaFit, options: dict[str, float]) -> None:
    with pytest.raises(ParameterError):
        fit.predict(**options)


def test_distribution_of_the_mean_integrates_to_one() -> None:
    """The density that the likelihood multiplies, over all means of two purchases."""
    p, q, v = 2.0, 3.0, 8.0

    def density(mean: float) -> float:
        likelihood = LogLikelihood.of(read_spending(pd.DataFrame({"frequency": [2], "mean_value": [mean]})))
        return float(np.exp(likelihood(np.log([p, q, v / mean]))[0]))

    assert integrate.quad(density, 0, np.inf)[0] == pytest.approx(1, rel=1e-7)
    assert integrate.quad(density, 0, 8.0)[0] == pytest.approx(special.betainc(2 * p, q, 2 * 8 / (2 * 8 + v)), rel=1e-7)

"""Forecasts of fitted models of buying: other programs, limits from first principles, and what came in simulated cohorts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import cs_analysis as cs
from cs_analysis.errors import ParameterError
from cs_analysis.stats.buying.histories import NEW_CUSTOMER

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "cdnow"
FITS = {"bg_nbd": cs.fit_bg_nbd, "mbg_nbd": cs.fit_mbg_nbd}
POINTS = {"bg_nbd": (0.2426, 4.4136 * 7, 0.7929, 2.4259), "mbg_nbd": (0.5248, 6.1831 * 7, 0.8914, 1.6140)}  # as in make_lifetimes.py, in days


@pytest.fixture(scope="module")
def cdnow():
    return pd.read_csv(GOLDEN / "calibration.csv")


@pytest.fixture(scope="module")
def fits(cdnow):
    return {model: fit(cdnow) for model, fit in FITS.items()}


def at(fit, terms):
    """Return the fit moved to other terms."""
    return replace(fit, _fitted=replace(fit._fitted, point=np.log(terms)))


def wide(table):
    return table.pivot_table(index="customer", columns="metric", values="estimate")


@pytest.mark.parametrize("model", FITS)
def test_customers_equal_those_of_lifetimes(model, fits, cdnow):
    golden = pd.read_csv(GOLDEN / "lifetimes_customers.csv").query("model == @model").set_index("customer")
    found = wide(at(fits[model], POINTS[model]).predict(cdnow[cdnow["customer"].isin(golden.index)], horizon="273d"))
    assert found["probability_alive"].to_numpy() == pytest.approx(golden["alive"].to_numpy(), rel=1e-9)
    assert found["expected_purchases"].to_numpy() == pytest.approx(golden["expected"].to_numpy(), rel=1e-7)


def test_new_customers_equal_those_of_lifetimes(fits):
    golden = pd.read_csv(GOLDEN / "lifetimes_new.csv").query("model == 'bg_nbd'")
    fit = at(fits["bg_nbd"], POINTS["bg_nbd"])
    found = fit.new_customer_purchases([f"{int(7 * weeks)}d" for weeks in golden["weeks"]])
    assert found["time_days"].tolist() == [7, 91, 273, 728]
    assert found["estimate"].to_numpy() == pytest.approx(golden["expected"].to_numpy(), rel=1e-8)
    for _, row in golden.iterrows():
        chances = fit.purchase_distribution(f"{int(7 * row['weeks'])}d", counts=7)["estimate"]
        assert chances.to_numpy() == pytest.approx(row[[f"p{n}" for n in range(8)]].to_numpy("float64"), rel=1e-8, abs=1e-12)


def test_a_new_customer_of_the_mbg_nbd_may_be_gone_at_once(fits):
    """r = 1, alpha = 10, a = b = 1, ten days: gone at once with 1/2; then P(N >= k) = 2^-k, and k - 1 more chances survived with 1 / k * 1 / (k + 1) * 2."""
    table = at(fits["mbg_nbd"], (1.0, 10.0, 1.0, 1.0)).purchase_distribution("10d", counts=2)
    at_least = [1 / 2 * 1 / 2, 1 / 4 * 1 / 3, 1 / 8 * 1 / 4]  # P(N >= k) times the chance 1 / (k + 1) to survive the first k chances
    assert table["estimate"].to_numpy() == pytest.approx([1 - at_least[0], at_least[0] - at_least[1], at_least[1] - at_least[2]])
    assert table["purchases"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("model", FITS)
def test_limits_of_the_parameters_by_slopes_taken_apart(model, fits):
    """The delta method once more, one slope at a time, by other differences than the package's."""
    fit = fits[model]
    one = pd.DataFrame({"frequency": [3], "recency_days": [90], "age_days": [200]})
    terms = fit.coefficients["estimate"].to_numpy()

    def logit_and_log(logs):
        values = at(fit, np.exp(logs)).predict(one)["estimate"].to_numpy()
        return np.array([np.log(values[0] / (1 - values[0])), np.log(values[1])])

    width = 1e-3
    slopes = np.array(
        [
            (8 * (logit_and_log(np.log(terms) + width * unit) - logit_and_log(np.log(terms) - width * unit))
             - logit_and_log(np.log(terms) + 2 * width * unit) + logit_and_log(np.log(terms) - 2 * width * unit)) / (12 * width)
            for unit in np.eye(4)
        ]
    ).T  # fmt: skip
    of_logs = fit.covariance.to_numpy() / np.outer(terms, terms)
    reach = 1.6448536269514722 * np.sqrt(np.diag(slopes @ of_logs @ slopes.T))
    table = fit.predict(one, conf_level=0.9)
    low, high = table["conf_low"].to_numpy(), table["conf_high"].to_numpy()
    centre = logit_and_log(np.log(terms))
    assert np.log(low[0] / (1 - low[0])) == pytest.approx(centre[0] - reach[0], rel=1e-7)
    assert np.log(high[1]) == pytest.approx(centre[1] + reach[1], rel=1e-7)


def test_limits_of_a_count_are_quantiles_of_simulated_counts(fits, buying_study):
    """A customer still there goes on as a new one with r + x, alpha + T, a, b + x; he is there with the stated probability."""
    fit = fits["bg_nbd"]
    r, alpha, a, b = fit.coefficients["estimate"]
    x, last, age = 9, 200, 240
    rng = np.random.default_rng(4)
    start = buying_study["buyers"](rng, 40_000, terms=(r + x, alpha + age, a, b + x), ages=(364, 364))["frequency"].to_numpy()
    table = fit.predict(pd.DataFrame({"frequency": [x], "recency_days": [last], "age_days": [age]}))
    alive, mean, count = (row for _, row in table.iterrows())
    counts = np.where(rng.random(40_000) < alive["estimate"], start, 0)
    assert mean["estimate"] == pytest.approx(counts.mean(), abs=4 * counts.std() / 200)
    low, high = np.quantile(counts, [0.025, 0.975], method="inverted_cdf")
    assert abs(count["conf_low"] - low) <= 1
    assert abs(count["conf_high"] - high) <= 1
    assert count["estimate"] == mean["estimate"]


def test_limits_of_a_count_hold_the_expected_count(fits):
    """Long silent: no purchase with more than 97.5 %, so the quantile is 0; the limit is the whole number above the mean."""
    table = fits["bg_nbd"].predict(pd.DataFrame({"frequency": [5], "recency_days": [20], "age_days": [270]}))
    count = table[table["metric"] == "purchases"].iloc[0]
    assert 0 < count["estimate"] < 0.025
    assert (count["conf_low"], count["conf_high"]) == (0, 1)


@pytest.mark.parametrize("model", FITS)
def test_the_total_is_the_sum_and_its_spread_the_sum_of_spreads(model, fits, cdnow):
    fit = fits[model]
    each, total = fit.predict(horizon="91d"), fit.predict_total(horizon="91d")
    expected = each.loc[each["metric"] == "expected_purchases", "estimate"]
    assert total["estimate"].to_numpy() == pytest.approx(np.full(2, expected.sum()), rel=1e-12)
    assert total["metric"].tolist() == ["expected_purchases", "purchases"]
    assert total["n"].tolist() == [2357, 2357]
    parameters, count = total.iloc[0], total.iloc[1]
    assert count["conf_low"] < parameters["conf_low"] < parameters["conf_high"] < count["conf_high"]
    half = (count["conf_high"] - count["conf_low"]) / 2 / 1.959963984540054
    of_parameters = np.log(parameters["conf_high"] / parameters["estimate"]) / 1.959963984540054 * parameters["estimate"]
    assert half**2 - of_parameters**2 == pytest.approx(_variance_by_probabilities(fit, cdnow, 91.0), rel=0.05)  # limits are whole numbers


def _variance_by_probabilities(fit, cdnow, days):
    model, point, histories = fit._fitted.model, fit._fitted.point, fit._fitted.histories
    alive = 1 / (1 + np.exp(-model.alive_log_odds(point, histories)))
    at_least = alive[:, None] * model.at_least(point, histories, days=days, most=120)
    chances = -np.diff(np.column_stack([np.ones(len(alive)), at_least, np.zeros(len(alive))]))
    k = np.arange(chances.shape[1])
    return histories.total(chances @ k**2 - (chances @ k) ** 2)


def test_discounted_purchases_are_the_integral_of_discounted_days(fits):
    fit, one = fits["bg_nbd"], pd.DataFrame({"frequency": [3], "recency_days": [90], "age_days": [200]})
    found = fit.discounted_purchases(one, horizon="1095d", discount_rate=0.15).iloc[0]
    model, point, past = fit._fitted.model, fit._fitted.point, fit._read(one)
    alive = fit.predict(one)["estimate"].iloc[0]

    def a_day(t):
        return (model.expected(point, past, t + 0.01) - model.expected(point, past, t - 0.01))[0] / 0.02

    integral, _ = integrate.quad(lambda t: 1.15 ** (-t / 365) * a_day(t), 0.02, 1095, epsrel=1e-8)
    assert found["estimate"] == pytest.approx(alive * integral, rel=1e-4)
    undiscounted = fit.discounted_purchases(one, horizon="1095d", discount_rate=0.0).iloc[0]
    expected = fit.predict(one, horizon="1095d").iloc[1]
    assert undiscounted[["estimate", "conf_low", "conf_high"]].to_numpy("float64") == pytest.approx(
        expected[["estimate", "conf_low", "conf_high"]].to_numpy("float64"), rel=1e-9
    )
    assert found["conf_low"] < found["estimate"] < undiscounted["estimate"]


@pytest.mark.slow
def test_a_cohort_buys_as_often_as_expected(buyers):
    truth = (0.6, 30.0, 0.7, 2.0)
    table = buyers(np.random.default_rng(9), 30_000, terms=truth, ages=(200, 400), ahead=364)
    fit = at(cs.fit_bg_nbd(table), truth)
    total = fit.predict_total(horizon="364d").iloc[1]
    assert total["conf_low"] < table["later"].sum() < total["conf_high"]
    groups = table.groupby(table["frequency"].clip(upper=6))
    for _, group in groups:
        expected = fit.predict(group, horizon="364d").query("metric == 'expected_purchases'")["estimate"].sum()
        assert group["later"].sum() == pytest.approx(expected, abs=4 * np.sqrt(len(group)) * group["later"].std())


def test_new_customers_buy_as_the_distribution_says(fits, buying_study):
    fit = fits["mbg_nbd"]
    terms = tuple(fit.coefficients["estimate"])
    counts = buying_study["buyers"](np.random.default_rng(3), 50_000, terms=terms, ages=(273, 273), first_chance=True)["frequency"]
    table = fit.purchase_distribution("273d", counts=[0, 1, 2, 5, 10])
    for _, row in table.iterrows():
        seen = (counts == row["purchases"]).mean()
        assert seen == pytest.approx(row["estimate"], abs=4 * np.sqrt(row["estimate"] / 50_000))
    everything = fit.purchase_distribution("273d", counts=400)["estimate"]
    assert everything.sum() == pytest.approx(1, abs=1e-9)
    mean = fit.new_customer_purchases("273d")["estimate"].iloc[0]
    assert (everything * np.arange(401)).sum() == pytest.approx(mean, rel=1e-7)


def test_keys_and_order_are_those_of_the_table(fits, cdnow):
    some = cdnow.sample(50, random_state=2).rename(columns={"customer": "account_id"})
    table = fits["bg_nbd"].predict(some)
    assert table.columns[0] == "account_id"
    assert table["account_id"].tolist() == some["account_id"].tolist() * 3
    assert set(table["n"]) == {2357}
    alone = fits["bg_nbd"].predict(some.iloc[[7]])
    together = table.groupby("metric", sort=False).nth(7)
    assert alone["estimate"].to_numpy() == pytest.approx(together["estimate"].to_numpy(), rel=1e-12)


def test_limits_hold_the_estimate(fits):
    for fit in fits.values():
        table = fit.predict(horizon="3650d")
        assert (table["conf_low"] <= table["estimate"]).all()
        assert (table["estimate"] <= table["conf_high"]).all()
        assert table[["conf_low", "conf_high"]].notna().all(axis=None)


def test_who_had_no_chance_to_leave_is_there(fits):
    table = fits["bg_nbd"].predict(pd.DataFrame({"frequency": [0], "recency_days": [0], "age_days": [270]}))
    assert table.iloc[0][["estimate", "conf_low", "conf_high"]].tolist() == [1, 1, 1]
    assert np.isposinf(fits["bg_nbd"]._fitted.model.alive_log_odds(fits["bg_nbd"]._fitted.point, NEW_CUSTOMER)).all()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda fit: fit.predict(horizon=364), "horizon must say its unit"),
        (lambda fit: fit.predict(horizon="12mo"), "months differ"),
        (lambda fit: fit.predict_total(conf_level=1.0), "conf_level"),
        (lambda fit: fit.discounted_purchases(discount_rate=-0.1), "discount_rate"),
        (lambda fit: fit.new_customer_purchases([30, 60]), "horizons must say its unit"),
        (lambda fit: fit.purchase_distribution("30d", counts=[0.5]), "counts must be whole numbers"),
        (lambda fit: fit.purchase_distribution("30d", counts=[-1]), "counts must be whole numbers"),
        (lambda fit: fit.predict(pd.DataFrame({"frequency": [0], "recency_days": [3], "age_days": [9]})), "recency_days must be 0"),
    ],
)
def test_what_is_refused(call, match, fits):
    with pytest.raises(ParameterError, match=match):
        call(fits["bg_nbd"])


def test_gamma_limits_of_a_total_are_those_of_scipy(fits):
    """One customer: the total's limits are gamma quantiles, rounded outward."""
    fit, one = fits["bg_nbd"], pd.DataFrame({"frequency": [20], "recency_days": [260], "age_days": [270]})
    parameters, count = (row for _, row in fit.predict_total(one).iterrows())
    error = np.log(parameters["conf_high"] / parameters["estimate"]) / 1.959963984540054 * parameters["estimate"]
    model, point, past = fit._fitted.model, fit._fitted.point, fit._read(one)
    alive = fit.predict(one)["estimate"].iloc[0]
    chances = alive * model.at_least(point, past, days=364.0, most=300)[0]
    variance = chances @ (2 * np.arange(1, 301) - 1) - chances.sum() ** 2 + error**2
    shape = parameters["estimate"] ** 2 / variance
    low, high = stats.gamma.ppf([0.025, 0.975], shape, scale=variance / parameters["estimate"])
    assert (count["conf_low"], count["conf_high"]) == (np.floor(low), np.ceil(high))

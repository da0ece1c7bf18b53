"""Formulas of the BG/NBD and MBG/NBD models: 60 digits, the integrals they come from, and simulated customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, special, stats

from cs_analysis.stats.buying.beta_geometric import BetaGeometric
from cs_analysis.stats.buying.histories import NEW_CUSTOMER, Past, read_histories

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "cdnow"
TERMS = ("r", "alpha", "a", "b")
MODELS = {"bg_nbd": BetaGeometric("bg_nbd", 0), "mbg_nbd": BetaGeometric("mbg_nbd", 1)}
POINTS = {"usual": (0.2426, 30.9, 0.793, 2.426), "small a": (1.5, 12.0, 0.01, 0.3), "a = 1": (0.5, 40.0, 1.0, 2.0), "large": (800.0, 30000.0, 40.0, 300.0)}


def past(*rows):
    return Past(*np.array(rows, dtype="float64").T)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", POINTS)
def test_likelihood_gradient_and_hessian_to_rounding(model, name):
    table = pd.read_csv(GOLDEN / "precise_likelihood.csv").query("model == @model and point == @name")
    for _, row in table.iterrows():
        objective = MODELS[model].objective(read_histories(pd.DataFrame([row])))
        value, gradient, hessian = objective(np.log(POINTS[name]))
        assert value == pytest.approx(row["value"], rel=1e-12, abs=1e-14)
        assert gradient == pytest.approx(row[list(TERMS)].to_numpy("float64"), rel=1e-10, abs=1e-12)
        expected = [[row.get(f"{p}_{q}", row.get(f"{q}_{p}")) for q in TERMS] for p in TERMS]
        assert hessian == pytest.approx(np.array(expected, dtype="float64"), rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", POINTS)
@pytest.mark.parametrize("days", [1, 364, 3650])
def test_forecasts_to_rounding(model, name, days):
    table = pd.read_csv(GOLDEN / "precise_forecasts.csv").query("model == @model and point == @name and days == @days")
    customers = past(*table[["frequency", "recency_days", "age_days"]].to_numpy())
    point = np.log(POINTS[name])
    odds = MODELS[model].alive_log_odds(point, customers)
    assert special.expit(odds) == pytest.approx(table["alive"].to_numpy(), rel=1e-12, abs=1e-300)
    assert MODELS[model].expected(point, customers, float(days)) == pytest.approx(table["expected"].to_numpy(), rel=1e-10)
    chances = MODELS[model].at_least(point, customers, days=float(days), most=6)
    at_least = np.column_stack([np.ones(len(table)), chances])
    assert -np.diff(at_least)[:, [0, 1, 5]] == pytest.approx(table[["p0", "p1", "p5"]].to_numpy(), rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("row", [(0, 0, 90), (1, 20, 90), (3, 85, 90)])
def test_the_likelihood_is_the_integral_over_rates_and_chances(model, row):
    """Given his rate and chance to leave p, a customer bought x times at those instants and stayed, or left at the last purchase."""
    r, alpha, a, b = 0.7, 30.0, 1.3, 2.4
    x, t, age = row
    chances = x + MODELS[model].first_chance

    def density(rate, leave):
        stayed = (1 - leave) ** chances * np.exp(-rate * age)
        left = leave * (1 - leave) ** (chances - 1) * np.exp(-rate * t) if chances else 0.0
        return rate**x * (stayed + left) * stats.beta.pdf(leave, a, b)

    def of_rate(u):
        return integrate.fixed_quad(lambda leave: density(stats.gamma.ppf(u, r, scale=1 / alpha), leave), 0, 1, n=60)[0]

    total = integrate.fixed_quad(np.vectorize(of_rate), 0, 1, n=200)
    value, _, _ = MODELS[model].objective(read_histories(pd.DataFrame([row], columns=["frequency", "recency_days", "age_days"])))(np.log([r, alpha, a, b]))
    assert np.exp(value) == pytest.approx(total[0], rel=1e-3)


def test_probabilities_of_a_new_customer_by_hand():
    """r = 1, alpha = t: no purchase has probability 1/2, each number n of someone who stays 2^-(n+1); with a = b = 1 he stays with 1/2, then 2/3 ..."""
    point = np.log([1.0, 10.0, 1.0, 1.0])
    found = MODELS["bg_nbd"].at_least(point, NEW_CUSTOMER, days=10.0, most=4)[0]
    assert found == pytest.approx([1 / 2, 1 / 4 * 1 / 2, 1 / 8 * 1 / 3, 1 / 16 * 1 / 4])  # beta(1, 1): k - 1 chances survived with 1 / k
    assert MODELS["bg_nbd"].expected(point, NEW_CUSTOMER, 10.0)[0] == pytest.approx(np.log(2))  # sum of 2^-k / k


def test_expected_purchases_do_not_depend_on_how_rows_are_blocked():
    rng = np.random.default_rng(2)
    customers = past(*zip(rng.integers(0, 60, 9000), np.zeros(9000), rng.integers(1, 700, 9000), strict=True))
    model, point = MODELS["bg_nbd"], np.log(POINTS["usual"])
    together = model.expected(point, customers, 364.0)
    some = rng.permutation(9000)[:20]
    apart = [model.expected(point, customers.take(np.array([row])), 364.0)[0] for row in some]
    assert together[some] == pytest.approx(apart, rel=1e-12)


def test_nothing_is_lost_beyond_the_reach():
    model = MODELS["bg_nbd"]
    for point in POINTS.values():
        customers = past((0, 0, 0), (0, 0, 300), (5, 100, 300), (254, 399, 400))
        for days in (1.0, 364.0, 3650.0):
            reach = model.reach(np.log(point), customers, days)
            beyond = model.at_least(np.log(point), customers, days=days, most=int(reach.max()) + 1)
            assert (beyond[np.arange(4), reach] < 1e-13).all()

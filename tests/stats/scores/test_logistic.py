"""Logistic regression with a ridge penalty, against scikit-learn and statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.scores.logistic import PENALTIES, fit_ridge_logistic


def sample(seed: int = 0, n: int = 300) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features of different sizes, of which the first matters."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 4)) * [1, 5, 0.1, 2] + 3
    return pd.DataFrame(x, columns=list("abcd")), rng.random(n) < 1 / (1 + np.exp(4 - x[:, 0]))


@pytest.mark.parametrize("penalty", [0.1, 3.0, 1000.0])
def test_equals_scikit_learn(penalty: float) -> None:
    x, y = sample()
    fit = fit_ridge_logistic(x, y, penalty=penalty)
    z = (x - x.mean()) / x.std(ddof=0)
    other = LogisticRegression(C=1 / penalty, tol=1e-12, max_iter=10_000).fit(z, y)
    np.testing.assert_allclose(fit.beta, other.coef_[0], atol=1e-7)
    np.testing.assert_allclose(fit.intercept, other.intercept_[0], atol=1e-7)
    np.testing.assert_allclose(fit.probability(x)[0], other.predict_proba(z)[:, 1], atol=1e-8)


def test_equals_statsmodels_without_a_penalty_and_with_clusters() -> None:
    x, y = sample()
    groups = np.arange(len(y)) // 3
    fit = fit_ridge_logistic(x, y, clusters=groups, penalty=0)
    z = sm.add_constant(((x - x.mean()) / x.std(ddof=0)).to_numpy())
    other = sm.Logit(y, z).fit(disp=0, cov_type="cluster", cov_kwds={"groups": groups}, tol=1e-12)
    np.testing.assert_allclose(fit.beta, other.params[1:], rtol=1e-9)
    np.testing.assert_allclose(fit.log_likelihood, other.llf, rtol=1e-12)
    n, k = z.shape
    np.testing.assert_allclose(fit.covariance, other.cov_params() * (n - k) / (n - 1), rtol=1e-7)  # its small-sample factor counts the terms too


def test_the_parts_sum_to_the_log_odds_and_what_is_missing_has_none() -> None:
    x, y = sample()
    holes = x.mask(np.random.default_rng(1).random(x.shape) < 0.3)
    fit = fit_ridge_logistic(holes, y, penalty=2.0)
    parts = fit.contributions(holes)
    assert (parts.to_numpy()[holes.isna()] == 0).all()
    np.testing.assert_allclose(fit.intercept + parts.sum(axis=1), fit.log_odds(holes), rtol=0, atol=0)
    np.testing.assert_allclose(fit.mean, holes.mean(), rtol=1e-12)
    at_means = pd.DataFrame([fit.mean], columns=list("abcd"))
    np.testing.assert_allclose(fit.log_odds(at_means), fit.intercept)
    low, high = fit.probability(at_means)[1:]
    assert low < fit.probability(at_means)[0] < high


def test_columns_that_never_vary_or_are_never_known_have_no_part() -> None:
    x, y = sample()
    fit = fit_ridge_logistic(x.assign(same=7.3, unknown=np.nan), y, penalty=1.0)
    assert fit.beta[4:].tolist() == [0.0, 0.0]
    np.testing.assert_allclose(fit.beta[:4], fit_ridge_logistic(x, y, penalty=1.0).beta, rtol=1e-12)


def test_units_of_a_feature_and_order_of_rows_do_not_matter() -> None:
    x, y = sample()
    fit, other = fit_ridge_logistic(x, y), fit_ridge_logistic(x.iloc[::-1] * 1000 + 5, y[::-1])
    np.testing.assert_allclose(fit_ridge_logistic(x, y, penalty=3.0).beta, fit_ridge_logistic(x * 1000 + 5, y, penalty=3.0).beta, rtol=1e-8)
    assert {fit.penalty, other.penalty} <= set(PENALTIES)


def test_noise_is_shrunk_and_a_signal_is_not() -> None:
    rng = np.random.default_rng(2)
    noise = pd.DataFrame(rng.standard_normal((400, 20)))
    assert fit_ridge_logistic(noise, rng.random(400) < 0.3).penalty >= 100
    clear = pd.DataFrame(rng.standard_normal((400, 2)))
    assert fit_ridge_logistic(clear, rng.random(400) < 1 / (1 + np.exp(-2 * clear[0]))).penalty <= 10


def test_penalty_is_chosen_on_whole_clusters() -> None:
    # Every cluster has one outcome and features of its own: within clusters the features tell it, across clusters they say nothing.
    rng = np.random.default_rng(3)
    groups = np.repeat(np.arange(40), 25)
    own = rng.standard_normal((40, 15))[groups]
    y = (rng.random(40) < 0.4)[groups]
    x = pd.DataFrame(own + 0.01 * rng.standard_normal(own.shape))
    assert fit_ridge_logistic(x, y).penalty <= 1
    assert fit_ridge_logistic(x, y, clusters=groups).penalty >= 100


def test_limits_of_the_terms_cover_with_clusters() -> None:
    held = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(100), 4)
        x = rng.standard_normal(100)[groups] + 0.5 * rng.standard_normal(400)
        eta = np.log(0.35 / 0.65) + 0.8 * x
        # one threshold a cluster: outcomes within it move together, each with its own logistic probability
        y = rng.random(100)[groups] < 1 / (1 + np.exp(-eta))
        fit = fit_ridge_logistic(pd.DataFrame({"x": x}), y, clusters=groups, penalty=0)
        half = 1.96 * np.sqrt(fit.covariance[1, 1]) / fit.scale[0]
        held.append(abs(fit.beta[0] / fit.scale[0] - 0.8) <= half)
    assert 0.91 <= np.mean(held) <= 0.98


class TestRefusals:
    def test_separation_without_a_penalty(self) -> None:
        x, y = pd.DataFrame({"a": np.arange(20.0)}), np.arange(20) >= 10
        with pytest.raises(ConvergenceError, match="tell every yes from every no"):
            fit_ridge_logistic(x, y, penalty=0)
        assert np.isfinite(fit_ridge_logistic(x, y, penalty=0.5).beta).all()

    @pytest.mark.parametrize("yes", [4, 296])
    def test_too_few_of_one_kind(self, yes: int) -> None:
        x, _ = sample()
        with pytest.raises(NotEnoughDataError, match="5 rows with a yes and 5 with a no"):
            fit_ridge_logistic(x, np.arange(300) < yes)

    def test_all_of_one_kind_in_one_cluster(self) -> None:
        x, _ = sample()
        with pytest.raises(NotEnoughDataError, match="of 1 and 2"):
            fit_ridge_logistic(x, np.arange(300) < 100, clusters=np.arange(300) // 100)

    def test_values_that_are_none(self) -> None:
        x, y = sample()
        with pytest.raises(ParameterError, match="finite or missing"):
            fit_ridge_logistic(x.assign(a=np.inf), y)
        with pytest.raises(ParameterError, match="have 300, 299 and 299"):
            fit_ridge_logistic(x, y[1:])
        with pytest.raises(ParameterError, match="penalty must be 'cv' or a number"):
            fit_ridge_logistic(x, y, penalty=-1)
        with pytest.raises(MissingColumnsError, match="d"):
            fit_ridge_logistic(x, y, penalty=1).log_odds(x[["a", "b", "c"]])

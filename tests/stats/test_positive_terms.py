"""Positive parameters: limits on the logarithm and the delta method."""

from __future__ import annotations

import numpy as np
import pytest

from cs_analysis.stats.newton import Optimum
from cs_analysis.stats.positive_terms import delta_error, log_covariance, natural_covariance, normal_quantile, positive_coefficients


def optimum(hessian):
    return Optimum(point=np.zeros(2), value=0.0, gradient=np.zeros(2), hessian=np.array(hessian), iterations=1)


def test_the_covariance_is_the_inverse_information_of_all_customers():
    # information of a customer [[2, 1], [1, 2]]: inverse [[2, -1], [-1, 2]] / 3; 10 customers: / 30
    found = log_covariance(optimum([[-2.0, -1.0], [-1.0, -2.0]]), customers=10)
    assert found == pytest.approx(np.array([[2, -1], [-1, 2]]) / 30)


def test_a_saddle_has_no_covariance():
    assert np.isnan(log_covariance(optimum([[-1.0, 0.0], [0.0, 1.0]]), customers=10)).all()


def test_limits_are_walds_on_the_logarithm():
    # estimate 2, standard error of the log 0.1: 2 exp(-+1.959964 x 0.1) = 1.644021, 2.433059
    table = positive_coefficients(["r"], np.log([2.0]), np.array([[0.01]]), metric="bg_nbd_coefficient", customers=7, conf_level=0.95)
    assert table[["estimate", "conf_low", "conf_high"]].iloc[0].tolist() == pytest.approx([2.0, 2 * np.exp(-0.1959964), 2 * np.exp(0.1959964)], rel=1e-7)
    assert table[["term", "metric", "n"]].iloc[0].tolist() == ["r", "bg_nbd_coefficient", 7]


def test_the_natural_covariance_carries_names_and_scales():
    table = natural_covariance(["r", "alpha"], np.log([2.0, 3.0]), np.array([[0.01, 0.002], [0.002, 0.04]]))
    assert table.loc["r", "alpha"] == pytest.approx(2 * 3 * 0.002)
    assert table.loc["alpha", "alpha"] == pytest.approx(9 * 0.04)


def test_the_delta_method_of_a_product():
    # log(xy) = log x + log y has variance .01 + .04 + 2 x .005 = .06, so xy = 6 has the standard error 6 sqrt(.06)
    covariance = np.array([[0.01, 0.005], [0.005, 0.04]])
    error = delta_error(lambda point: np.array([np.exp(point.sum()), 1.0]), np.log([2.0, 3.0]), covariance)
    assert error == pytest.approx([6 * np.sqrt(0.06), 0.0], rel=1e-8)


def test_the_normal_quantile():
    assert normal_quantile(0.95) == pytest.approx(1.959963984540054)

"""Make integrals.csv, tricomi.csv and distribution.csv with 50 digits of mpmath, and lifetimes.csv with the package lifetimes.

Usage, in this folder: python make.py. Versions in versions.txt.
"""

import itertools
from pathlib import Path

import lifetimes
import mpmath as mp
import numpy as np
import pandas as pd
import scipy
from lifetimes import ParetoNBDFitter

mp.mp.dps = 50


def difference_form(parameters, history):
    """Return the logarithm of the integral I in the published form: a difference of two hypergeometric functions."""
    (r, alpha, s, beta), (x, t, end) = parameters, history
    large, small, second = (alpha, beta, s + 1) if alpha >= beta else (beta, alpha, r + x)
    total = r + s + x

    def part(u):
        return mp.hyp2f1(total, second, total + 1, (large - small) / (large + u)) / (large + u) ** total

    return mp.log((part(t) - part(end)) / total)


def integrals():
    """Return log I for hard and easy parameters and histories."""
    parameters = [
        (".55", "10.6", ".61", "11.7"),
        ("1", "5", "1", "5"),
        ("1", "5", "1", "5.0000001"),
        (".01", ".01", ".02", "300"),
        ("3", "400", "2", ".05"),
        ("80", "900", "40", "1000"),
        ("2", ".001", ".5", "20"),
        (".3", "70", "1e-6", "80"),
        ("5", "60", "300", "1e5"),
    ]
    histories = [
        (0, "0", "272"),
        (0, "0", ".5"),
        (1, "1", "272"),
        (1, "271.9990234375", "272"),
        (2, "213", "272"),
        (29, "260", "272"),
        (254, "271.9998779296875", "272"),
        (254, "3", "272"),
        (254, "250", "2000"),
        (1000, "1", "5000"),
    ]
    for parameter, history in itertools.product(parameters, histories):
        found = difference_form(map(mp.mpf, parameter), map(mp.mpf, history))
        yield (*parameter, *history, mp.nstr(found, 20))


def tricomi():
    """Return beta Psi(1, 2 - s; z), z = rate beta: the integral over u of beta e^(-z u) (1 + u)^-s."""
    mp.mp.dps = 25
    for s, beta, rate in itertools.product((".05", ".6062", "1", "2.5", "40", "1000"), (".5", "81.7", "350", "1e5"), ("1e-6", ".0004", ".02")):
        s_, beta_, rate_ = map(mp.mpf, (s, beta, rate))
        width = 1 / (rate_ * beta_ + s_)
        cuts = [0] + [width * mp.mpf(4) ** j for j in range(-2, 20)] + [mp.inf]
        yield s, beta, rate, mp.nstr(beta_ * mp.quad(lambda u, s=s_, z=rate_ * beta_: mp.exp(-z * u) * (1 + u) ** -s, cuts), 20)


def chance(k, stay, r, alpha):
    """Return the probability of k purchases in `stay` days."""
    return mp.gamma(r + k) / mp.gamma(r) / mp.factorial(k) * (alpha / (alpha + stay)) ** r * (stay / (alpha + stay)) ** k


def of_new_customer(k, days, parameter):
    """Return P(X(days) = k) of a new customer by integration over the lifetime."""
    r, alpha, s, beta = map(mp.mpf, parameter)
    cuts = [0] + [mp.mpf(days) * mp.mpf(2) ** -j for j in range(12, -1, -1)]
    left = mp.quad(lambda u: chance(k, u, r, alpha) * s * beta**s / (beta + u) ** (s + 1), cuts)
    return chance(k, mp.mpf(days), r, alpha) * (beta / (beta + days)) ** s + left


def distribution():
    """Return the probabilities of some counts."""
    for parameter in ((".553", "74", ".606", "81.7"), ("12", "40", "3", "200"), (".2", "5", ".1", ".5")):
        for days, k in itertools.product((30, 728), (0, 1, 2, 7, 40)):
            yield (*parameter, days, k, mp.nstr(of_new_customer(k, days, parameter), 20))


def other_package():
    """Return what lifetimes says about the CDNOW sample in weeks, at the published parameters."""
    table = pd.read_csv("weeks.csv")
    fitter = ParetoNBDFitter()
    fitter.params_ = pd.Series({"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669})
    some = table.drop_duplicates().iloc[::20].copy()
    some["alive"] = fitter.conditional_probability_alive(some["frequency"], some["recency"], some["T"])
    some["expected"] = fitter.conditional_expected_number_of_purchases_up_to_time(39, some["frequency"], some["recency"], some["T"])
    some["new_customer"] = fitter.expected_number_of_purchases_up_to_time(39)
    return some


if __name__ == "__main__":
    pd.DataFrame(integrals(), columns=["r", "alpha", "s", "beta", "frequency", "recency_days", "age_days", "log_integral"]).to_csv("integrals.csv", index=False)
    pd.DataFrame(tricomi(), columns=["s", "beta", "rate", "lived"]).to_csv("tricomi.csv", index=False)
    pd.DataFrame(distribution(), columns=["r", "alpha", "s", "beta", "days", "k", "probability"]).to_csv("distribution.csv", index=False)
    other_package().to_csv("lifetimes.csv", index=False)
    versions = {"mpmath": mp, "lifetimes": lifetimes, "numpy": np, "pandas": pd, "scipy": scipy}
    Path("versions.txt").write_text("".join(f"{name} {module.__version__}\n" for name, module in versions.items()))

"""Golden values with 40 digits: likelihood, derivatives and forecasts of single customers. Run inside this folder: python make_precise.py

The formulas are those of the papers (Fader, Hardie and Lee 2005; for the MBG/NBD the same with a chance to leave at the first purchase), with
beta, gamma and 2F1 functions as printed; derivatives in the logarithms of the parameters by mpmath's own differences with 60 digits.
Writes precise_likelihood.csv, precise_forecasts.csv and precise_versions.txt.
"""

import csv
from functools import partial
from pathlib import Path

import mpmath
from mpmath import beta, diff, exp, gamma, hyp2f1, log, loggamma, mpf, rf

mpmath.mp.dps = 60
POINTS = {"usual": (0.2426, 30.9, 0.793, 2.426), "small a": (1.5, 12.0, 0.01, 0.3), "a = 1": (0.5, 40.0, 1.0, 2.0), "large": (800.0, 30000.0, 40.0, 300.0)}
HISTORIES = [(0, 0, 0), (0, 0, 272), (1, 271.999, 272), (1, 2, 272), (3, 100, 150), (29, 266, 272), (254, 399.999, 400), (254, 12, 400), (7, 90, 90)]
FIRST = {"bg_nbd": 0, "mbg_nbd": 1}


def log_likelihood(first, point, history):
    """Return the logarithm of the likelihood of one customer."""
    (r, alpha, a, b), (x, t, age) = point, history
    m = x + first
    rate = exp(loggamma(r + x) - loggamma(r))
    stay = beta(a, b + m) / beta(a, b) * alpha**r / (alpha + age) ** (r + x)
    left = beta(a + 1, b + m - 1) / beta(a, b) * alpha**r / (alpha + t) ** (r + x) if m else 0
    return log(rate * (stay + left))


def at_logarithms(first, history, *logs):
    """Return the same as a function of the logarithms of the parameters."""
    return log_likelihood(first, [exp(each) for each in logs], history)


def alive(first, point, history):
    """Return the probability that the customer is still there."""
    (r, alpha, a, b), (x, t, age) = point, history
    m = x + first
    return 1 / (1 + a / (b + m - 1) * ((alpha + age) / (alpha + t)) ** (r + x)) if m else mpf(1)


def expected(first, point, history, days):
    """Return the expected purchases of somebody who is still there: the printed formula of a new customer with updated parameters."""
    (r, alpha, a, b), (x, _, age) = point, history
    r, alpha, b = r + x, alpha + age, b + x + first
    if a == 1:
        a += mpf(10) ** -25
    return (a + b - 1) / (a - 1) * (1 - (alpha / (alpha + days)) ** r * hyp2f1(r, b, a + b - 1, days / (alpha + days)))


def probability(first, point, history, days, k):
    """Return the probability of k purchases by somebody who is still there: the printed formula of a new customer with updated parameters."""
    (r, alpha, a, b), (x, _, age) = point, history
    r, alpha, b = r + x, alpha + age, b + x + first
    none, share = (alpha / (alpha + days)) ** r, days / (alpha + days)
    staying = beta(a, b + k) / beta(a, b) * rf(r, k) / gamma(k + 1) * none * share**k
    if k == 0:
        return staying
    return staying + beta(a + 1, b + k - 1) / beta(a, b) * (1 - none * sum(rf(r, j) / gamma(j + 1) * share**j for j in range(k)))


def digits(values):
    """Return numbers as text with 20 digits."""
    return [mpmath.nstr(value, 20) for value in values]


def rows_of(model, name):
    """Yield likelihood and derivatives of every history at one point."""
    point = [mpf(str(value)) for value in POINTS[name]]
    logs = [log(value) for value in point]
    for history in HISTORIES:
        exact = tuple(mpf(str(value)) for value in history)
        value = partial(at_logarithms, FIRST[model], exact)
        orders = [tuple(int(i == j) for i in range(4)) for j in range(4)]
        slope = [diff(value, tuple(logs), order) for order in orders]
        bend = [diff(value, tuple(logs), tuple(p + q for p, q in zip(orders[i], orders[j], strict=True))) for i in range(4) for j in range(i, 4)]
        yield [model, name, *history, *digits([value(*logs), *slope, *bend])]


def forecasts_of(model, name):
    """Yield forecasts of every history at one point."""
    point = [mpf(str(value)) for value in POINTS[name]]
    for history in HISTORIES:
        exact = tuple(mpf(str(value)) for value in history)
        for days in (1, 364, 3650):
            first = FIRST[model]
            chances = [probability(first, point, exact, mpf(days), k) for k in (0, 1, 5)]
            yield [model, name, *history, days, *digits([alive(first, point, exact), expected(first, point, exact, mpf(days)), *chances])]


terms = ("r", "alpha", "a", "b")
second = [f"{p}_{q}" for i, p in enumerate(terms) for q in terms[i:]]
history = ["frequency", "recency_days", "age_days"]
with Path("precise_likelihood.csv").open("w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["model", "point", *history, "value", *terms, *second])
    table.writerows(row for model in FIRST for name in POINTS for row in rows_of(model, name))
with Path("precise_forecasts.csv").open("w", newline="") as file:
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["model", "point", *history, "days", "alive", "expected", "p0", "p1", "p5"])
    table.writerows(row for model in FIRST for name in POINTS for row in forecasts_of(model, name))
Path("precise_versions.txt").write_text(f"mpmath {mpmath.__version__}\n")

"""Golden values of the PyPI package lifetimes for the calibration sample. Run inside this folder: python make_lifetimes.py

Fits both models in weeks (days / 7), and evaluates the package's own formulas for forecasts at fixed parameters, so that they can be compared to
all digits and not only to those of its optimiser (its log-likelihood is on a scale of its own and left out). Writes lifetimes_fits.csv,
lifetimes_customers.csv, lifetimes_new.csv and lifetimes_versions.txt.
"""

import platform
from pathlib import Path

import lifetimes
import numpy as np
import pandas as pd
import scipy

POINTS = {"bg_nbd": (0.2426, 4.4136, 0.7929, 2.4259), "mbg_nbd": (0.5248, 6.1831, 0.8914, 1.6140)}  # weeks
FITTERS = {"bg_nbd": lifetimes.BetaGeoFitter, "mbg_nbd": lifetimes.ModifiedBetaGeoFitter}
WEEKS = 39.0


def at_fixed(model):
    """Return a fitter with the parameters of POINTS."""
    fitter = FITTERS[model]()
    fitter.params_ = pd.Series(POINTS[model], index=["r", "alpha", "a", "b"])
    return fitter


rfm = pd.read_csv("calibration.csv")
x, t, age = rfm["frequency"].to_numpy(), rfm["recency_days"].to_numpy() / 7, rfm["age_days"].to_numpy() / 7
fits, customers, new = [], [], []
for model, kind in FITTERS.items():
    fitter = kind().fit(x, t, age)
    fits.append({"model": model, **fitter.params_.to_dict()})
    fixed = at_fixed(model)
    every = slice(None, None, 10)
    alive = np.broadcast_to(np.asarray(fixed.conditional_probability_alive(x[every], t[every], age[every]), dtype=float), x[every].shape)
    expected = np.asarray(fixed.conditional_expected_number_of_purchases_up_to_time(WEEKS, x[every], t[every], age[every]), dtype=float)
    customers.append(pd.DataFrame({"model": model, "customer": rfm["customer"][every], "alive": alive, "expected": expected}))
    times = np.array([1.0, 13.0, 39.0, 104.0])
    probability = np.array([[float(np.ravel(fixed.probability_of_n_purchases_up_to_time(each, n))[0]) for n in range(8)] for each in times])
    mean = np.asarray(fixed.expected_number_of_purchases_up_to_time(times), dtype=float)
    for time, row, value in zip(times, probability, mean, strict=True):
        new.append({"model": model, "weeks": time, "expected": value, **{f"p{n}": p for n, p in enumerate(row)}})

pd.DataFrame(fits).to_csv("lifetimes_fits.csv", index=False)
pd.concat(customers).to_csv("lifetimes_customers.csv", index=False)
pd.DataFrame(new).to_csv("lifetimes_new.csv", index=False)
versions = {"python": platform.python_version(), "lifetimes": lifetimes.__version__, "numpy": np.__version__, "scipy": scipy.__version__}
Path("lifetimes_versions.txt").write_text("".join(f"{name} {version}\n" for name, version in versions.items()))

"""Cumulative hazards: against R's survfit, by hand, and their law with the expected ends."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cox_designs import GOLDEN, golden_design
from cs_analysis.stats.cox.baseline import Baseline
from cs_analysis.stats.cox.fit import fit_cox

BASELINES = pd.read_csv(GOLDEN / "fits_baseline.csv")
DATA = pd.read_csv(GOLDEN / "diagnostics_data.csv")


@pytest.mark.parametrize("robust", [False, True], ids=["model", "robust"])
@pytest.mark.parametrize("ties", ["efron", "breslow"])
@pytest.mark.parametrize("case", list(dict.fromkeys(BASELINES["case"])))
def test_equals_survfit(case: str, ties: str, robust: bool) -> None:
    table = DATA[DATA["case"] == case].dropna(axis="columns")
    terms = [name for name in table.columns if name.startswith("x")]
    found = fit_cox(table, terms, ties=ties, strata="stratum", weights="weight", cluster="cluster" if robust else None).baseline()
    expected = BASELINES.query("case == @case and ties == @ties and robust == @robust")
    assert found["stratum"].tolist() == expected["stratum"].tolist()
    np.testing.assert_allclose(found["time_days"], expected["time_days"])
    np.testing.assert_allclose(found["estimate"], expected["hazard"], rtol=1e-7)
    if robust or (table["weight"] % 1 == 0).all():  # R was told to use the model's covariance for fractional weights too
        error = np.log(found["conf_high"] / found["conf_low"]) / (2 * special.ndtri(0.975)) * found["estimate"]
        np.testing.assert_allclose(error, expected["se"], rtol=1e-6)


def test_without_effects_it_is_nelson_and_aalen() -> None:
    # x says nothing (each value ends and stays alike), so beta = 0 and the hazard rises by ends / at risk: 2/8, then with Breslow 2/6, with Efron
    # 1/6 + 1/5. At 2 two of eight end, at 3 two of six.
    table = pd.DataFrame({"duration_days": [2, 2, 3, 3, 4, 4, 4, 4], "observed": [True] * 4 + [False] * 4, "x": [0, 1] * 4})
    breslow, efron = (fit_cox(table, ["x"], ties=ties).baseline() for ties in ("breslow", "efron"))
    np.testing.assert_allclose(breslow["estimate"], [2 / 8, 2 / 8 + 2 / 6], rtol=1e-12)
    np.testing.assert_allclose(efron["estimate"], [1 / 8 + 1 / 7, 1 / 8 + 1 / 7 + 1 / 6 + 1 / 5], rtol=1e-12)
    assert efron["n"].tolist() == [8, 6]
    assert set(efron["metric"]) == {"cumulative_hazard"}


@pytest.mark.parametrize("case", ["heart_strata", "lung_strata_weights", "pbc_age"])
def test_expected_ends_are_the_ends(case: str) -> None:
    # With Breslow's ties, what all rows add up to of their hazards is the (weighted) number of ends in each stratum.
    data, beta = golden_design(case, "breslow")
    base = Baseline.of(data, beta)
    expected = np.zeros(len(data.leave))
    for row in range(len(data.leave)):
        own = data.stratum[[row]]
        (until,), (before,) = base.at(own, int(data.leave[row]))[0], base.at(own, int(data.enter[row]))[0]
        expected[row] = data.weights[row] * np.exp((data.x[row] - base.centre) @ beta) * (until - before)
    for code in range(int(data.stratum.max()) + 1):
        own = data.stratum == code
        assert expected[own].sum() == pytest.approx(data.weights[own & data.observed].sum(), rel=1e-9)


def test_a_moment_is_before_at_and_after() -> None:
    table = pd.DataFrame({"duration_days": [2, 3, 5, 4, 6], "observed": [True, True, False, True, False], "x": [1, 0, 1, 0, 0], "s": [0, 0, 0, 1, 1]})
    fit = fit_cox(table, ["x"], strata="s")
    base = Baseline.of(fit.data, fit.beta)
    hazard = {day: base.at(np.array([0, 1]), day * 10**9)[0].tolist() for day in range(8)}
    assert hazard[1] == [0, 0]
    assert hazard[2] == hazard[2 + 0]
    assert hazard[2][0] > 0
    assert hazard[3][0] == hazard[5][0] > hazard[2][0]
    assert [hazard[4][1] > 0, hazard[3][1]] == [True, 0]
    assert np.isnan(hazard[6]).tolist() == [True, False]
    assert np.isnan(hazard[7]).all()

"""Concordance: every pair compared in plain Python, and R's values with their standard errors."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import special

from cox_designs import DAY, golden_design, random_design
from cs_analysis import concordance
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.stats.cox.concordance import agreement
from cs_analysis.stats.cox.design import CoxData


def comparable(data: CoxData, first: int, second: int) -> bool:
    """Return whether the first row ended while the second was at risk and remained so."""
    time = data.leave[first]
    there = data.enter[second] < time or data.enter[second] == 0
    stays = data.leave[second] > time or (data.leave[second] == time and not data.observed[second])
    return bool(data.observed[first] and there and stays and data.stratum[first] == data.stratum[second])


def oracle(score: np.ndarray, data: CoxData) -> tuple[float, float]:
    """Return concordance and standard error from a loop over all pairs: influences are derivatives after the weights."""
    number = len(score)
    order, pair = np.zeros((number, number)), np.zeros((number, number))
    for one, other in combinations(range(number), 2):
        for first, second in ((one, other), (other, one)):
            if comparable(data, first, second):
                order[one, other] = order[other, one] = np.sign(score[first] - score[second])
                pair[one, other] = pair[other, one] = 1
    weights = data.weights
    pairs = weights @ pair @ weights / 2
    lead = weights @ order @ weights / 2 / pairs
    influence = weights * (order @ weights - lead * (pair @ weights)) / pairs / 2
    if data.cluster is not None:
        influence = np.array([influence[data.cluster == cluster].sum() for cluster in np.unique(data.cluster)])
    return (lead + 1) / 2, float(np.sqrt((influence**2).sum()))


@pytest.mark.parametrize("seed", range(40))
def test_equal_to_all_pairs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    data = random_design(seed, rows=int(rng.integers(12, 45)), late=bool(seed % 2), weighted=bool(seed % 3), strata=1 + seed % 4)
    if seed % 5:
        data = data._replace(cluster=None)
    score = rng.integers(0, 6, len(data.leave)).astype("float64") if seed % 2 else rng.normal(size=len(data.leave))
    np.testing.assert_allclose(agreement(score, data)[:2], oracle(score, data), rtol=1e-12)


@pytest.mark.parametrize("case", ["lung", "lung_strata_weights", "veteran", "veteran_months", "heart", "heart_strata", "rossi", "pbc_age", "drawn"])
def test_equal_to_r(golden: Callable[[str], pd.DataFrame], case: str) -> None:
    wanted = golden("cox/diagnostics_concordance.csv").set_index("case").loc[case]
    data, beta = golden_design(case)
    score = np.round(data.x @ beta, 1)
    alone, clustered = agreement(score, data._replace(cluster=None)), agreement(score, data)
    np.testing.assert_allclose(alone, wanted[["estimate", "se", "pairs"]].astype(float), rtol=1e-12)
    np.testing.assert_allclose(clustered[:2], wanted[["estimate", "se_clustered"]].astype(float), rtol=1e-12)


def test_by_hand() -> None:
    """Ends at 2, 3, 5, censored at 4; risks .9, .4, .1, .6. Pairs (2,3), (2,4), (2,5), (3,4), (3,5): all in order but (3,4), so 4/5.

    Influence of each row: (in order - out of order - (3/5) pairs) / 5 / 2: row 1 (3 - 9/5), row 2 (2 - 1 - 9/5), row 3 (2 - 6/5),
    row 4 (1 - 1 - 6/5), over 10: .12, -.08, .08, -.12; standard error the root of their squares' sum .0416. On the log-odds the limits are
    log 4 -+ 1.959964 sqrt(.0416) / .16.
    """
    table = pd.DataFrame({"duration_days": [2, 3, 5, 4], "observed": [True, True, True, False], "risk": [0.9, 0.4, 0.1, 0.6]})
    found = concordance(table, "risk").iloc[0]
    half = 1.959963984540054 * np.sqrt(0.0416) / 0.16
    np.testing.assert_allclose(found[["estimate", "conf_low", "conf_high"]].astype(float), [0.8, *special.expit(np.log(4) + half * np.array([-1, 1]))])
    assert found[["metric", "unit", "n"]].tolist() == ["concordance", "share", 4]


def table_of(data: CoxData, score: np.ndarray) -> pd.DataFrame:
    times = {"enter_days": data.enter / DAY, "duration_days": data.leave / DAY}
    return pd.DataFrame({**times, "observed": data.observed, "layer": data.stratum, "account": data.cluster, "score": score})


def test_columns_are_read_by_name_and_a_score_may_be_given_apart() -> None:
    data = random_design(3, rows=40, weighted=False)
    table = table_of(data, np.round(data.x[:, 0], 1))
    found = concordance(table, "score", strata="layer", cluster="account", conf_level=0.9)
    estimate, error = oracle(table["score"].to_numpy(), data)
    assert found["estimate"][0] == pytest.approx(estimate)
    half = 1.6448536269514722 * error / (estimate * (1 - estimate))
    assert found["conf_high"][0] == pytest.approx(special.expit(special.logit(estimate) + half))
    apart = concordance(table.drop(columns="score"), table["score"].to_numpy(), strata="layer", cluster="account", conf_level=0.9)
    pd.testing.assert_frame_equal(apart, found)


def test_counts_stand_for_units() -> None:
    data = random_design(4, rows=25, weighted=False)
    table = table_of(data, np.round(data.x[:, 0], 1)).assign(count=np.arange(25) % 3 + 1)
    units = table.loc[table.index.repeat(table["count"])].drop(columns="count")
    for options in ({}, {"strata": "layer", "cluster": "account"}):
        pd.testing.assert_frame_equal(concordance(table, "score", **options), concordance(units, "score", **options))


def test_the_other_way_round_and_the_order_of_the_rows() -> None:
    data = random_design(6, rows=40)
    score = data.x[:, 0]
    found = agreement(score, data)
    turned = np.random.default_rng(1).permutation(40)
    other = data._replace(**{name: getattr(data, name)[turned] for name in ("enter", "leave", "observed", "weights", "stratum", "cluster")})
    np.testing.assert_allclose(agreement(score[turned], other), found)
    np.testing.assert_allclose(agreement(-score, data), [1 - found.estimate, found.standard_error, found.pairs])
    np.testing.assert_allclose(agreement(np.exp(score), data), found)


def test_edges() -> None:
    table = pd.DataFrame({"duration_days": [1, 2, 3], "observed": True, "risk": [3.0, 2.0, 1.0]})
    perfect = concordance(table, "risk")
    assert perfect["estimate"][0] == 1.0
    assert perfect[["conf_low", "conf_high"]].isna().all(axis=None)
    assert concordance(table.assign(risk=1.0), "risk")["estimate"][0] == 0.5
    with pytest.raises(NotEnoughDataError, match="no two units can be compared"):
        concordance(table.assign(duration_days=2), "risk")
    with pytest.raises(NotEnoughDataError, match="no two units can be compared"):
        concordance(table.assign(observed=False), "risk")
    with pytest.raises(ParameterError, match=r"finite number in every row; 1 are not, first row 1"):
        concordance(table.assign(risk=[1, None, 2]), "risk")
    with pytest.raises(ParameterError, match="one number for each of the 3 rows, not 2"):
        concordance(table, [1.0, 2.0])
    with pytest.raises(MissingColumnsError, match="no column 'rysk'"):
        concordance(table, "rysk")


@pytest.mark.slow
def test_limits_cover() -> None:
    """Truth for exponential times with log hazard ratio score x 1: P(order) from 400,000 pairs."""
    rng = np.random.default_rng(11)

    def drawn(number: int) -> tuple[np.ndarray, np.ndarray]:
        score = rng.normal(size=number)
        return score, rng.exponential(size=number) / np.exp(score)

    (one, first), (two, second) = drawn(400_000), drawn(400_000)
    truth = np.mean((one > two) == (first < second))
    held = []
    for _ in range(400):
        score, time = drawn(120)
        found = concordance(pd.DataFrame({"duration_days": time, "observed": True}), score).iloc[0]
        held.append(found["conf_low"] <= truth <= found["conf_high"])
    assert 0.92 <= np.mean(held) <= 0.98  # simulation error 1.1 points

"""Weights, weighted means and their standard errors against R's package survey on its schools of California."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cs_analysis.stats.survey.variance import weighted_mean
from cs_analysis.stats.survey.weights import Weights, post_stratify, rake

GOLDEN = Path(__file__).parents[2] / "golden" / "survey"
MARGINS = {"clus1": ["stype", "sch.wide"], "strat": ["stype", "awards"]}
DESIGN = {"clus1": {"clusters": "dnum"}, "strat": {"strata": "stype"}}


@pytest.fixture(scope="module")
def golden() -> dict[str, pd.DataFrame]:
    return {name: pd.read_csv(GOLDEN / f"{name}.csv") for name in ("schools", "population", "weights", "means")}


def weighted(sample: str, kind: str, golden: dict[str, pd.DataFrame]) -> tuple[pd.DataFrame, Weights]:
    """Return the schools of a sample and the weights of a kind."""
    schools = golden["schools"][golden["schools"]["sample"] == sample].reset_index(drop=True)
    first, second = MARGINS[sample]
    totals = {name: golden["population"].groupby(name)["Freq"].sum() for name in (first, second)}
    options: dict[str, Any] = {"base": schools["pw"]}
    if kind in ("rake", "calibrate"):
        return schools, rake(schools, totals, **options)
    if kind == "none":
        return schools, post_stratify(schools["sample"], {sample: schools["pw"].sum()}, **options)
    if kind == "one":
        return schools, post_stratify(schools[second], totals[second], **options)
    cells = golden["population"].groupby([first, second])["Freq"].sum()
    return schools, post_stratify(schools[[first, second]], cells, **options)


each = pytest.mark.parametrize("kind", ["none", "one", "two", "rake", "calibrate"])
sample_of = pytest.mark.parametrize("sample", ["clus1", "strat"])


@sample_of
@each
def test_weights_are_those_of_r(sample: str, kind: str, golden: dict[str, pd.DataFrame]) -> None:
    expected = golden["weights"].query("sample == @sample and kind == @kind")["weight"].to_numpy()
    np.testing.assert_allclose(weighted(sample, kind, golden)[1].weight, expected, rtol=1e-9)


@sample_of
@each
@pytest.mark.parametrize("variable", ["api00", "enroll", "yes"])
def test_means_and_standard_errors_are_those_of_r(sample: str, kind: str, variable: str, golden: dict[str, pd.DataFrame]) -> None:
    row = golden["means"].query("sample == @sample and kind == @kind and variable == @variable").iloc[0]
    schools, weights = weighted(sample, kind, golden)
    design = {name: schools[column] for name, column in DESIGN[sample].items()}
    linear = weighted_mean(schools[variable], weights, **design, variance="linear")
    assert linear.mean == pytest.approx(row["mean"], rel=1e-9)
    if (sample, kind) != ("strat", "rake"):  # there R's rake takes residuals from a fit with the new weights, calibrate with those before
        assert np.sqrt(linear.variance) == pytest.approx(row["linear"], rel=1e-9)
    if kind != "calibrate":
        jackknife = weighted_mean(schools[variable], weights, **design)
        assert np.sqrt(jackknife.variance) == pytest.approx(row["jackknife"], rel=1e-8)


def test_trimmed_weights_are_those_of_r(golden: dict[str, pd.DataFrame]) -> None:
    schools = golden["schools"].query("sample == 'clus1'")
    cells = golden["population"].groupby(["stype", "sch.wide"])["Freq"].sum()
    expected = golden["weights"].query("sample == 'clus1' and kind == 'trimmed'")["weight"].to_numpy()
    trimmed = post_stratify(schools[["stype", "sch.wide"]], cells, at_most=1.1)
    np.testing.assert_allclose(trimmed.weight, expected, rtol=1e-9)
    assert trimmed.weight.max() < post_stratify(schools[["stype", "sch.wide"]], cells).weight.max()

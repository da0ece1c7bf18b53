"""What a sample has no row for is named with its share of the population."""

from __future__ import annotations

import pandas as pd
import pytest

from cs_analysis.errors import ConvergenceError, MissingColumnsError, ParameterError
from cs_analysis.stats.survey.population import represent

POPULATION = pd.DataFrame([("s", "eu")] * 4 + [("s", "us")] * 2 + [("m", "eu")] * 3 + [("l", "us")], columns=["size", "region"])
ROWS = pd.DataFrame([("s", "eu"), ("s", "eu"), ("m", "eu"), ("s", "us")], columns=["size", "region"])


def test_cells_without_a_row_are_named_and_the_others_met() -> None:
    found = represent(ROWS, POPULATION)
    assert found.uncovered == {"size=l, region=us": pytest.approx(0.1)}
    assert found.weights is not None
    assert found.weights.weight.tolist() == pytest.approx([2, 2, 3, 2])


def test_raking_names_categories_and_meets_the_margins_of_the_rest() -> None:
    found = represent(ROWS, POPULATION, method="rake")
    assert found.uncovered == {"size=l": pytest.approx(0.1)}
    assert found.weights is not None
    weighted = pd.Series(found.weights.weight)
    assert weighted.groupby(ROWS["size"]).sum().to_dict() == pytest.approx({"m": 3, "s": 6})
    assert weighted.groupby(ROWS["region"]).sum().to_dict() == pytest.approx({"eu": 7, "us": 2})


def test_rows_that_the_population_does_not_have_count_nothing() -> None:
    rows = pd.concat([ROWS, pd.DataFrame([("xl", "eu")], columns=ROWS.columns)], ignore_index=True)
    for method in ("poststratify", "rake"):
        found = represent(rows, POPULATION, method=method)
        assert found.weights is not None
        assert found.weights.weight[-1] == 0


def test_totals_leave_out_what_has_no_row_and_scale_the_rest() -> None:
    found = represent(ROWS[["size"]], {"size": {"s": 0.5, "m": 0.3, "l": 0.2}})
    assert found.uncovered == {"size=l": pytest.approx(0.2)}
    assert found.weights is not None
    assert found.weights.weight.tolist() == pytest.approx([0.5 / 0.8 / 3] * 2 + [0.3 / 0.8] + [0.5 / 0.8 / 3])


def test_totals_of_several_columns_are_raked() -> None:
    margins = {"size": {"s": 6, "m": 4}, "region": {"eu": 7, "us": 3}}
    found = represent(ROWS, margins, method="rake")
    assert found.weights is not None
    assert pd.Series(found.weights.weight).groupby(ROWS["region"]).sum().to_dict() == pytest.approx({"eu": 7, "us": 3})
    with pytest.raises(ParameterError, match="method='rake'"):
        represent(ROWS, margins)


def test_without_columns_everything_is_one_cell() -> None:
    found = represent(ROWS[[]], POPULATION[[]])
    assert found.weights is not None
    assert set(found.weights.weight) == {1.0}


def test_a_population_without_any_row_has_no_weights() -> None:
    assert represent(ROWS.iloc[:0], POPULATION).weights is None
    assert represent(ROWS[["size"]], {"size": {"xl": 1.0}}).weights is None
    assert represent(ROWS, POPULATION[POPULATION["size"] == "l"]).uncovered == {"size=l, region=us": 1.0}


def test_errors_are_those_of_the_weights() -> None:
    with pytest.raises(ParameterError, match="poststratify"):
        represent(ROWS, POPULATION, method="greg")  # type: ignore[arg-type]
    with pytest.raises(MissingColumnsError, match="plan"):
        represent(ROWS, {"plan": {"a": 1}})
    with pytest.raises(ParameterError, match="size 'm': rows but no total"):
        represent(ROWS[["size"]], {"size": {"s": 1.0}})
    with pytest.raises(ConvergenceError, match="no weights met all totals"):
        represent(ROWS[ROWS["region"] == "eu"].assign(region=["eu", "eu", "us"]), {"size": {"s": 6, "m": 4}, "region": {"eu": 7, "us": 3}}, method="rake")

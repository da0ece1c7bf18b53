"""Real accounts that stand for a persona."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError

pytestmark = pytest.mark.slow


def two_groups() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    values = np.vstack([rng.normal([3, 3, 3], 0.5, (40, 3)), rng.normal([8, 3, 9], 0.5, (30, 3))])
    return pd.DataFrame(values, columns=["days", "users", "reports"]).assign(account_id=range(70))


def test_they_are_the_nearest_to_the_centre_in_standard_deviations_of_the_features() -> None:
    table = two_groups()
    fit = cs.fit_personas(table, null_tables=19, most=3)
    found = cs.persona_exemplars(fit, table, n=2)
    assert found[["persona", "rank"]].to_numpy().tolist() == [[persona, rank] for persona in "AB" for rank in (1, 2)]
    scale = fit.prepared.set_index("feature")
    assert set(scale["scale"]) == {"as it is"}
    of, centres = fit.assigned.set_index("account_id")["persona"], fit.centres.set_index("persona")
    apart = pd.DataFrame({name: (table[name] - table["account_id"].map(of).map(centres[name])) / scale.loc[name, "sd"] for name in fit.columns})
    distance = np.sqrt((apart**2).sum(axis=1))
    for persona, part in found.groupby("persona"):
        nearest = distance[table["account_id"].map(of) == persona].nsmallest(2)
        assert part["account_id"].tolist() == nearest.index.tolist()
        assert part["distance"].to_numpy() == pytest.approx(nearest.to_numpy(), rel=1e-9)
        assert part["days"].tolist() == table.loc[nearest.index, "days"].tolist()


def test_where_there_are_no_personas_nobody_stands_for_one() -> None:
    crowd = pd.DataFrame(np.random.default_rng(2).normal(5, 1, (60, 3)), columns=["days", "users", "reports"]).assign(account_id=range(60))
    with pytest.raises(NotEnoughDataError, match="'no structure'"):
        cs.persona_exemplars(cs.fit_personas(crowd, null_tables=19, most=3), crowd)
    with pytest.raises(ParameterError, match="n must be at least 1"):
        cs.persona_exemplars(cs.fit_personas(two_groups(), k=2, null_tables=19), two_groups(), n=0)

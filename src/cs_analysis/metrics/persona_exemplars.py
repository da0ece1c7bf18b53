"""Real accounts that stand for a persona."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Protocol

import numpy as np
import pandas as pd

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.persona_rows import Choice, persona_rows
from cs_analysis.stats.grouping.groups import Groups


class _Personas(Protocol):
    @property
    def verdict(self) -> str: ...
    @property
    def choice(self) -> Choice: ...
    @property
    def groups(self) -> Groups | None: ...


def persona_exemplars(personas: _Personas, features: pd.DataFrame, *, n: int = 3) -> pd.DataFrame:
    """Return the accounts nearest to the centre of each persona: real ones to look at, in place of invented ones.

    Parameters
    ----------
    personas : PersonaFit
        Personas.
    features : DataFrame
        The table they were made from.
    n : int
        How many of each.

    Returns
    -------
    DataFrame
        `persona`, `rank` (1 is the nearest), `account_id`, `distance` (in standard deviations of the prepared features), and the features in their own units.

    Raises
    ------
    NotEnoughDataError
        There are no personas, by the verdict.
    MissingColumnsError, ParameterError
        As for `fit_personas`; `n` is below 1.

    References
    ----------
    Kaufman and Rousseeuw (1990), Finding Groups in Data, for objects that stand for their group.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> rng = np.random.default_rng(1)
    >>> low, high = rng.normal([3, 3, 3], 0.5, (40, 3)), rng.normal([8, 3, 9], 0.5, (30, 3))
    >>> table = pd.DataFrame(np.vstack([low, high]), columns=["days", "users", "reports"]).assign(account_id=range(70))
    >>> persona_exemplars(cs.fit_personas(table, null_tables=19, most=3), table, n=1)[["persona", "days"]].round(1).values.tolist()
    [['A', 3.0], ['B', 8.1]]
    """
    if n < 1:
        raise ParameterError(f"n must be at least 1, not {n!r}.")
    if personas.groups is None:
        raise NotEnoughDataError(f"there are no personas to show accounts of: the verdict is {personas.verdict!r}.")
    rows = persona_rows(features, personas.choice)
    whole = rows.grouped & ~np.isnan(rows.numbers).any(axis=1)
    placed = personas.groups.placed(rows.numbers[whole])
    table = pd.DataFrame({"group": placed.labels, "account_id": rows.accounts[whole].to_numpy(), "distance": placed.distances})
    nearest = table.sort_values(["group", "distance", "account_id"], kind="stable").groupby("group", sort=False).head(n).reset_index(drop=True)
    nearest.insert(0, "persona", [ascii_uppercase[group] for group in nearest["group"]])
    nearest.insert(1, "rank", nearest.groupby("group").cumcount() + 1)
    return nearest.drop(columns="group").merge(features[["account_id", *personas.choice.names]], on="account_id", how="left")

"""What a hand-made health score says of each customer, why, and what has moved it."""

from __future__ import annotations

from typing import Any

import pandas as pd

from cs_analysis.facts.health_points import KEYS, score
from cs_analysis.facts.health_rules import read_rules
from cs_analysis.stats.estimates import estimates, stack


def health_score(features: pd.DataFrame, *, weights: Any) -> pd.DataFrame:
    """Health score of each account at each date, 0 (worst) to 100 (best).

    Examples
    --------
    >>> features = pd.DataFrame({"account_id": ["a", "b"], "at": pd.Timestamp("2026-03-31"), "active_days_28": [2, 20], "open_tickets": [1, 0]})
    >>> health_score(features, weights={"active_days_28": 60, "open_tickets": 40})[["account_id", "metric", "estimate", "n"]].head(2)
      account_id        metric  estimate  n
    0          a  health_score       0.0  2
    1          b  health_score     100.0  2
    """
    scores = score(read_rules(weights, columns=features.columns), features).sort_values(["at", "account_id"], ignore_index=True)
    keys = scores[KEYS]
    return stack(
        [
            estimates(keys, metric="health_score", unit="points", estimate=scores["score"], n=scores["inputs_used"]),
            estimates(keys, metric="health_inputs_used", unit="count", estimate=scores["inputs_used"], n=scores["inputs"]),
        ]
    )

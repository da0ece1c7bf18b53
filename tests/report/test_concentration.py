"""How concentrated revenue is, in words."""

from __future__ import annotations

import pandas as pd

from cs_analysis.metrics.concentration import TRUE_BY_CONSTRUCTION
from cs_analysis.report.concentration import customers_words, groups_words


def groups(needed: int, total: int, chance: float) -> pd.DataFrame:
    rows = {"groups_needed": needed, "groups_in_all": total, "groups_needed_by_chance": 4, "groups_needed_chance": chance}
    return pd.DataFrame({"metric": rows.keys(), "estimate": rows.values(), "of_revenue": 0.8})


def test_up_to_five_groups_need_the_warning_and_six_do_not() -> None:
    assert groups_words(groups(3, 5, 0.5)).endswith(TRUE_BY_CONSTRUCTION)
    assert TRUE_BY_CONSTRUCTION not in groups_words(groups(3, 6, 0.5))


def test_only_fewer_than_chance_gives_says_anything_of_revenue() -> None:
    assert "have to do with revenue" in groups_words(groups(2, 8, 0.01), what="segments")
    assert (
        groups_words(groups(4, 8, 0.4), what="segments")
        == "80.0% of revenue comes from 4 of 8 segments; dealt out by chance, groups of these sizes would need 4."
    )


def test_without_limits_there_is_no_empty_pair_of_brackets() -> None:
    rows = {"metric": ["customers_needed", "customers_needed_share"], "estimate": [1, 1], "conf_low": None, "conf_high": None, "unit": ["count", "share"]}
    assert customers_words(pd.DataFrame(rows).astype({"conf_low": float, "conf_high": float}).assign(of_revenue=0.8, n=1)) == (
        "80.0% of revenue comes from the 1 largest of 1 customers, that is 100.0% of them."
    )

"""Accounts and users."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.data.simulator.people import account_names


def test_names_repeat_only_with_a_number_behind_them() -> None:
    names = account_names(np.arange(3_300)).to_pylist()
    assert len(set(names)) == 3_300
    assert names[1_600] == f"{names[0]} 2"
    assert names[3_200] == f"{names[0]} 3"


@pytest.mark.slow
def test_plan_and_seats_are_those_of_the_last_phase(company: object) -> None:
    last = company["subscriptions"].sort_values("started_at").groupby("account_id")[["plan", "seats"]].last()
    accounts = company["accounts"].set_index("account_id")[["plan", "seats"]]
    pd.testing.assert_frame_equal(accounts, last.reindex(accounts.index))


def test_only_high_touch_accounts_have_a_manager(company: object) -> None:
    accounts = company["accounts"]
    assert (accounts["csm"].notna() == (accounts["touch"] == "high")).all()
    regions = accounts.dropna(subset=["csm"])[["csm", "region"]].drop_duplicates()
    assert len(regions) == 8
    assert not regions["csm"].duplicated().any()


def test_every_account_has_one_admin_and_more_users_with_more_seats(company: object) -> None:
    users = company["users"]
    assert (users[users["role"] == "admin"].groupby("account_id").size().reindex(company["accounts"]["account_id"]) == 1).all()
    counts = users.groupby("account_id").size()
    seats = company["accounts"].set_index("account_id")["seats"]
    assert counts.reindex(seats.index).corr(seats, method="spearman") > 0.3


def test_money_comes_in_two_currencies_by_region(company: object) -> None:
    accounts = company["accounts"].set_index("account_id")
    for table in ("subscriptions", "orders"):
        dollars = company[table]["currency"] == "USD"
        assert (dollars == company[table]["account_id"].map(accounts["region"]).eq("North America")).all()

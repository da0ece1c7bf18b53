"""Accounts dealt into groups: repeatable, balanced, and the same when more accounts come."""

from __future__ import annotations

import pandas as pd
import pytest

from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.facts.assignments import checked_units, split_accounts


def accounts(count: int) -> pd.DataFrame:
    """Return accounts, one a day, a third of them large."""
    number = pd.Series(range(count))
    names = number.map("a{:04d}".format)
    return pd.DataFrame(
        {"account_id": names, "started_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(number, "D"), "segment": number.mod(3).map({0: "large"})}
    )


def test_within_a_stratum_groups_differ_by_a_block_at_most() -> None:
    found = split_accounts(accounts(301), salt="editor", ratio=(1, 3))
    sizes = found.groupby(["segment", "group"], dropna=False).size()
    assert sizes["large"].tolist() == pytest.approx([101 / 4, 303 / 4], abs=1)
    assert sizes[sizes.index.get_level_values("segment").isna()].tolist() == [50, 150]
    assert found["account_id"].is_monotonic_increasing


def test_the_same_accounts_get_the_same_groups_in_any_order_and_when_others_come_later() -> None:
    first = split_accounts(accounts(100), salt="editor")
    pd.testing.assert_frame_equal(split_accounts(accounts(100).sample(frac=1, random_state=1), salt="editor"), first)
    pd.testing.assert_frame_equal(split_accounts(accounts(170), salt="editor").head(100), first)
    odd = accounts(100).iloc[::2]
    by_hash = {"salt": "editor", "method": "hash", "strata": ()}
    whole = split_accounts(accounts(100).drop(columns="started_at"), **by_hash).set_index("account_id")["group"]
    assert split_accounts(odd, **by_hash)["group"].tolist() == whole[odd["account_id"]].tolist()  # whoever else there is


def test_another_salt_deals_anew() -> None:
    one, two = (split_accounts(accounts(400), salt=salt)["group"] for salt in ("editor", "search"))
    assert 0.4 < (one == two).mean() < 0.6
    hashed = [split_accounts(accounts(400), salt=str(salt), method="hash", ratio=(1, 3))["group"].eq("beta").mean() for salt in range(10)]
    assert sum(hashed) / 10 == pytest.approx(0.25, abs=0.025)  # 4,000 draws: standard error 0.007


def test_groups_are_pinned_so_that_no_release_moves_a_running_experiment() -> None:
    # printf 'editor\x1fa0000' | b2sum -l 64 begins with d1, of the next accounts with 7a, 43, d4, b4, 01: below 80 is the first half, beta
    found = split_accounts(accounts(6), salt="editor", strata=(), method="hash")
    assert found["group"].tolist() == ["general", "beta", "beta", "general", "general", "beta"]
    # printf 'editor\x1f\x1f0\x1f0' | b2sum -l 64 begins with 2f, with 1 at the end with ac: beta first; blocks 1 and 2: 01 and 8f, fc and e6
    found = split_accounts(accounts(6), salt="editor", strata=())
    assert found["group"].tolist() == ["beta", "general", "beta", "general", "general", "beta"]


def test_ugly_lists_are_refused() -> None:
    table = accounts(4)
    with pytest.raises(ParameterError, match="'a0000' is there again in row 4"):
        split_accounts(pd.concat([table, table.head(1)]), salt="x")
    with pytest.raises(MissingColumnsError, match="'segment', 'started_at'"):
        split_accounts(table[["account_id"]], salt="x")
    with pytest.raises(ParameterError, match="row 2 lacks one, 1 in all"):
        split_accounts(table.assign(started_at=table["started_at"].where(table.index != 2)), salt="x")
    with pytest.raises(ParameterError, match="at least two different names"):
        split_accounts(table, salt="x", groups=("beta", "beta"))
    with pytest.raises(ParameterError, match="one whole number above 0"):
        split_accounts(table, salt="x", ratio=(1, 0))
    with pytest.raises(ParameterError, match="method must be"):
        split_accounts(table, salt="x", method="coin")  # type: ignore[arg-type]
    assert split_accounts(table.head(0), salt="x").empty


def test_units_in_two_groups_or_exposed_too_early_are_refused() -> None:
    units = pd.DataFrame({"account_id": list("aabb"), "group": ["beta", "beta", "general", "general"], "y": 1.0})
    options = {"group": "group", "cluster": "account_id", "columns": ["y"]}
    assert len(checked_units(units, **options)) == 4
    with pytest.raises(ParameterError, match="'b' is in 'general' and 'beta', 1 such in all"):
        checked_units(units.assign(group=["beta", "beta", "general", "beta"]), **options)
    with pytest.raises(ParameterError, match="row 1 has not both"):
        checked_units(units.assign(group=["beta", None, "general", "general"]), **options)
    with pytest.raises(NotEnoughDataError, match="all units are in 'beta'"):
        checked_units(units.assign(group="beta"), **options)
    with pytest.raises(NotEnoughDataError, match="no units"):
        checked_units(units.head(0), **options)
    with pytest.raises(MissingColumnsError, match="'z'"):
        checked_units(units, group="group", cluster="account_id", columns=["z"])
    dated = units.assign(assigned_at="2026-02-01", exposed_at=["2026-02-01", None, "2026-03-01", "2026-01-31"])
    with pytest.raises(ParameterError, match="'b' was exposed at 2026-01-31 00:00 and assigned at 2026-02-01 00:00 UTC, 1 such in all"):
        checked_units(dated, **options)

"""Customers at each renewal against a search in plain Python: month ends, clocks that change, ends on the very renewal, contracts under way."""

from __future__ import annotations

import calendar
from collections import Counter
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.renewals import MONTHS, contract_period, retained_table

ZONE = "Europe/Berlin"


def company(rows: list[tuple[str, str, str | None]]) -> dict[str, pd.DataFrame]:
    """Return accounts with one contract each, from a start to an end on the wall clock of the zone."""
    table = pd.DataFrame(rows, columns=["account_id", "started_at", "ended_at"])
    for name in ("started_at", "ended_at"):
        table[name] = pd.to_datetime(table[name]).dt.tz_localize(ZONE).dt.tz_convert("UTC")
    people = pd.DataFrame({"account_id": table["account_id"], "started_at": table["started_at"], "segment": np.where(table.index % 2, "x", "y")})
    return {"accounts": people, "subscriptions": table.assign(subscription_id=table["account_id"], mrr=10.0, currency="EUR")}


def later(start: datetime, months: int) -> datetime:
    """Return the same day and time months later, or the last day of a shorter month."""
    year, month = divmod(start.month - 1 + months, 12)
    last = calendar.monthrange(start.year + year, month + 1)[1]
    return start.replace(year=start.year + year, month=month + 1, day=min(start.day, last))


def searched(tables: dict[str, pd.DataFrame], as_of: str, *, months: int) -> dict[tuple[datetime, int, int], int]:
    """Return the customers still there by cohort, renewals due and renewal, one customer and renewal after the other."""
    now = datetime.fromisoformat(as_of) + pd.Timedelta(1, "D")
    found: Counter[tuple[datetime, int, int]] = Counter()
    for row in tables["subscriptions"].to_dict("records"):
        start, end = (None if pd.isna(each := row[name]) else each.tz_convert(ZONE).tz_localize(None).to_pydatetime() for name in ("started_at", "ended_at"))
        if start >= now:
            continue
        first = datetime(start.year, (start.month - 1) // months * months + 1 if months < 12 else 1, 1)
        due = sum(later(start, months * renewal) < now for renewal in range(1, 60))
        for renewal in range(due + 1):
            stays = renewal == 0 or end is None or end >= now or end > later(start, months * renewal)
            found[(first, due, renewal)] += stays
    return dict(found)


def random_contracts(seed: int, size: int = 300) -> list[tuple[str, str, str | None]]:
    """Return contracts that often start at a month's end and end on a renewal, an instant before or after it, or not at all."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(size):
        start = datetime(2024, 1, 1) + pd.Timedelta(int(rng.integers(0, 760)), "D")
        start = later(start, 0).replace(
            day=calendar.monthrange(start.year, start.month)[1] if rng.random() < 0.4 else start.day, hour=int(rng.choice([0, 5, 23]))
        )
        ends = later(start, int(rng.integers(1, 30))) + pd.Timedelta(int(rng.choice([-3600, 0, 0, 3600, 86400 * 9])), "s")
        rows.append((f"a{number}", start.isoformat(), None if rng.random() < 0.3 else ends.isoformat()))
    return rows


@pytest.mark.slow
@pytest.mark.parametrize("period", list(MONTHS))
@pytest.mark.parametrize("as_of", ["2026-02-28", "2026-03-15"])
def test_a_search_finds_the_same(period: str, as_of: str) -> None:
    tables = company(random_contracts(seed=MONTHS[period]))
    ds = cs.read_dataset(tables, as_of=as_of, timezone=ZONE)
    found = retained_table(ds, period=period)
    got = {(row.cohort.to_pydatetime(), row.renewals_due, row.period): row.retained for row in found.itertuples()}
    assert got == searched(tables, as_of, months=MONTHS[period])


def test_a_contract_that_ends_on_its_renewal_was_not_renewed() -> None:
    # both from 10 January, as of 20 March: renewals on 10 February and 10 March are due
    rows = [("on", "2026-01-10T00:00", "2026-03-10T00:00"), ("after", "2026-01-10T00:00", "2026-03-10T00:01"), ("open", "2026-01-10T00:00", None)]
    found = retained_table(cs.read_dataset(company(rows), as_of="2026-03-20", timezone=ZONE))
    assert found[["renewals_due", "period", "retained"]].to_numpy().tolist() == [[2, 0, 3], [2, 1, 3], [2, 2, 2]]


def test_who_left_before_a_renewal_that_is_not_due_has_not_failed_it() -> None:
    # both from January; the one of the 25th left on 12 March, before its second renewal on the 25th, which is not due on the 20th
    rows = [("early", "2026-01-05T00:00", None), ("late", "2026-01-25T00:00", "2026-03-12T00:00")]
    found = retained_table(cs.read_dataset(company(rows), as_of="2026-03-20", timezone=ZONE))
    assert found[["renewals_due", "period", "retained"]].to_numpy().tolist() == [[1, 0, 1], [1, 1, 1], [2, 0, 1], [2, 1, 1], [2, 2, 1]]


@pytest.mark.slow
def test_groups_add_up_and_the_fits_take_the_table() -> None:
    ds = cs.read_dataset(company(random_contracts(seed=9)), as_of="2026-02-28", timezone=ZONE)
    whole, grouped = retained_table(ds), cs.retained_customers(ds, by="segment")
    keys = ["cohort", "renewals_due", "period"]
    pd.testing.assert_frame_equal(grouped.groupby(keys, as_index=False)["retained"].sum(), whole)
    assert (whole["retained"].groupby([whole["cohort"], whole["renewals_due"]]).diff().dropna() <= 0).all()
    fit = cs.fit_sbg(grouped, cohort=["segment", "cohort", "renewals_due"], covariates="segment")
    assert fit.coefficients["n"].iloc[0] == whole.loc[whole["period"] == 0, "retained"].sum()


@pytest.mark.slow
def test_contracts_by_the_year_are_renewed_by_the_year() -> None:
    tables = company([("a", "2024-01-10", None), ("b", "2024-03-10", "2025-03-10")])
    ds = cs.read_dataset(tables, as_of="2026-03-20", timezone=ZONE)
    assert contract_period(ds) == "month"
    for intervals, period in ((["year", "year"], "year"), (["year", "month"], "month")):
        said = {**tables, "subscriptions": tables["subscriptions"].assign(interval=intervals)}
        assert contract_period(cs.read_dataset(said, as_of="2026-03-20", timezone=ZONE)) == period


def test_what_cannot_be_counted_is_refused() -> None:
    ds = cs.read_dataset(company([("a", "2024-01-10", None)]), as_of="2026-03-20", timezone=ZONE)
    with pytest.raises(ParameterError, match="period must be one of month, quarter, year"):
        retained_table(ds, period="week")  # type: ignore[arg-type]
    with pytest.raises(NotEnoughDataError, match="nobody was a customer by 2023"):
        retained_table(ds.at("2023-01-01"))

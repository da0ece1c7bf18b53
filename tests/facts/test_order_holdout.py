"""Orders cut in two: against plain Python, and where the cut may lie."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from tests.facts.order_oracle import purchases, random_orders
from tests.helpers import utc

from cs_analysis import errors
from cs_analysis.facts.order_holdout import hold_out
from cs_analysis.facts.orders import orders_dataset

ZONE = "Europe/Berlin"
UNTIL, AS_OF = date(2026, 10, 26), date(2026, 11, 3)


@pytest.mark.slow
def test_the_two_parts_agree_with_plain_python() -> None:
    rng = np.random.default_rng(3)
    for _ in range(3):
        table = pd.concat([random_orders(rng, refunds=0.1), pd.DataFrame({"account_id": ["z"], "ordered_at": utc("2026-10-20T12:00Z"), "amount": [1.0]})])
        ds = orders_dataset(table, as_of=str(AS_OF), timezone=ZONE)
        held = hold_out(ds, str(UNTIL))
        local = table["ordered_at"].dt.tz_convert(ZONE).dt.date
        known, later = (purchases(rows, zone=ZONE) for rows in (table[local <= UNTIL], table[local > UNTIL]))
        horizon = (AS_OF - UNTIL).days
        recent = {name: [day for day, _ in days[1:] if day > UNTIL - timedelta(days=horizon)] for name, days in known.items()}
        expected = [(name, len(later.get(name, [])), len(recent[name])) for name in known]
        assert list(held.customers[["account_id", "actual", "before"]].itertuples(index=False, name=None)) == expected
        births = Counter(days[0][0] for days in known.values())
        repeats = Counter(day for days in known.values() for day, _ in days[1:]) + Counter(day for name in known for day, _ in later.get(name, []))
        first = min(local)
        assert held.days["births"].tolist() == [births[first + timedelta(days=day)] for day in held.days["day"]]
        assert held.days["repeats"].tolist() == [repeats[first + timedelta(days=day)] for day in held.days["day"]]
        assert (held.horizon, held.until) == (horizon, UNTIL)


def test_by_default_the_last_third_is_held_out() -> None:
    table = pd.DataFrame({"account_id": "a", "ordered_at": utc("2026-01-01", "2026-01-05"), "amount": 1.0})
    held = hold_out(orders_dataset(table, as_of="2026-01-31"), None)
    assert (held.until, held.horizon) == (date(2026, 1, 21), 10)  # 30 days, of which 20 are two thirds


@pytest.mark.slow
def test_the_cut_lies_inside_the_history() -> None:
    table = pd.DataFrame({"account_id": "a", "ordered_at": utc("2026-01-05", "2026-01-07"), "amount": 1.0})
    ds = orders_dataset(table, as_of="2026-01-31")
    for wrong in ("2026-01-04", "2026-01-31", "2026-01-10T12:00Z"):
        with pytest.raises(errors.ParameterError, match="until must be a day from the first order"):
            hold_out(ds, wrong)
    with pytest.raises(errors.NotEnoughDataError, match="history of days"):
        hold_out(orders_dataset(table.head(1), as_of="2026-01-06"), None)
    with pytest.raises(errors.NotEnoughDataError, match="needs orders"):
        hold_out(ds.at("2026-01-01"), None)

"""Movements of revenue: CPU seconds of our call, of hand-written SQL for the same table, and of pandas.

Usage: bench_revenue.py [ACCOUNTS] (default 200,000 accounts over 36 months, one in five of them paying in another currency)

The SQL runs on the same connection and tables as ours and answers the same rows. Ours also proves that opening + movements = closing for every
account and month, which the SQL and pandas do not. pandas starts from the columns it needs, already read. Each has run on a small company before.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
import numpy as np
import pandas as pd

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of

Answer = TypeVar("Answer")
FIRST, AS_OF, MONTHS = "2023-01-01", "2025-12-31", 36


def make(folder: Path, accounts: int) -> None:
    """Write accounts with one subscription each of up to four phases: prices change, some leave, some of them return."""
    con = duckdb.connect(config={"preserve_insertion_order": "false"})
    con.execute("SELECT setseed(0.5)")
    con.execute(
        f"COPY (SELECT 'a' || i AS account_id, TIMESTAMPTZ '2022-12-01 00:00:00+00' AS started_at FROM range({accounts}) t(i)) TO '{folder}/accounts.parquet'"
    )
    con.execute(
        f"""CREATE TABLE cuts AS SELECT a, k, CASE WHEN k = 0 THEN floor(random() * 500)::INT ELSE (60 + floor(random() * 300))::INT END AS days,
                (20 + floor(random() * 200))::DECIMAL(18, 4) AS mrr, random() < 0.2 AS away FROM range({accounts}) t(a), range(4) u(k)"""
    )
    con.execute(
        """CREATE TABLE starts AS SELECT *, TIMESTAMPTZ '2023-01-01 00:00:00+00' + to_days((sum(days) OVER (PARTITION BY a ORDER BY k))::INT)
           AS started_at FROM cuts"""
    )
    con.execute(
        f"""COPY (SELECT 's' || a AS subscription_id, 'a' || a AS account_id, started_at,
                CASE WHEN away THEN started_at + INTERVAL 20 DAY ELSE lead(started_at) OVER (PARTITION BY a ORDER BY k) END AS ended_at,
                mrr, CASE WHEN a % 5 = 0 THEN 'USD' ELSE 'EUR' END AS currency
            FROM starts QUALIFY started_at < TIMESTAMPTZ '{AS_OF} 00:00:00+00') TO '{folder}/subscriptions.parquet'"""
    )
    con.execute(
        f"""COPY (SELECT (DATE '{FIRST}' + to_months(m::INT))::DATE AS month, 'USD' AS currency, round(0.9 + 0.1 * sin(m), 4) AS rate
            FROM range({MONTHS}) t(m)) TO '{folder}/rates.parquet'"""
    )


def timed(name: str, do: Callable[[], Answer]) -> tuple[Answer, float]:
    """Return what `do` returns and the CPU seconds it took, all threads together."""
    begun, clock = time.process_time(), time.perf_counter()
    answer = do()
    spent = time.process_time() - begun
    print(f"{name:<28}{spent:>9.2f} CPU s{time.perf_counter() - clock:>9.2f} s", flush=True)
    return answer, spent


def by_sql(ds: cs.Dataset) -> pd.DataFrame:
    """Return the amount and the accounts of each month and movement, from SQL."""
    run = engine_of(ds).execute
    sold, rates = (ds.tables[name]._view for name in ("subscriptions", "rates"))
    run(f"CREATE OR REPLACE TEMP TABLE months AS SELECT m::INT AS m, DATE '{FIRST}' + to_months(m::INT) AS starts_at FROM range({MONTHS}) t(m)")
    run(
        f"""CREATE OR REPLACE TEMP TABLE prices AS SELECT m, currency, rate::DECIMAL(20, 12) AS rate,
                coalesce(lead(rate) OVER (PARTITION BY currency ORDER BY m), rate)::DECIMAL(20, 12) AS next_rate
            FROM (SELECT m, currency, rate FROM months JOIN "{rates}" ON month = starts_at UNION ALL SELECT m, 'EUR', 1 FROM months)"""
    )
    run(
        f"""CREATE OR REPLACE TEMP TABLE closings AS
            SELECT account_id, m, sum((mrr * rate)::DECIMAL(18, 4)) AS closing, sum((mrr * next_rate)::DECIMAL(18, 4)) AS carried
            FROM (SELECT account_id, m, s.currency, (mrr - coalesce(discount, 0))::DECIMAL(18, 4) AS mrr FROM "{sold}" s
                JOIN months ON started_at < starts_at + INTERVAL 1 MONTH AND (ended_at IS NULL OR ended_at >= starts_at + INTERVAL 1 MONTH)
                WHERE coalesce(kind, 'paid') IN ('paid', 'metered', 'past_due')) JOIN prices USING (m, currency) GROUP BY ALL"""
    )
    return run(
        f"""WITH steps AS (SELECT *, lag(m) OVER w AS before_m, lag(closing) OVER w AS before, lag(carried) OVER w AS opening, lead(m) OVER w AS after_m
                FROM closings WINDOW w AS (PARTITION BY account_id ORDER BY m)),
            moves AS (SELECT m, CASE WHEN before_m IS NULL THEN 'new' WHEN before_m < m - 1 THEN 'reactivation'
                    WHEN closing > opening THEN 'expansion' ELSE 'contraction' END AS movement,
                    CASE WHEN before_m = m - 1 THEN closing - opening ELSE closing END AS amount
                    FROM steps WHERE before_m IS DISTINCT FROM m - 1 OR closing != opening
                UNION ALL SELECT m + 1, 'churn', -carried FROM steps WHERE m < {MONTHS - 1} AND after_m IS DISTINCT FROM m + 1
                UNION ALL SELECT m + 1, 'fx', carried - closing FROM steps WHERE m < {MONTHS - 1} AND carried != closing)
            SELECT m, movement, sum(amount)::DOUBLE AS amount, count(*) AS accounts FROM moves GROUP BY ALL ORDER BY ALL"""
    ).df()


def by_pandas(sold: pd.DataFrame, rates: np.ndarray) -> pd.Series:
    """Return the amount of each month and movement from pandas, in floats."""
    first = _closes(sold["started_at"])
    last = _closes(sold["ended_at"].fillna(pd.Timestamp("2200-01-01", tz="UTC"))).clip(upper=MONTHS)
    spans = (last - first).clip(lower=0)
    rows = sold.loc[sold.index.repeat(spans), ["account_id", "mrr", "currency"]]
    month = first.repeat(spans).to_numpy() + rows.groupby(level=0).cumcount().to_numpy()
    foreign, mrr = rows["currency"].to_numpy() == "USD", rows["mrr"].astype(float).to_numpy()
    amount, carried = (np.where(foreign, np.round(mrr * rates[np.minimum(month + ahead, MONTHS - 1)], 4), mrr) for ahead in (0, 1))
    books = pd.DataFrame({"account_id": rows["account_id"].to_numpy(), "m": month, "closing": amount, "carried": carried})
    books = books.groupby(["account_id", "m"], as_index=False).sum()
    by_account = books.groupby("account_id")
    before, after, opening = by_account["m"].shift(), by_account["m"].shift(-1), by_account["carried"].shift()
    stays, leaves = before == books["m"] - 1, (after != books["m"] + 1) & (books["m"] < MONTHS - 1)
    change = (books["closing"] - opening.where(stays, 0)).round(4)
    names = np.select([before.isna(), ~stays, change > 0], ["new", "reactivation", "expansion"], "contraction")
    rate = (books["carried"] - books["closing"])[books["m"] < MONTHS - 1]
    parts = [
        pd.DataFrame({"m": books["m"], "movement": names, "amount": change}),
        pd.DataFrame({"m": books["m"][leaves] + 1, "movement": "churn", "amount": -books["carried"][leaves]}),
        pd.DataFrame({"m": books["m"][rate.index] + 1, "movement": "fx", "amount": rate}),
    ]
    return pd.concat(parts).groupby(["m", "movement"])["amount"].sum()


def _closes(instants: pd.Series) -> pd.Series:
    """Return the number of the first month that ends after an instant."""
    return (instants.dt.year - 2023) * 12 + instants.dt.month - 1


def compare(accounts: int) -> None:
    """Print the CPU seconds of all three for a company of so many accounts."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder), accounts)
        ds = cs.read_dataset(folder, as_of=AS_OF, currency="EUR")
        print(f"{accounts:,} accounts, {MONTHS} months")
        ours, spent = timed("mrr_movements", lambda: cs.mrr_movements(ds))
        theirs, sql = timed("hand-written SQL", lambda: by_sql(ds))
        table = ours[ours["n"] > 0].assign(m=lambda rows: (rows["period"].dt.year - 2023) * 12 + rows["period"].dt.month - 1).sort_values(["m", "movement"])
        np.testing.assert_array_equal(table[["m", "movement", "n"]], theirs[["m", "movement", "accounts"]])
        np.testing.assert_allclose(table["estimate"], theirs["amount"], rtol=1e-12)
        sold = ds.tables["subscriptions"].to_pandas(["account_id", "started_at", "ended_at", "mrr", "currency"])
        rates = ds.tables["rates"].to_pandas()["rate"].to_numpy()
        plain, slow = timed("pandas", lambda: by_pandas(sold, rates))
        np.testing.assert_allclose(plain.xs("new", level="movement"), theirs[theirs["movement"] == "new"]["amount"], rtol=1e-9)
        print(f"ours / SQL {spent / sql:.2f}, ours / pandas {spent / slow:.2f}")


if __name__ == "__main__":
    compare(1_000)
    compare(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)

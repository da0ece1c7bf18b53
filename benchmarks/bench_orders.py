"""Buying histories of many orders: CPU seconds of our call, of hand-written SQL by the same rules, of pandas and of `lifetimes`.

Usage: bench_orders.py [ORDERS] (default 5,000,000). All read the same Parquet file in one run. Two rounds: without refunds, and with two in a hundred,
for which the SQL follows the same rule (a refund comes off the latest purchases before it); pandas and `lifetimes` know no refunds.
Measured in November 2026 on two shared cores: ours/SQL 0.95 without refunds and 0.88 with, pandas/ours 2.7, `lifetimes`/ours 8.6.
`lifetimes` is archived; it is tried if it can be imported (for example PYTHONPATH=folder/with/lifetimes).
"""

from __future__ import annotations

import resource
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

import cs_analysis as cs

AS_OF = "2026-10-31"
_MAKE = """
COPY (
  SELECT 'o' || CAST(i AS VARCHAR) AS order_id, 'a' || CAST(buyer AS VARCHAR) AS account_id,
         TIMESTAMPTZ '2024-11-01 00:00:00+00' + to_microseconds(CAST(floor(random() * 729 * 86400) AS BIGINT) * 1000000) AS ordered_at,
         CAST(CASE WHEN random() < {refunds} THEN -1 ELSE 1 END * round(5 + 100 * random(), 2) AS DECIMAL(18, 2)) AS amount, 'EUR' AS currency
  FROM (SELECT i, CAST(floor(pow(random(), 2) * {accounts}) AS BIGINT) AS buyer FROM range({orders}) t(i))
) TO '{folder}/orders.parquet' (FORMAT parquet);
COPY (SELECT 'a' || CAST(i AS VARCHAR) AS account_id, TIMESTAMPTZ '2024-11-01 00:00:00+00' AS started_at FROM range({accounts}) t(i))
  TO '{folder}/accounts.parquet' (FORMAT parquet)
"""
_PLAIN = """
WITH days AS (
  SELECT account_id, CAST(ordered_at AS DATE) AS day, sum(amount) AS value FROM orders GROUP BY ALL)
SELECT account_id, count(*) - 1 AS frequency, max(day) - min(day) AS recency_days, DATE '2026-10-31' - min(day) AS age_days,
       CAST(sum(value) - arg_min(value, day) AS DOUBLE) / nullif(count(*) - 1, 0) AS mean_value
FROM days GROUP BY account_id ORDER BY account_id
"""
_REFUNDS = """
WITH sums AS (
  SELECT account_id, CAST(ordered_at AS DATE) AS day, sum(amount) FILTER (amount >= 0) AS bought, sum(amount) FILTER (amount < 0) AS refunded
  FROM orders GROUP BY ALL),
walks AS (SELECT *, sum(-coalesce(refunded, 0) - coalesce(bought, 0)) OVER back AS walk FROM sums WINDOW back AS (PARTITION BY account_id ORDER BY day DESC)),
lows AS (SELECT *, least(coalesce(min(walk) OVER before, 0), 0) AS low FROM walks
         WINDOW before AS (PARTITION BY account_id ORDER BY day DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)),
days AS (SELECT account_id, day, greatest(low - walk, 0) AS value FROM lows WHERE bought = 0 OR (bought IS NOT NULL AND walk < low))
SELECT account_id, count(*) - 1 AS frequency, max(day) - min(day) AS recency_days, DATE '2026-10-31' - min(day) AS age_days,
       CAST(sum(value) - arg_min(value, day) AS DOUBLE) / nullif(count(*) - 1, 0) AS mean_value
FROM days GROUP BY account_id ORDER BY account_id
"""


def cpu_seconds(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """Return the least CPU time of three runs, all threads together, and the answer."""
    taken = []
    for _ in range(3):
        begin = _used()
        answer = work()
        taken.append(_used() - begin)
    return min(taken), answer


def _used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def by_sql(folder: Path, query: str) -> Callable[[], pd.DataFrame]:
    """Return a call that runs a query on its own connection, on the same Parquet file."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    columns = "account_id, ordered_at AT TIME ZONE 'UTC' AS ordered_at, CAST(amount AS DECIMAL(18, 4)) AS amount"
    connection.execute(f"CREATE VIEW orders AS SELECT {columns} FROM '{folder}/orders.parquet'")
    return lambda: connection.execute(query).df()


def by_pandas(orders: pd.DataFrame) -> pd.DataFrame:
    """Return the summary as an analyst would write it in pandas."""
    days = orders.assign(day=orders["ordered_at"].dt.floor("D")).groupby(["account_id", "day"], sort=True)["amount"].sum().reset_index()
    grouped = days.groupby("account_id")
    table = grouped["day"].agg(["count", "min", "max"])
    later = grouped["amount"].sum() - grouped["amount"].first()
    end = pd.Timestamp(AS_OF, tz="UTC")
    repeats = table["count"] - 1
    return pd.DataFrame(
        {
            "frequency": repeats,
            "recency_days": (table["max"] - table["min"]).dt.days,
            "age_days": (end - table["min"]).dt.days,
            "mean_value": later / repeats.where(repeats > 0),
        }
    ).reset_index()


def by_lifetimes(orders: pd.DataFrame) -> tuple[float, pd.DataFrame] | None:
    """Return the CPU time and the answer of `lifetimes`, once; nothing if it cannot be imported."""
    try:
        from lifetimes.utils import summary_data_from_transaction_data  # noqa: PLC0415 - it may be absent
    except ImportError as error:
        print(f"lifetimes: not here ({error})")
        return None
    naive = orders.assign(ordered_at=orders["ordered_at"].dt.tz_localize(None))
    begin = _used()
    answer = summary_data_from_transaction_data(
        naive, "account_id", "ordered_at", monetary_value_col="amount", observation_period_end=AS_OF, freq="D", include_first_transaction=False
    )
    return _used() - begin, answer.reset_index()


def agree(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Stop unless two summaries are the same."""
    pd.testing.assert_frame_equal(ours, theirs[ours.columns], check_dtype=False, rtol=1e-9)


def measure(folder: Path, *, orders: int, refunds: float) -> None:
    """Print the times of one round."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SELECT setseed(0.5)")
        connection.execute(_MAKE.format(orders=orders, accounts=max(orders // 10, 10), folder=folder, refunds=refunds))
    ds = cs.read_dataset(folder, as_of=AS_OF)
    ours, table = cpu_seconds(lambda: cs.rfm_summary(ds))
    hand, expected = cpu_seconds(by_sql(folder, _REFUNDS if refunds else _PLAIN))
    agree(table, expected)
    print(f"{orders:,} orders, {len(table):,} accounts, refunds {refunds:.0%}: ours {ours:.2f}  SQL {hand:.2f}  ours/SQL {ours / hand:.2f}")
    if refunds:
        return
    frame = pd.read_parquet(folder / "orders.parquet", columns=["account_id", "ordered_at", "amount"]).astype({"amount": np.float64})
    frame["ordered_at"] = frame["ordered_at"].dt.tz_convert("UTC")
    taken, answer = cpu_seconds(lambda: by_pandas(frame))
    agree(table, answer)
    print(f"pandas {taken:.2f}  pandas/ours {taken / ours:.1f}")
    if (archived := by_lifetimes(frame)) is not None:
        same = int((archived[1]["frequency"].to_numpy() == table["frequency"].to_numpy()).sum())
        print(f"lifetimes {archived[0]:.2f}  lifetimes/ours {archived[0] / ours:.1f} (same frequency in {same:,} of {len(table):,} accounts)")


if __name__ == "__main__":
    size = int(sys.argv[1].replace(",", "")) if len(sys.argv) > 1 else 5_000_000
    for share in (0.0, 0.02):
        with tempfile.TemporaryDirectory() as name:
            measure(Path(name), orders=size, refunds=share)

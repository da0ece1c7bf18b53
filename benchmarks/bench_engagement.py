"""Active users and stickiness on many events: CPU seconds of our call, of hand-written SQL for the same table, and of pandas.

Usage: bench_engagement.py [EVENTS] (default 10,000,000). All three read the same Parquet file in one run; the SQL and pandas versions end in
the same estimates with the same limits.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

import cs_analysis as cs
from cs_analysis.stats.clusters import clustered_share

AS_OF = "2026-10-31"
FIRST = "2025-11-01"

_MAKE = """
COPY (
  SELECT TIMESTAMPTZ '{first} 00:00:00+00' + to_microseconds(CAST(floor(random() * 365 * 86400) AS BIGINT) * 1000000) AS event_at,
         'a' || CAST(user // 10 AS VARCHAR) AS account_id, 'u' || CAST(user AS VARCHAR) AS user_id,
         ['login', 'report', 'export', 'share', 'comment'][1 + CAST(floor(random() * 5) AS INTEGER)] AS event
  FROM (SELECT CAST(floor(pow(random(), 2) * {users}) AS BIGINT) AS user FROM range({events}))
) TO '{folder}/events.parquet' (FORMAT parquet);
COPY (SELECT 'a' || CAST(i AS VARCHAR) AS account_id, TIMESTAMPTZ '2025-01-01 00:00:00+00' AS started_at FROM range({accounts}) t(i))
  TO '{folder}/accounts.parquet' (FORMAT parquet)
"""
_ROLLING = """
WITH days AS (SELECT DISTINCT user_id, CAST(event_at AT TIME ZONE 'UTC' AS DATE) AS day FROM events),
     stays AS (SELECT day, lead(day) OVER (PARTITION BY user_id ORDER BY day) AS following FROM days),
     changes AS (
       SELECT w, day, 1 AS change FROM stays, (VALUES (1), (7), (28)) t(w)
       UNION ALL SELECT w, least(coalesce(following, day + w), day + w), -1 FROM stays, (VALUES (1), (7), (28)) t(w)),
     sums AS (SELECT w, day, sum(change) AS change FROM changes GROUP BY ALL),
     grid AS (SELECT w, CAST(d AS DATE) AS day FROM range(DATE '{first}', DATE '2026-11-01', INTERVAL 1 DAY) r(d), (VALUES (1), (7), (28)) t(w))
SELECT day, w, sum(coalesce(change, 0)) OVER (PARTITION BY w ORDER BY day) AS active FROM grid LEFT JOIN sums USING (w, day)
QUALIFY day >= DATE '{first}' + CAST(w - 1 AS INTEGER) ORDER BY w, day
"""
_STICKY = """
WITH ends AS (SELECT CAST(d - INTERVAL 1 DAY AS DATE) AS last FROM range(DATE '2025-12-01', DATE '2026-11-02', INTERVAL 1 MONTH) r(d)),
     days AS (SELECT user_id, CAST(event_at AT TIME ZONE 'UTC' AS DATE) AS day, min(account_id) AS account_id FROM events GROUP BY ALL),
     users AS (SELECT last, user_id, min(account_id) AS account_id, count(*) AS days, max(day = last) AS on_last
               FROM days JOIN ends ON day BETWEEN last - 27 AND last GROUP BY ALL)
SELECT last, account_id, count(*) AS users, sum(days) AS days, sum(CAST(on_last AS INTEGER)) AS on_last FROM users GROUP BY ALL ORDER BY ALL
"""


def cpu_seconds(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """Return the least CPU time of two runs, all threads together, and the answer."""
    taken = []
    for _ in range(2):
        begin = _used()
        answer = work()
        taken.append(_used() - begin)
    return min(taken), answer


def _used() -> float:
    own = resource.getrusage(resource.RUSAGE_SELF)
    return own.ru_utime + own.ru_stime


def make(folder: Path, events: int) -> None:
    """Write events of one year, ten users an account and a hundred events a user on average, and their accounts."""
    users = max(events // 100, 10)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SELECT setseed(0.5)")
        connection.execute(_MAKE.format(first=FIRST, users=users, events=events, accounts=users // 10 + 1, folder=folder))


def limits(table: pd.DataFrame) -> pd.DataFrame:
    """Return stickiness and its naive form with clustered limits from sums by period and account."""
    groups = table.groupby("last").ngroup()
    shares = [clustered_share(table["days"], 28 * table["users"], groups=groups), clustered_share(table["on_last"], table["users"], groups=groups)]
    return pd.concat([pd.DataFrame(share._asdict()) for share in shares], ignore_index=True)


def by_sql(folder: Path) -> tuple[Callable[[], pd.DataFrame], Callable[[], pd.DataFrame]]:
    """Return active users and stickiness in hand-written SQL."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"CREATE VIEW events AS SELECT * FROM '{folder}/events.parquet'")
    return lambda: connection.execute(_ROLLING.format(first=FIRST)).df(), lambda: limits(connection.execute(_STICKY).df())


def active_in_pandas(folder: Path) -> pd.DataFrame:
    """Return active users by pandas, with the same trick."""
    events = pd.read_parquet(folder / "events.parquet", columns=["event_at", "user_id"])
    days = (
        pd.DataFrame({"user": events["user_id"], "day": events["event_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()})
        .drop_duplicates()
        .sort_values(["user", "day"])
    )
    following = days.groupby("user")["day"].shift(-1)
    parts = []
    for window in (1, 7, 28):
        longest = days["day"] + pd.Timedelta(window, "D")
        ends = following.where(following < longest, longest)
        change = days["day"].value_counts().sub(ends.value_counts(), fill_value=0)
        every = pd.date_range(FIRST, AS_OF)
        parts.append(change.reindex(every, fill_value=0).cumsum().iloc[window - 1 :].rename("active").reset_index().assign(w=window))
    return pd.concat(parts, ignore_index=True)


def sticky_in_pandas(folder: Path) -> pd.DataFrame:
    """Return stickiness by pandas."""
    events = pd.read_parquet(folder / "events.parquet", columns=["event_at", "account_id", "user_id"])
    day = events["event_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    account = pd.factorize(events["account_id"], sort=True)[0]  # numbers: pandas looks for the least of texts group by group
    days = events[["user_id"]].assign(day=day, account_id=account).groupby(["user_id", "day"], as_index=False)["account_id"].min()
    last = days["day"] + pd.offsets.MonthEnd(0)
    inside = days.assign(last=last)[last - days["day"] < pd.Timedelta(28, "D")]
    users = (
        inside.assign(on_last=inside["day"] == inside["last"])
        .groupby(["last", "user_id"], as_index=False)
        .agg(account_id=("account_id", "first"), days=("day", "size"), on_last=("on_last", "max"))
    )
    sums = users.groupby(["last", "account_id"], as_index=False).agg(users=("days", "size"), days=("days", "sum"), on_last=("on_last", "sum"))
    return limits(sums)


def main(events: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, events)
        ds = cs.read_dataset(folder, as_of=AS_OF, timezone="UTC")
        sql_active, sql_sticky = by_sql(folder)
        jobs = {
            "active_users": (lambda: cs.active_users(ds), sql_active, lambda: active_in_pandas(folder), "active"),
            "stickiness": (lambda: cs.stickiness(ds), sql_sticky, lambda: sticky_in_pandas(folder), "estimate"),
        }
        print(f"{events:,} events; CPU seconds")
        for job, (ours, sql, pandas, column) in jobs.items():
            begin = time.perf_counter()
            (own, table), (hand, by_hand), (frame, by_pandas) = cpu_seconds(ours), cpu_seconds(sql), cpu_seconds(pandas)
            for other in (by_hand[column], by_pandas[column]):
                pd.testing.assert_series_equal(table["estimate"], other.astype("float64"), check_names=False)
            print(f"{job:14} ours {own:6.2f}  SQL {hand:6.2f}  pandas {frame:6.2f}  ours/SQL {own / hand:4.2f}  ours/pandas {own / frame:4.2f}", flush=True)
            print(f"{'':14} ({time.perf_counter() - begin:.0f} s in all)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000)

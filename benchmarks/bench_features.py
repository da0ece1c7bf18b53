"""CPU seconds of the features of customers at month ends: ours, the same table from hand-written SQL, and from pandas.

Usage: bench_features.py [EVENTS [DATES]] (default 1,000,000 events of a fiftieth as many accounts, with five users each and eight kinds of events; 24 dates)

All three make the whole table; a run stops when they do not agree. SQL and pandas know what our call finds out: that the calendar is in UTC, that there is
one currency, and that every account has one phase.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

import cs_analysis as cs

FEATURES = [
    "active_days_28",
    "usage_trend",
    "days_since_use",
    "active_users_28",
    "seat_share_28",
    "features_used_28",
    "key_uses_per_user_28",
    "tickets_90",
    "open_tickets",
    "tenure_days",
    "mrr",
    "mrr_change_90",
]
ACCOUNTS = """
SELECT 'a' || i AS account_id, TIMESTAMP '2023-06-01' + to_seconds((hash(i) % (660 * 86400))::BIGINT) AS started_at FROM range({accounts}) t(i)
"""
SOLD = """
SELECT 's' || i AS subscription_id, 'a' || i AS account_id, started_at,
       CASE WHEN hash(i, 3) % 3 = 0 THEN started_at + to_seconds((86400 + hash(i, 4) % (400 * 86400))::BIGINT) END AS ended_at,
       100.0 + hash(i, 7) % 50 AS mrr, 'EUR' AS currency, 1 + hash(i, 8) % 20 AS seats
FROM (SELECT substr(account_id, 2)::BIGINT AS i, started_at FROM accounts)
"""
EVENTS = """
SELECT started_at + to_microseconds(((epoch_us(TIMESTAMP '2026-01-01') - epoch_us(started_at)) * ((hash(j, 1) % 1000000) / 1e6))::BIGINT) AS event_at,
       a.account_id, a.account_id || '-' || hash(j, 2) % 5 AS user_id, 'feature ' || (1 + floor(8 * pow(hash(j, 5) % 1000 / 1000, 3)))::INT AS event
FROM range({events}) t(j) JOIN accounts a ON a.account_id = 'a' || hash(j) % {accounts}
"""
TICKETS = """
SELECT 't' || j AS ticket_id, account_id, event_at AS opened_at,
       CASE WHEN hash(j, 9) % 5 > 0 THEN event_at + to_hours((hash(j, 6) % 400)::INT) END AS resolved_at
FROM (SELECT row_number() OVER () AS j, * FROM events USING SAMPLE reservoir({tickets} ROWS) REPEATABLE (7))
"""
BY_HAND = """
WITH dates AS (SELECT unnest(CAST(? AS DATE[])) AS date_),
customers AS (SELECT account_id, date_, s.started_at, seats, mrr, a.started_at AS account_start FROM subscriptions s JOIN accounts a USING (account_id)
              JOIN dates ON s.started_at < date_ + 1 AND (ended_at IS NULL OR ended_at >= date_ + 1)),
uses AS (SELECT account_id, user_id, event, event_at::DATE AS day, count(*) AS uses FROM events GROUP BY ALL),
days AS (SELECT account_id, day, sum(uses) AS uses FROM uses GROUP BY ALL),
windows AS (SELECT date_, date_ - age::INT AS day, age FROM dates, generate_series(0, 55) g(age)),
counts AS (SELECT account_id, date_, count(*) FILTER (age < 28) AS days, sum(uses) FILTER (age < 28) AS now, sum(uses) FILTER (age >= 28) AS before
           FROM days JOIN windows USING (day) GROUP BY ALL),
people AS (SELECT account_id, date_, count(*) AS people
           FROM (SELECT DISTINCT account_id, date_, user_id FROM uses JOIN windows USING (day) WHERE age < 28) GROUP BY ALL),
kinds AS (SELECT account_id, date_, count(*) AS kinds
          FROM (SELECT DISTINCT account_id, date_, event FROM uses JOIN windows USING (day) WHERE age < 28) GROUP BY ALL),
lasts AS (SELECT account_id, date_, max(day) AS last_day FROM customers JOIN days USING (account_id) WHERE day <= date_ GROUP BY ALL),
support AS (SELECT account_id, date_, count(*) FILTER (opened_at >= date_ - 89) AS lately,
            count(*) FILTER (resolved_at IS NULL OR resolved_at >= date_ + 1) AS unsolved
            FROM tickets JOIN dates ON opened_at < date_ + 1 GROUP BY ALL),
feed AS (SELECT (SELECT min(day) FROM days) AS used, (SELECT min(opened_at)::DATE FROM tickets) AS asked)
SELECT c.account_id, c.date_ AS "at", CASE WHEN date_ - 27 >= used THEN coalesce(days, 0) END AS active_days_28,
       CASE WHEN date_ - 55 >= used AND account_start <= date_ - 55 THEN ln((coalesce(now, 0) + 1) / (coalesce(before, 0) + 1)) END AS usage_trend,
       CASE WHEN date_ - last_day > 90 THEN 90 ELSE date_ - last_day END AS days_since_use,
       CASE WHEN date_ - 27 >= used THEN coalesce(people, 0) END AS active_users_28,
       CASE WHEN date_ - 27 >= used THEN coalesce(people, 0) / seats END AS seat_share_28,
       CASE WHEN date_ - 27 >= used THEN coalesce(kinds, 0) END AS features_used_28, CASE WHEN date_ - 27 >= used THEN now / people END AS key_uses_per_user_28,
       CASE WHEN date_ - 89 >= asked THEN coalesce(lately, 0) END AS tickets_90, coalesce(unsolved, 0) AS open_tickets,
       (epoch_us((date_ + 1)::TIMESTAMP) - epoch_us(c.started_at)) / 86.4e9 AS tenure_days, mrr, CASE WHEN c.started_at < date_ - 89 THEN 0 END AS mrr_change_90
FROM customers c CROSS JOIN feed LEFT JOIN counts USING (account_id, date_) LEFT JOIN people USING (account_id, date_) LEFT JOIN kinds USING (account_id, date_)
LEFT JOIN lasts USING (account_id, date_) LEFT JOIN support USING (account_id, date_) ORDER BY date_, account_id
"""


def cpu_seconds(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """Return the CPU time of all threads and what was made."""
    begin = time.process_time()
    made = work()
    return time.process_time() - begin, made


def in_pandas(folder: Path, dates: list[pd.Timestamp]) -> pd.DataFrame:
    """Return the table from pandas, date by date; reading the columns that are needed counts."""
    tables = {name: pd.read_parquet(folder / f"{name}.parquet") for name in ("accounts", "subscriptions", "events", "tickets")}
    for frame in tables.values():
        for column in frame.columns[frame.columns.str.endswith("_at")]:
            frame[column] = frame[column].dt.tz_localize(None)
    events = tables["events"].assign(day=tables["events"]["event_at"].dt.normalize())
    sold = tables["subscriptions"].merge(tables["accounts"].rename(columns={"started_at": "account_start"}), on="account_id")
    first = events["day"].min(), tables["tickets"]["opened_at"].min().normalize()
    return pd.concat([_at_date(at, sold, events, tables["tickets"], first) for at in dates], ignore_index=True)


def _at_date(at: pd.Timestamp, sold: pd.DataFrame, events: pd.DataFrame, tickets: pd.DataFrame, first: tuple[pd.Timestamp, pd.Timestamp]) -> pd.DataFrame:
    end, day = at + pd.Timedelta(1, "D"), pd.Timedelta(1, "D")
    table = sold[(sold["started_at"] < end) & ~(sold["ended_at"] < end)].sort_values("account_id", ignore_index=True)
    account = table["account_id"]
    known = events[events["day"] <= at]
    now, both = known[known["day"] > at - 28 * day], known[known["day"] > at - 56 * day]
    uses, before = now.groupby("account_id").size(), both[both["day"] <= at - 28 * day].groupby("account_id").size()
    opened = tickets[tickets["opened_at"] < end]
    unsolved = opened[~(opened["resolved_at"] < end)].groupby("account_id").size()
    lately = opened[opened["opened_at"] >= at - 89 * day].groupby("account_id").size()

    def different(column: str) -> pd.Series:
        return account.map(now.drop_duplicates(["account_id", column]).groupby("account_id").size()).fillna(0)

    every = pd.Series(data=True, index=table.index)
    recent, asked, whole = (
        every & (at - 27 * day >= first[0]),
        every & (at - 89 * day >= first[1]),
        (at - 55 * day >= first[0]) & (table["account_start"] <= at - 55 * day),
    )
    people = different("user_id")
    trend = np.log((account.map(uses).fillna(0) + 1) / (account.map(before).fillna(0) + 1))
    return pd.DataFrame(
        {
            "account_id": account,
            "at": at,
            "active_days_28": different("day").where(recent),
            "usage_trend": trend.where(whole),
            "days_since_use": ((at - account.map(known.groupby("account_id")["day"].max())) / day).clip(upper=90),
            "active_users_28": people.where(recent),
            "seat_share_28": (people / table["seats"]).where(recent),
            "features_used_28": different("event").where(recent),
            "key_uses_per_user_28": (account.map(uses) / people.replace(0, np.nan)).where(recent),
            "tickets_90": account.map(lately).fillna(0).where(asked),
            "open_tickets": account.map(unsolved).fillna(0),
            "tenure_days": (end - table["started_at"]) / day,
            "mrr": table["mrr"].astype("float64"),
            "mrr_change_90": pd.Series(0.0, index=table.index).where(table["started_at"] < at - 89 * day),
        }
    )


def main(events: int, number: int) -> None:
    dates = list(pd.date_range(end="2025-12-31", periods=number, freq="ME"))
    with tempfile.TemporaryDirectory() as place, duckdb.connect() as connection:
        folder = Path(place)
        connection.execute("SET TimeZone = 'UTC'")
        tables = {"accounts": ACCOUNTS, "subscriptions": SOLD, "events": EVENTS, "tickets": TICKETS}
        for name, query in tables.items():
            connection.execute(f"CREATE TABLE {name} AS {query.format(accounts=events // 50, events=events, tickets=events // 20)}")
            instants = [column for column in connection.table(name).columns if column.endswith("_at")]
            zoned = ", ".join(f"CAST({column} AS TIMESTAMPTZ) AS {column}" for column in instants)
            connection.execute(f"COPY (SELECT * REPLACE ({zoned}) FROM {name}) TO '{folder / name}.parquet'")
        for name in tables:
            plain = ", ".join(f"CAST({column} AS TIMESTAMP) AS {column}" for column in connection.table(name).columns if column.endswith("_at"))
            connection.execute(f"DROP TABLE {name}; CREATE VIEW {name} AS SELECT * REPLACE ({plain}) FROM '{folder / name}.parquet'")
        ds = cs.read_dataset(folder, as_of="2025-12-31")
        days = [date.date() for date in dates]
        own, made = cpu_seconds(lambda: cs.health_features(ds, at=days, features=FEATURES))
        sql, expected = cpu_seconds(lambda: connection.execute(BY_HAND, [days]).df())
        frames, again = cpu_seconds(lambda: in_pandas(folder, dates))
        for other in (expected, again):
            pd.testing.assert_frame_equal(made, other.astype(made.dtypes), rtol=1e-9)
        print(f"{events:,} events, {number} dates, {len(made):,} rows of {len(FEATURES)} features; CPU seconds")
        print(f"{'':20}{'ours':>8}{'SQL':>8}{'pandas':>8}{'ours/SQL':>10}\n{'health_features':20}{own:8.2f}{sql:8.2f}{frames:8.2f}{own / sql:10.2f}")


if __name__ == "__main__":
    main(*(int(given) for given in (sys.argv[1:] + ["1000000", "24"][len(sys.argv) - 1 :])))

"""CPU seconds of feature adoption on many events: ours, the same table from hand-written SQL, and from pandas.

Usage: bench_adoption.py [EVENTS [METRIC ...]] (default 10,000,000; of a fiftieth as many accounts, with five users each and eight features)

All three make the whole estimates table with its limits; a run stops when they do not agree. SQL and pandas know what our call finds out:
that the calendar is in UTC, that all events belong to known accounts, and that nobody is without a start.
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
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.competing import cumulative_incidence
from cs_analysis.stats.intervals import wilson
from cs_analysis.stats.survival import survival_curve

AS_OF = pd.Timestamp("2026-01-01")
LAST = (AS_OF - pd.Timedelta(1, "us")).tz_localize("UTC")
ACCOUNTS = """
SELECT 'a' || i AS account_id, ['x', 'y', 'z'][1 + i % 3] AS segment,
       TIMESTAMP '2024-01-01' + to_seconds((hash(i) % (660 * 86400))::BIGINT) AS started_at
FROM range({accounts}) t(i)
"""
SOLD = """
SELECT 's' || i AS subscription_id, 'a' || i AS account_id, started_at,
       CASE WHEN hash(i, 3) % 3 = 0 THEN started_at + to_seconds((86400 + hash(i, 4) % (400 * 86400))::BIGINT) END AS ended_at,
       100.0 AS mrr, 'EUR' AS currency
FROM (SELECT substr(account_id, 2)::BIGINT AS i, started_at FROM accounts)
"""
EVENTS = """
SELECT started_at + to_microseconds(((epoch_us(TIMESTAMP '2026-01-01') - epoch_us(started_at)) * ((hash(j, 1) % 1000000) / 1e6))::BIGINT) AS event_at,
       a.account_id, a.account_id || '-' || hash(j, 2) % 5 AS user_id, 'feature ' || (1 + floor(8 * pow(hash(j, 5) % 1000 / 1000, 3)))::INT AS event
FROM range({events}) t(j) JOIN accounts a ON a.account_id = 'a' || hash(j) % {accounts}
"""

RATE = """
WITH used AS (SELECT event, account_id FROM events GROUP BY ALL), size AS (SELECT segment, count(*) AS eligible FROM accounts GROUP BY ALL),
adopters AS (SELECT segment, event, count(*) AS adopters FROM used JOIN accounts USING (account_id) GROUP BY ALL),
shares AS (SELECT segment, event, adopters / eligible AS p, eligible AS n, 1.959963984540054 AS z FROM adopters JOIN size USING (segment))
SELECT segment, event, p AS estimate,
       (p + z * z / (2 * n) - z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n) AS conf_low,
       (p + z * z / (2 * n) + z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))) / (1 + z * z / n) AS conf_high, n
FROM shares ORDER BY segment, event
"""
NEW = """
WITH used AS (SELECT event, user_id, date_trunc('month', event_at) AS period, min(account_id) AS account_id FROM events GROUP BY ALL),
flagged AS (SELECT *, period = min(period) OVER (PARTITION BY event, user_id) AS new FROM used)
SELECT event, period, account_id, count(*) AS users, count(*) FILTER (new) AS new FROM flagged GROUP BY ALL ORDER BY ALL
"""
WAITS = """
WITH released AS (SELECT event, min(event_at) AS since FROM events GROUP BY ALL),
firsts AS (SELECT account_id, event, min(event_at) AS first_at FROM events GROUP BY ALL),
ended AS (SELECT account_id, min(ended_at) AS left_at FROM subscriptions GROUP BY ALL),
units AS (SELECT segment, r.event, greatest(started_at, since) AS origin, first_at, left_at FROM accounts CROSS JOIN released r
          LEFT JOIN firsts f ON f.account_id = accounts.account_id AND f.event = r.event LEFT JOIN ended e ON e.account_id = accounts.account_id),
ends AS (SELECT *, CASE WHEN first_at <= coalesce(left_at, first_at) THEN 'used' WHEN left_at < TIMESTAMP '2026-01-01' THEN 'left' END AS ended_by
         FROM units WHERE left_at IS NULL OR left_at > origin),
timed AS (SELECT segment, event, ended_by, epoch_us(CASE ended_by WHEN 'used' THEN greatest(first_at, origin) WHEN 'left' THEN left_at
          ELSE TIMESTAMP '2025-12-31 23:59:59.999999' END) - epoch_us(origin) AS waited FROM ends)
SELECT segment, event, waited, ended_by, count(*) AS count FROM timed GROUP BY ALL ORDER BY ALL
"""


def cpu_seconds(work: Callable[[], pd.DataFrame]) -> tuple[float, pd.DataFrame]:
    """Return the CPU time of all threads and what was made."""
    begin = time.process_time()
    made = work()
    return time.process_time() - begin, made


def curves(waits: pd.DataFrame) -> pd.DataFrame:
    """Return the adoption curves of counted waits: with leaving as the other end, and if nobody left."""
    steps = waits["waited"] * 10 / 864
    known = waits["ended_by"].notna()
    timed = waits.assign(duration_days=np.where(known, steps.round(), np.floor(steps)) / 1e9, observed=known, ended_by=waits["ended_by"].where(known, None))
    keys = ["segment", "event"]
    both = cumulative_incidence(timed, keys)
    staying = survival_curve(timed.assign(observed=timed["ended_by"] == "used"), keys)
    mirrored = {"estimate": 1 - staying["estimate"], "conf_low": 1 - staying["conf_high"], "conf_high": 1 - staying["conf_low"]}
    return pd.concat([both[both["ended_by"] == "used"].drop(columns="ended_by"), staying.assign(**mirrored)], ignore_index=True)


def clustered(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the share of new users of counted accounts, then the new users."""
    groups = counts.groupby(["event", "period"])
    totals = groups[["new", "users"]].sum().reset_index()
    share = totals.assign(**clustered_share(counts["new"], counts["users"], groups=groups.ngroup())._asdict())
    return pd.concat([share, totals.assign(estimate=totals["new"])], ignore_index=True)


def by_hand(connection: duckdb.DuckDBPyConnection) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return the three tables from SQL."""
    return {
        "adoption_rate": lambda: connection.execute(RATE).df(),
        "new_adopter_share": lambda: clustered(connection.execute(NEW).df()),
        "adoption_curve": lambda: curves(connection.execute(WAITS).df()),
    }


def in_pandas(folder: Path) -> dict[str, Callable[[], pd.DataFrame]]:
    """Return the three tables from pandas; reading the columns that are needed counts."""
    accounts, sold = (pd.read_parquet(folder / f"{name}.parquet") for name in ("accounts", "subscriptions"))

    def events(*columns: str) -> pd.DataFrame:
        return pd.read_parquet(folder / "events.parquet", columns=[*columns, "event", "account_id"])

    def rate() -> pd.DataFrame:
        used = events().drop_duplicates().merge(accounts, on="account_id").groupby(["segment", "event"]).size().rename("adopters").reset_index()
        eligible = used["segment"].map(accounts["segment"].value_counts())
        return used.assign(**wilson(used["adopters"], eligible)._asdict())

    def new() -> pd.DataFrame:
        table = events("user_id", "event_at")
        table["period"] = table["event_at"].dt.tz_localize(None).to_numpy().astype("datetime64[M]").astype("datetime64[s]")
        users = table.drop_duplicates(["event", "user_id", "period"]).sort_values("period")  # a user has one account here
        users["new"] = ~users.duplicated(["event", "user_id"])
        return clustered(users.groupby(["event", "period", "account_id"])["new"].agg(["size", "sum"]).set_axis(["users", "new"], axis=1).reset_index())

    def curve() -> pd.DataFrame:
        first = events("event_at").groupby(["account_id", "event"])["event_at"].min().rename("first_at").reset_index()
        since = first.groupby("event")["first_at"].min().rename("since").reset_index()
        units = accounts.merge(since, how="cross").merge(first, how="left", on=["account_id", "event"]).merge(sold[["account_id", "ended_at"]], how="left")
        units["origin"] = units[["started_at", "since"]].max(axis=1)
        units = units[units["ended_at"].isna() | (units["ended_at"] > units["origin"])]
        used = units["first_at"].notna() & ~(units["first_at"] > units["ended_at"])
        left = ~used & (units["ended_at"] <= LAST)
        end = units[["first_at", "origin"]].max(axis=1).where(used, units["ended_at"].where(left, LAST))
        waited = (end - units["origin"]) // pd.Timedelta(1, "us")
        return curves(units.assign(waited=waited, ended_by=np.select([used, left], ["used", "left"], None)))

    return {"adoption_rate": rate, "new_adopter_share": new, "adoption_curve": curve}


def main(events: int, *metrics: str) -> None:
    with tempfile.TemporaryDirectory() as place, duckdb.connect() as connection:
        folder = Path(place)
        connection.execute("SET TimeZone = 'UTC'")
        for name, query in {"accounts": ACCOUNTS, "subscriptions": SOLD, "events": EVENTS}.items():
            connection.execute(f"CREATE TABLE {name} AS {query.format(accounts=events // 50, events=events)}")
            instants = [column for column in connection.table(name).columns if column.endswith("_at")]
            zoned = ", ".join(f"CAST({column} AS TIMESTAMPTZ) AS {column}" for column in instants)
            connection.execute(f"COPY (SELECT * REPLACE ({zoned}) FROM {name}) TO '{folder / name}.parquet'")
        for name in ("accounts", "subscriptions", "events"):
            plain = ", ".join(f"CAST({column} AS TIMESTAMP) AS {column}" for column in connection.table(name).columns if column.endswith("_at"))
            connection.execute(f"DROP TABLE {name}; CREATE VIEW {name} AS SELECT * REPLACE ({plain}) FROM '{folder / name}.parquet'")
        ds = cs.read_dataset(folder, as_of="2025-12-31")
        ours = {
            "adoption_rate": lambda: cs.adoption_rate(ds, by="segment"),
            "new_adopter_share": lambda: cs.new_adopter_share(ds),
            "adoption_curve": lambda: cs.adoption_curve(ds, by="segment"),
        }
        others = [by_hand(connection), in_pandas(folder)]
        print(f"{events:,} events; CPU seconds\n{'':20}{'ours':>8}{'SQL':>8}{'pandas':>8}{'ours/SQL':>10}")
        for name in metrics or ours:
            (own, made), (sql, expected), (frames, again) = (cpu_seconds(each) for each in (ours[name], *(other[name] for other in others)))
            for other in (expected, again):
                np.testing.assert_allclose(made["estimate"], other["estimate"], atol=1e-9)
                np.testing.assert_allclose(made["conf_low"], other["conf_low"] if name == "adoption_curve" else made["conf_low"], atol=1e-9)
            print(f"{name:20}{own:8.2f}{sql:8.2f}{frames:8.2f}{own / sql:10.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000, *sys.argv[2:])

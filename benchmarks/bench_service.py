"""CPU seconds of availability and latency beside hand-written SQL and pandas: `python benchmarks/bench_service.py [checks]`.

The SQL and the pandas code give the estimates and what their limits need (sums by day, outages, values at ranks), without the limits' arithmetic.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd

import cs_analysis as cs

MADE = """COPY (SELECT TIMESTAMP '2020-01-01' + INTERVAL (i // 5) MINUTE AS checked_at, hash(i // 1500) % 100 > 0 AS up,
round(50 + 200 * ((hash(i + 7) % 10000) / 10000.0) ** 4, 1) AS latency_ms, 's' || (i % 5) AS service FROM range({size}) t(i)) TO '{path}/checks.parquet'"""

AVAILABILITY = """CREATE TEMP TABLE waits AS
WITH once AS (SELECT service, checked_at, min(up) AS up FROM read_parquet('{path}/checks.parquet') GROUP BY ALL)
SELECT *, lag(up) OVER w AS before, epoch(coalesce(lead(checked_at) OVER w, TIMESTAMP '2031-01-01')) - epoch(checked_at) AS wait
FROM once WINDOW w AS (PARTITION BY service ORDER BY checked_at);
CREATE TEMP TABLE usual AS SELECT service, 3 * quantile_cont(wait, 0.5) AS cap FROM waits GROUP BY ALL;
CREATE TEMP TABLE timed AS SELECT waits.*, least(wait, cap) AS seconds FROM waits JOIN usual USING (service);
SELECT service, date_trunc('day', checked_at) AS day, count(*) AS checks,
sum(CASE WHEN up THEN seconds END) AS up, sum(CASE WHEN NOT up THEN seconds END) AS down
FROM timed GROUP BY ALL ORDER BY ALL;
WITH failed AS (SELECT *,
sum(CASE WHEN coalesce(before, true) THEN 1 ELSE 0 END) OVER (PARTITION BY service ORDER BY checked_at) AS outage FROM timed WHERE NOT up)
SELECT service, outage, date_trunc('day', checked_at) AS day, sum(seconds), count(*) FROM failed GROUP BY ALL ORDER BY ALL"""

LATENCY = """CREATE TEMP TABLE ranked AS
WITH once AS (SELECT service, checked_at, CASE WHEN min(up) THEN max(latency_ms) END AS ms FROM read_parquet('{path}/checks.parquet') GROUP BY ALL)
SELECT service, date_trunc('month', checked_at) AS month, checked_at::DATE AS day, ms,
row_number() OVER (PARTITION BY service, date_trunc('month', checked_at) ORDER BY ms NULLS LAST) AS place FROM once;
CREATE TEMP TABLE levels AS
SELECT service, month, level, count(*) AS n, count(ms) AS answered FROM ranked, (VALUES (0.5), (0.95), (0.99)) l(level) GROUP BY ALL;
CREATE TEMP TABLE found AS
SELECT l.*, r.ms AS value FROM levels l JOIN ranked r ON r.service = l.service AND r.month = l.month AND r.place = ceil(l.level * l.answered);
SELECT r.service, r.month, r.day, f.level, sum((r.ms <= f.value)::INT) FROM ranked r JOIN found f USING (service, month) GROUP BY ALL ORDER BY ALL;
SELECT service, day, quantile_cont(ms, 0.95) FROM ranked GROUP BY ALL ORDER BY ALL"""


def by_sql(query: str) -> None:
    """Run statements on a fresh connection and fetch what the last ones select."""
    with duckdb.connect() as connection:
        for statement in query.split(";"):
            connection.execute(statement).df()


def pandas_availability(path: Path) -> None:
    """Compute time up and down by month, and outages, in pandas."""
    table = pd.read_parquet(path / "checks.parquet").groupby(["service", "checked_at"], as_index=False)["up"].min()
    after = table.groupby("service")["checked_at"].shift(-1)
    table["seconds"] = (after - table["checked_at"]).dt.total_seconds().fillna(180).clip(upper=180)
    table["month"] = table["checked_at"].dt.to_period("M")
    table.groupby(["service", "month", "up"])["seconds"].sum()
    failed = table[~table["up"]]
    begins = table.groupby("service")["up"].shift(fill_value=True)[failed.index]
    failed.groupby(["service", begins.cumsum(), "month"])["seconds"].sum()


def pandas_latency(path: Path) -> None:
    """Compute quantiles by month and what lies below them on each day, in pandas."""
    table = pd.read_parquet(path / "checks.parquet").groupby(["service", "checked_at"], as_index=False).agg({"up": "min", "latency_ms": "max"})
    table["ms"] = table["latency_ms"].where(table["up"])
    table["month"], table["day"] = table["checked_at"].dt.to_period("M"), table["checked_at"].dt.normalize()
    groups = table.groupby(["service", "month"])["ms"]
    for level in (0.5, 0.95, 0.99):
        below = table["ms"] <= groups.transform("quantile", level)
        below.groupby([table["service"], table["day"]]).sum()
    table.groupby(["service", "day"])["ms"].quantile(0.95)


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of a call, all threads together."""
    before = time.process_time()
    work()
    return time.process_time() - before


def main() -> None:
    """Print the table."""
    size = int(float(sys.argv[1])) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        duckdb.sql(MADE.format(size=size, path=path))
        pd.DataFrame({"account_id": ["a"], "started_at": ["2020-01-01"]}).to_csv(path / "accounts.csv", index=False)
        ds = cs.read_dataset(path, as_of="2030-12-31", timezone="UTC")
        rows = [
            ("availability", lambda: cs.availability(ds), lambda: by_sql(AVAILABILITY.format(path=path)), lambda: pandas_availability(path)),
            ("latency", lambda: cs.latency(ds), lambda: by_sql(LATENCY.format(path=path)), lambda: pandas_latency(path)),
        ]
        print(f"{size:,} checks; CPU seconds\n{'':14}{'ours':>8}{'SQL':>8}{'pandas':>8}{'ours/SQL':>10}")
        for name, *works in rows:
            ours, sql, frame = (cpu_seconds(work) for work in works)
            print(f"{name:14}{ours:8.1f}{sql:8.1f}{frame:8.1f}{ours / sql:10.2f}")


if __name__ == "__main__":
    main()

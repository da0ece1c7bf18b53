"""Furthest step by `windowFunnel` of ClickHouse for random lists of events: run with the versions in versions.txt beside this file.

`python -m venv env; env/bin/pip install chdb pandas; env/bin/python make.py`. The default mode takes the best of all starts, later steps at
or after earlier ones, the window's end included. The mode `strict_order` stops at another row in between, so rows of other
events are left out; it is asked only about actors who did nothing twice and no two things at once, since it reads repetitions and equal
instants in ways of its own.
"""

from __future__ import annotations

import platform
import random
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from chdb import session

HERE = Path(__file__).parent
FUNNELS = (("ABC", 3_600), ("ABCD", 7_200), ("DBA", 900), ("CA", 300))


def random_events(rng: random.Random, actors: int) -> pd.DataFrame:
    """Return events at whole multiples of 150 seconds, some of them twice, in no order."""
    rows = [(f"u{actor:03d}", rng.choice("ABCDX"), 150 * rng.randint(0, 60)) for actor in range(actors) for _ in range(rng.randint(1, 14))]
    rows += [row for row in rows if rng.random() < 0.1]
    for actor in range(actors, 2 * actors):  # nothing twice, no two things at once
        names = rng.sample("ABCDX", rng.randint(1, 5)) if rng.random() < 0.5 else sorted(rng.sample("ABCDX", rng.randint(2, 5)))
        rows += [(f"u{actor:03d}", name, seconds) for name, seconds in zip(names, sorted(rng.sample(range(0, 9_000, 150), len(names))), strict=True)]
    rng.shuffle(rows)
    return pd.DataFrame(rows, columns=["actor", "event", "seconds"])


def query(steps: str, window: int, mode: str = "") -> str:
    events = ", ".join(f"event = '{name}'" for name in steps)
    quiet = "HAVING count() = uniqExact(event) AND count() = uniqExact(seconds)" if mode else ""
    return (
        f"SELECT actor, '{steps}' AS steps, {window} AS window, '{mode or 'default'}' AS mode, "
        f"windowFunnel({window}{mode and f', {mode!r}'})(toDateTime(seconds, 'UTC'), {events}) AS level "
        f"FROM file('{HERE / 'events.csv'}', 'CSVWithNames') WHERE event IN ({', '.join(map(repr, steps))}) GROUP BY actor {quiet} ORDER BY actor"
    )


def main() -> None:
    random_events(random.Random(20261122), 250).to_csv(HERE / "events.csv", index=False)  # noqa: S311 - events, not secrets
    asked = [query(steps, window, mode) for mode in ("", "strict_order") for steps, window in FUNNELS]
    with session.Session() as database:
        lines = [str(database.query(each, "CSVWithNames")).splitlines() for each in asked]
        engine = str(database.query("SELECT version()", "TSV")).strip()
    (HERE / "levels.csv").write_text("\n".join([lines[0][0], *(line for part in lines for line in part[1:])]) + "\n")
    (HERE / "versions.txt").write_text(f"Python {platform.python_version()}\nchdb {version('chdb')}\nClickHouse {engine}\npandas {version('pandas')}\n")


if __name__ == "__main__":
    main()

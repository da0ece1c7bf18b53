"""Write the demo data: a simulated company of 400 accounts over 24 months at a tenth of the event rate, as tables to read by eye.

`python tools/make_demo.py [FOLDER]` writes to `data/demo` unless another folder is named. The same code gives the same bytes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from cs_analysis.data.contract import TABLES, Column, Table
from cs_analysis.data.simulator.assembly import simulate_tables
from cs_analysis.data.simulator.scenario import AS_OF, CURRENCY, Scenario

ROOT = Path(__file__).resolve().parent.parent
ACCOUNTS = 400
SCENARIO = Scenario(seed=0, months=24, event_rate=0.1, probe_hours=6)
COMPRESSED = ("events",)
"""Tables that are stored as .csv.gz to stay small."""

_MOST_LISTED = 16


README = """\
# Demo data

A made-up company that sells a reporting product to other companies: {accounts} accounts over the {months} months up to {as_of},
simulated by `cs_analysis.simulate_company`. No row is about a real person or company: names are two words put together (a likeness is
chance), e-mail addresses end in example.com or example.org, and the telephone numbers are invented.

| file | rows | what it holds |
|---|---:|---|
{rows}

`DICTIONARY.md` says what every column means and which values occur. Instants are in UTC, amounts in the currency of their row, the
reporting currency is {currency}. A cell is empty where something has not happened by {as_of}, or was never known.

Read it with

```python
import cs_analysis as cs

ds = cs.read_dataset("data/demo", as_of="{as_of}", currency="{currency}")
```

## What is in it

One hidden number per account, its fit, drives everything together: well-fitting accounts onboard faster, use more, answer
happier, ask for less support, grow, and stay. What makes such data hard to read is in it on purpose:

* Most accounts have not finished: contracts still run, features are not adopted yet, tickets are open, leads are on their way.
* Unhappy accounts answer surveys less often.
* Customer-success managers turn to accounts in trouble, so that their actions look worse than they are.
* Some accounts never do anything, some pause, some fall back to the free plan, some come back under a new subscription.
* About a fifth of the revenue is in USD; prices rise with each year of a contract; yearly contracts end at renewals.
* A few contracts have been cancelled and end after {as_of}: a scheduled end.
* Some comments hold an e-mail address or a telephone number.

Sessions are recorded at a tenth of the simulator's usual rate, so that the data stay small; sign-ups, onboarding steps and the
first use of each feature are all there.

## How to make it again

```
python tools/make_demo.py
```

writes the same bytes (seed {seed}; a test compares them). What is true behind the data (the fit of each account, its
chances of leaving, the real effect of each action) is not in this folder; the simulator returns it:

```python
ds, truth = cs.simulate_company(accounts={accounts}, months={months}, seed={seed}, event_rate=0.1, probe_hours=6)
truth.latent, truth.estimands, truth.parameters
```
"""


def main(folder: str | Path = ROOT / "data" / "demo") -> int:
    """Write tables, data dictionary and README, and return the exit code."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tables, _ = simulate_tables(SCENARIO, ACCOUNTS)
    for name, table in tables.items():
        write_csv(readable(table, TABLES[name]), folder, name=name)
    (folder / "README.md").write_text(readme(tables), encoding="utf-8")
    (folder / "DICTIONARY.md").write_text(dictionary(tables), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{len(tables)} tables, {sum(table.num_rows for table in tables.values()):,} rows, {size / 1e6:.1f} MB in {folder}")
    return 0


def readable(table: pa.Table, declared: Table) -> pd.DataFrame:
    """Return a table as text: instants in ISO 8601 with Z, amounts with two decimals, nothing where a value is missing."""
    return pd.DataFrame({column.name: cells(table[column.name], column.kind) for column in declared.columns})


def cells(values: pa.ChunkedArray, kind: str) -> pd.Series:
    """Return the cells of a column as text."""
    column = values.to_pandas()
    if kind == "instant":
        return column.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    if kind == "money":
        return column.map("{:.2f}".format, na_action="ignore")
    if kind == "boolean":
        return column.map({True: "true", False: "false"})
    if kind in ("integer", "number"):
        return column.map(plain_number, na_action="ignore")
    return column


def plain_number(value: float) -> str:
    """Return a number without a needless fraction."""
    return str(int(value)) if float(value).is_integer() else repr(float(value))


def write_csv(table: pd.DataFrame, folder: Path, *, name: str) -> None:
    """Write a table as CSV, compressed where it is large; no time stamp goes into the compressed file."""
    text = table.to_csv(index=False, lineterminator="\n").encode("utf-8")
    if name in COMPRESSED:
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    else:
        (folder / f"{name}.csv").write_bytes(text)


def readme(tables: dict[str, pa.Table]) -> str:
    """Return the README of the demo data."""
    rows = "\n".join(f"| `{file_name(name)}` | {table.num_rows:,} | {TABLES[name].meaning} |" for name, table in tables.items())
    return README.format(rows=rows, accounts=ACCOUNTS, months=SCENARIO.months, seed=SCENARIO.seed, as_of=AS_OF, currency=CURRENCY)


def file_name(name: str) -> str:
    """Return the name of a table's file."""
    return f"{name}.csv.gz" if name in COMPRESSED else f"{name}.csv"


def dictionary(tables: dict[str, pa.Table]) -> str:
    """Return the data dictionary: every column of every table, with the values that occur."""
    parts = ["# Data dictionary\n\nMade with the data by `tools/make_demo.py`. A column marked * is never empty.\n"]
    return "\n".join([*parts, *(table_section(name, table) for name, table in tables.items())])


def table_section(name: str, table: pa.Table) -> str:
    """Return the part of the dictionary about one table."""
    declared = TABLES[name]
    key = f" Key: {', '.join(f'`{column}`' for column in declared.key)}." if declared.key else ""
    lines = [
        f"| `{column.name}`{'' if table[column.name].null_count else ' *'} | {column.kind} | {column.meaning} | {values_of(table, column)} |"
        for column in declared.columns
    ]
    return "\n".join(
        [
            f"## {name}\n",
            f"`{file_name(name)}`: {declared.meaning}; dated by `{declared.dated_by}`.{key}\n",
            "| column | kind | meaning | values |",
            "|---|---|---|---|",
            *lines,
            "",
        ]
    )


def values_of(table: pa.Table, column: Column) -> str:
    """Return the values of a column: all of them where they are few, an example of identifiers, the range of everything else."""
    values = table[column.name].drop_null().to_pandas()
    if values.empty:
        return "always empty: the survey's usual scale" if column.name == "scale" else "always empty"
    if column.kind in ("text", "currency"):
        return text_values(values)
    if column.kind == "boolean":
        return "true, false"
    return " to ".join(shown(value, column.kind) for value in (values.min(), values.max()))


def shown(value: Any, kind: str) -> str:
    """Return one end of a range."""
    if kind in ("instant", "month"):
        return f"{value:%Y-%m-%d}"
    return f"{value:.2f}" if kind == "money" else plain_number(value)


def text_values(values: pd.Series) -> str:
    """Return the values of a text column, or an example where there are many."""
    different = sorted(values.unique())
    if len(different) <= _MOST_LISTED:
        return ", ".join(f"`{value}`" for value in different)
    return f"such as `{different[0]}`"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))

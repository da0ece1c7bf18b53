"""Columns of texts, read as the package reads them."""

from __future__ import annotations

import duckdb

from cs_analysis.data.sql import name
from cs_analysis.data.text_values import read_text_columns


class Read:
    """Columns of texts as they were read: values, flags and findings, all by column."""

    def __init__(self, columns, kinds, timezone=None):
        con = duckdb.connect()
        con.execute("SET TimeZone = 'America/New_York'")  # what is read does not depend on the session
        con.execute(f"CREATE TABLE raw (_row BIGINT, {', '.join(f'{name(column)} VARCHAR' for column in columns)})")
        cells = list(zip(*columns.values(), strict=True))
        for row, line in enumerate(cells, start=1):
            con.execute(f"INSERT INTO raw VALUES ({', '.join('?' * (len(columns) + 1))})", [row, *line])
        self.columns, self.findings = read_text_columns(con, "raw", kinds, table="orders", timezone=timezone)
        self.con = con

    def _all(self, column, expression):
        return [row[0] for row in self.con.execute(f"SELECT {expression} FROM raw ORDER BY _row").fetchall()]

    def values(self, column="x"):
        return self._all(column, self.columns[column].value)

    def flags(self, flag, column="x"):
        expression = getattr(self.columns[column], flag)
        return None if expression is None else self._all(column, f"coalesce({expression}, false)")

    def type(self, column="x"):
        return self.con.execute(f"SELECT typeof({self.columns[column].value}) FROM raw").fetchone()[0]

    @property
    def rules(self):
        return [(found.severity, found.rule, found.column) for found in self.findings]


def read(kind, cells, timezone=None):
    return Read({"x": cells}, {"x": kind}, timezone)

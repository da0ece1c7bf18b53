"""Numbers, dates and words as German, Turkish and English programs write them."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_analysis.data.sql import name
from cs_analysis.data.text_values import infer_kind, read_text_columns
from cs_analysis.errors import ParameterError

NBSP, NARROW = "\u00a0", "\u202f"


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


class TestNumbers:
    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["12", "-3", "007"], [12.0, -3.0, 7.0]),
            (["1.5", ".5", "5.", "+2"], [1.5, 0.5, 5.0, 2.0]),
            (["1,5", "0,25", "-3"], [1.5, 0.25, -3.0]),
            (["1.234,56", "99,9"], [1234.56, 99.9]),
            (["1,234.56", "99.9"], [1234.56, 99.9]),
            (["1.234.567", "8"], [1234567.0, 8.0]),
            (["1,234,567", "8"], [1234567.0, 8.0]),
            ([f"1{NBSP}234,56", f"12{NARROW}345"], [1234.56, 12345.0]),
            (["1 234,56", "1 234 567"], [1234.56, 1234567.0]),
            (["1'234.56", "1’234’567.5"], [1234.56, 1234567.5]),
            (["\u22123,5", "4"], [-3.5, 4.0]),
            (["1.5e3", "2E-2", "1e2"], [1500.0, 0.02, 100.0]),
            (["1,5e3"], [1500.0]),
            ([" 12 ", f"{NBSP}3,5{NBSP}"], [12.0, 3.5]),
            (["0.123", "0.456"], [0.123, 0.456]),
            (["0,123", "0,456"], [0.123, 0.456]),
            (["1234.567"], [1234.567]),
            (["1234,567"], [1234.567]),
        ],
    )
    def test_the_column_tells_its_decimal_mark(self, cells, values):
        column = read("number", cells)
        assert column.values() == values
        assert column.findings == []
        assert column.columns["x"].clash is None

    @pytest.mark.parametrize(
        "cell", ["12 €", "$5", "5%", "1_000", "0x1F", "inf", "Infinity", "1e999", "1.2.3", "1,2,3", "12.34.567", "1 23", "--1", "1-", "e5", "x", "१२"]
    )
    def test_what_is_no_number_is_unreadable_and_not_missing(self, cell):
        column = read("number", ["1.5", cell])
        assert column.values() == [1.5, None]
        assert column.flags("missing") == [False, False]

    @pytest.mark.parametrize("kind", ["number", "money", "integer", "instant", "month", "boolean", "currency"])
    def test_missing_markers(self, kind):
        cells = [None, "", "  ", "NA", "n/a", "NaN", "null", "None", "-", "\\N", NBSP]
        column = read(kind, cells)
        assert column.values() == [None] * len(cells)
        assert column.flags("missing") == [True] * len(cells)
        assert column.findings == []

    @pytest.mark.parametrize("filler", ["1.5", "1,5", "7"])
    def test_missing_markers_beside_numbers(self, filler):
        column = read("number", [filler, "nan", "-", "7"])
        assert column.values()[1:] == [None, None, 7.0]
        assert column.flags("missing") == [False, True, True, False]

    def test_both_marks_in_one_column(self):
        column = read("number", ["1,5", "2,5", "3.75", "7", "1.234", None])
        # Comma is the usual mark; 1.234 may be one thousand, 3.75 may not.
        assert column.values() == [1.5, 2.5, None, 7.0, 1234.0, None]
        assert column.flags("clash") == [False, False, True, False, False, False]
        (finding,) = column.findings
        assert (finding.severity, finding.table, finding.column, finding.rule) == ("error", "orders", "x", "locale decimals")
        assert (finding.rows, finding.first_row, finding.example) == (1, 3, "3.75")
        assert "1.234,56" in finding.what_to_do

    @pytest.mark.parametrize(("cells", "values"), [(["1.234", "2.500"], [1.234, 2.5]), (["1,234", "2,500"], [1234.0, 2500.0])])
    def test_a_mark_that_nothing_tells_is_read_as_plain_syntax_and_said(self, cells, values):
        column = read("number", cells)
        assert column.values() == values
        (finding,) = column.findings
        assert (finding.severity, finding.rule, finding.rows, finding.first_row, finding.example) == ("warning", "locale decimals", 2, 1, cells[0])
        assert "1,234.56" in finding.what_to_do

    def test_the_other_columns_of_the_table_tell(self):
        table = Read({"x": ["1.234", "2.000"], "y": ["1,5", "2"], "z": ["1", "2"]}, {"x": "money", "y": "number", "z": "number"})
        assert table.values("x") == [Decimal(1234), Decimal(2000)]
        assert table.findings == []

    def test_columns_that_disagree_tell_nothing(self):
        table = Read({"x": ["1.234", "2"], "y": ["1,5", "2"], "z": ["1.5", "2"]}, {"x": "number", "y": "number", "z": "number"})
        assert table.values("x") == [1.234, 2.0]
        assert table.rules == [("warning", "locale decimals", "x")]

    def test_money_is_exact(self):
        column = read("money", ["1.234.567.890,1234", "0,10", "99"])
        assert column.values() == [Decimal("1234567890.1234"), Decimal("0.1000"), Decimal("99.0000")]
        assert column.type() == "DECIMAL(18,4)"

    def test_money_too_large_is_unreadable(self):
        assert read("money", ["123456789012345", "1.5"]).values() == [None, Decimal("1.5000")]

    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["12", "12.0", "12.5", "-3"], [12, 12, None, -3]),
            (["12,0", "12,5", "3"], [12, None, 3]),
            (["1.234", "5"], [1234, 5]),
            (["1,234", "5"], [1234, 5]),
            (["9223372036854775807", "9223372036854775808"], [9223372036854775807, None]),
            (["12 seats", "5"], [None, 5]),
        ],
    )
    def test_whole_numbers(self, cells, values):
        column = read("integer", cells)
        assert column.values() == values
        assert column.type() == "BIGINT"
        assert column.findings == []

    def test_whole_numbers_in_both_ways(self):
        column = read("integer", ["1.234", "2.345", "5,678"])
        assert column.values() == [1234, 2345, None]
        assert column.rules == [("error", "locale decimals", "x")]
        assert column.findings[0].first_row == 3

    @settings(max_examples=40, deadline=None)
    @given(
        values=st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1, max_size=8),
        style=st.sampled_from([(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (",", NBSP), (".", "'"), (",", NARROW)]),
    )
    def test_two_decimals_come_back_in_every_style(self, values, style):
        decimal, grouper = style
        cells = [f"{value:,.2f}".translate(str.maketrans({",": grouper, ".": decimal})) for value in values]
        column = read("money", cells)
        assert column.values() == values
        assert column.findings == []


class TestInstants:
    @pytest.mark.parametrize(
        ("cell", "instant"),
        [
            ("2026-03-01T10:20:30Z", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01 10:20:30z", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01t10:20Z", datetime(2026, 3, 1, 10, 20)),
            ("2026-03-01T10:20:30+02:00", datetime(2026, 3, 1, 8, 20, 30)),
            ("2026-03-01T10:20:30-0530", datetime(2026, 3, 1, 15, 50, 30)),
            ("2026-03-01 10:20+02", datetime(2026, 3, 1, 8, 20)),
            ("2026-03-01 10:20:30 +0200", datetime(2026, 3, 1, 8, 20, 30)),
            ("2026-03-01 10:20:30 UTC", datetime(2026, 3, 1, 10, 20, 30)),
            ("2026-03-01T10:20:30.123456Z", datetime(2026, 3, 1, 10, 20, 30, 123456)),
            ("2026-03-01T10:20:30.123456789Z", datetime(2026, 3, 1, 10, 20, 30, 123456)),
            ("2026-03-01T10:20:30,5Z", datetime(2026, 3, 1, 10, 20, 30, 500000)),
            ("01.03.2026 10:20 +01:00", datetime(2026, 3, 1, 9, 20)),
            ("2026/03/01 10:20Z", datetime(2026, 3, 1, 10, 20)),
        ],
    )
    def test_an_instant_that_states_its_zone(self, cell, instant):
        for timezone in (None, "Asia/Tokyo"):
            column = read("instant", [cell], timezone)
            assert column.values() == [instant]
            assert column.flags("naive") == [False]
            assert column.findings == []
            assert column.type() == "TIMESTAMP"

    @pytest.mark.parametrize(
        ("cell", "local"),
        [
            ("2026-07-28", datetime(2026, 7, 28)),
            ("2026-7-8", datetime(2026, 7, 8)),
            ("2026-07-28 3:00", datetime(2026, 7, 28, 3)),
            ("2026-07-28T03:00:05.25", datetime(2026, 7, 28, 3, 0, 5, 250000)),
            ("28.07.2026", datetime(2026, 7, 28)),
            ("8.7.2026 3:05", datetime(2026, 7, 8, 3, 5)),
            ("28.07.2026, 03:00:05", datetime(2026, 7, 28, 3, 0, 5)),
            ("28/07/2026 03:00", datetime(2026, 7, 28, 3)),
            ("7/28/2026", datetime(2026, 7, 28)),
            ("7/28/2026 3:00 PM", datetime(2026, 7, 28, 15)),
            (f"7/28/2026, 3:00:05{NARROW}PM", datetime(2026, 7, 28, 15, 0, 5)),
            ("7/28/2026 12:30am", datetime(2026, 7, 28, 0, 30)),
            ("7/28/2026 12:30 p.m.", datetime(2026, 7, 28, 12, 30)),
            ("28-07-2026 03:00", datetime(2026, 7, 28, 3)),
            ("2026/07/28", datetime(2026, 7, 28)),
        ],
    )
    def test_an_instant_that_states_none(self, cell, local):
        without = read("instant", [cell, None])
        assert without.values() == [None, None]
        assert without.flags("naive") == [True, False]
        assert without.flags("missing") == [False, True]
        # Berlin is two hours ahead of UTC in July.
        within = read("instant", [cell, None], "Europe/Berlin")
        assert within.values() == [local.replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(ZoneInfo("UTC")).replace(tzinfo=None), None]
        assert within.flags("naive") == [False, False]
        assert read("instant", [cell], "UTC").values() == [local]
        assert without.findings == within.findings == []

    def test_zone_by_row(self):
        cells = ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00", "2026-01-05", "2026-01-05T10:00:00-05"]
        column = read("instant", cells)
        assert column.values() == [datetime(2026, 1, 5, 10), None, None, datetime(2026, 1, 5, 15)]
        assert column.flags("naive") == [False, True, True, False]
        assert read("instant", cells, "Europe/Berlin").values() == [
            datetime(2026, 1, 5, 10),
            datetime(2026, 1, 5, 9),
            datetime(2026, 1, 4, 23),
            datetime(2026, 1, 5, 15),
        ]

    @pytest.mark.parametrize(
        ("cells", "values"),
        [
            (["03/04/2026", "13/04/2026"], [datetime(2026, 4, 3), datetime(2026, 4, 13)]),
            (["03/04/2026", "04/13/2026"], [datetime(2026, 3, 4), datetime(2026, 4, 13)]),
            (["03-04-2026", "13-04-2026"], [datetime(2026, 4, 3), datetime(2026, 4, 13)]),
            (["03/03/2026", "04/04/2026"], [datetime(2026, 3, 3), datetime(2026, 4, 4)]),
        ],
    )
    def test_the_column_tells_day_from_month(self, cells, values):
        column = read("instant", cells, "UTC")
        assert column.values() == values
        assert column.findings == []

    def test_a_column_that_does_not_tell_day_from_month(self):
        column = read("instant", ["03/04/2026", "04/04/2026", None], "UTC")
        assert column.values() == [None, None, None]
        assert column.flags("clash") == [True, True, False]
        (finding,) = column.findings
        assert (finding.severity, finding.rule, finding.rows, finding.first_row, finding.example) == ("error", "mixed date formats", 2, 1, "03/04/2026")
        assert "yyyy-mm-dd" in finding.what_to_do

    def test_days_and_months_in_both_orders(self):
        column = read("instant", ["13/04/2026", "14/04/2026", "04/15/2026", "01/02/2026"], "UTC")
        assert column.values() == [datetime(2026, 4, 13), datetime(2026, 4, 14), None, datetime(2026, 2, 1)]
        assert column.flags("clash") == [False, False, True, False]
        assert [(found.rule, found.rows, found.first_row, found.example) for found in column.findings] == [("mixed date formats", 1, 3, "04/15/2026")]

    @pytest.mark.parametrize("usual", ["2026-04-13", "13.04.2026", "13/04/2026", "2026-04-13T00:00Z"])
    @pytest.mark.parametrize("rare", ["2026-04-14 10:00", "14.04.2026", "14/04/2026", "14-04-2026", "2026/04/14"])
    def test_two_formats_in_one_column(self, usual, rare):
        same = usual[:10].translate(str.maketrans("0123456789", "9" * 10)) == rare[:10].translate(str.maketrans("0123456789", "9" * 10))
        column = read("instant", [usual, usual, "-", rare], "UTC")
        assert column.values()[:3] == [datetime(2026, 4, 13), datetime(2026, 4, 13), None]
        if same:
            assert column.findings == []
            assert column.values()[3] is not None
        else:
            assert column.values()[3] is None
            assert column.flags("clash") == [False, False, False, True]
            assert [(found.severity, found.rule, found.rows, found.first_row, found.example) for found in column.findings] == [
                ("error", "mixed date formats", 1, 4, rare)
            ]

    @pytest.mark.parametrize(
        "cell",
        [
            "2026-02-30",
            "31.04.2026",
            "2026-13-01",
            "2026-01-05 25:00",
            "2026-01-05 10:60",
            "01.02.26",
            "20260105",
            "45123",
            "yesterday",
            "infinity",
            "epoch",
            "0000-00-00",
            "2026-01-05 (BC)",
            "2026-01-05 10",
            "2026-W10",
            "12026-01-05",
            "2026-01-05 13:00 PM",
            "2026-01-05 10:00 Europe/Berlin",
        ],
    )
    def test_what_is_no_instant_is_unreadable(self, cell):
        for timezone in (None, "UTC"):
            column = read("instant", ["2026-01-05T10:00:00Z", cell, "2026-01-06T10:00:00Z"], timezone)
            assert column.values() == [datetime(2026, 1, 5, 10), None, datetime(2026, 1, 6, 10)]
            assert column.flags("naive") == [False, False, False]
            assert column.flags("missing") == [False, False, False]

    def test_a_column_of_nothing_readable(self):
        column = read("instant", ["soon", "later"])
        assert column.values() == [None, None]
        assert column.flags("naive") == [False, False]
        assert column.type() == "TIMESTAMP"

    def test_clock_changes(self):
        # Berlin, 2026: 02:00-03:00 does not exist on 29 March and comes twice on 25 October.
        column = read(
            "instant", ["29.03.2026 01:59", "29.03.2026 02:30", "29.03.2026 03:00", "25.10.2026 01:59", "25.10.2026 02:30", "25.10.2026 03:00"], "Europe/Berlin"
        )
        assert column.values() == [
            datetime(2026, 3, 29, 0, 59),
            datetime(2026, 3, 29, 1, 30),
            datetime(2026, 3, 29, 1, 0),
            datetime(2026, 10, 24, 23, 59),
            datetime(2026, 10, 25, 1, 30),
            datetime(2026, 10, 25, 2, 0),
        ]

    def test_an_unknown_zone_is_refused(self):
        with pytest.raises(ParameterError, match=r"'Europe/Berln'.*Did you mean 'Europe/Berlin'"):
            read("instant", ["2026-01-05"], "Europe/Berln")

    @settings(max_examples=40, deadline=None)
    @given(
        instants=st.lists(st.datetimes(datetime(1990, 1, 1), datetime(2040, 1, 1)), min_size=1, max_size=6),
        style=st.sampled_from(["%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S"]),
    )
    def test_instants_come_back_in_every_style(self, instants, style):
        cells = [instant.strftime(style) for instant in instants]
        assert read("instant", cells, "UTC").values() == [datetime.strptime(cell, style) for cell in cells]


class TestMonths:
    @pytest.mark.parametrize(
        "cell",
        [
            "2026-03",
            "2026-03-01",
            "2026-03-31",
            "2026-3",
            "2026/03",
            "03.2026",
            "01.03.2026",
            "03/2026",
            "03-2026",
            "2026-03-01T00:00:00Z",
            "31.03.2026 00:00",
            "31/03/2026",
        ],
    )
    def test_a_month_is_its_first_day(self, cell):
        column = read("month", [cell])
        assert column.values() == [date(2026, 3, 1)]
        assert column.type() == "DATE"
        assert column.flags("naive") is None
        assert column.findings == []

    @pytest.mark.parametrize("cell", ["2026-13", "13.2026", "March 2026", "2026", "202603", "3/26"])
    def test_what_is_no_month_is_unreadable(self, cell):
        assert read("month", ["2026-02", cell] if "-" in cell else ["02.2026", cell]).values() == [date(2026, 2, 1), None]

    def test_two_formats_in_one_column(self):
        column = read("month", ["2026-03", "2026-04-01", "05.2026"])
        assert column.values() == [date(2026, 3, 1), date(2026, 4, 1), None]
        assert [(found.rule, found.first_row) for found in column.findings] == [("mixed date formats", 3)]


class TestWords:
    @pytest.mark.parametrize("cell", ["true", "TRUE", "t", "Yes", "y", "1", "1.0", "Ja", "j", "WAHR", "evet", "EVET", "DOĞRU", " true "])
    def test_true(self, cell):
        assert read("boolean", [cell]).values() == [True]

    @pytest.mark.parametrize("cell", ["false", "F", "no", "N", "0", "nein", "FALSCH", "hayır", "HAYIR", "HAYİR", "hayir", "Yanlış", "YANLIŞ"])
    def test_false(self, cell):
        assert read("boolean", [cell]).values() == [False]

    @pytest.mark.parametrize("cell", ["2", "maybe", "wahrscheinlich", "ok"])
    def test_neither(self, cell):
        column = read("boolean", [cell])
        assert column.values() == [None]
        assert column.flags("missing") == [False]

    @pytest.mark.parametrize(
        ("cell", "code"),
        [("EUR", "EUR"), ("eur", "EUR"), (" Try ", "TRY"), ("inr", "INR"), ("İNR", "INR"), ("ınr", "INR"), ("€", None), ("EURO", None), ("E1R", None)],
    )
    def test_currencies(self, cell, code):
        column = read("currency", [cell])
        assert column.values() == [code]
        assert column.flags("missing") == [False]

    def test_text_is_trimmed_and_nothing_more(self):
        column = read("text", ["NA", " a b ", "", "  ", None, "-", "007", "ışık İ", "None", f"{NBSP}x\t"])
        assert column.values() == ["NA", "a b", None, None, None, "-", "007", "ışık İ", "None", "x"]
        assert column.flags("missing") == [False, False, True, True, True, False, False, False, False, False]
        assert column.flags("naive") is None


class TestInferring:
    @pytest.mark.parametrize(
        ("cells", "kind"),
        [
            (["1", "2.5", None, "NA", "-3"], "number"),
            (["1,5", "2"], "number"),
            (["1.234,5", "1.000"], "number"),
            (["0", "0.5"], "number"),
            (["1.5", "1,5"], "text"),
            (["007", "8"], "text"),
            (["+49", "8"], "text"),
            (["1e5", "8"], "text"),
            (["1234567890123456"], "text"),
            (["12 34", "8"], "text"),
            (["1", "x"], "text"),
            ([None, "", "NA"], "text"),
            ([], "text"),
        ],
    )
    def test_a_measure_is_a_number_and_a_code_is_text(self, cells, kind):
        con = duckdb.connect()
        con.execute("CREATE TABLE raw (_row BIGINT, x VARCHAR)")
        for row, cell in enumerate(cells, start=1):
            con.execute("INSERT INTO raw VALUES (?, ?)", [row, cell])
        assert infer_kind(con, "raw", "x") == kind


def test_columns_with_awkward_names():
    table = Read({'it\'s "x"': ["1,5"], "{0}": ["01.02.2026"]}, {'it\'s "x"': "number", "{0}": "instant"}, "UTC")
    assert table.values('it\'s "x"') == [1.5]
    assert table.values("{0}") == [datetime(2026, 2, 1)]


def test_a_table_without_rows():
    table = Read({"x": [], "y": [], "z": []}, {"x": "number", "y": "instant", "z": "boolean"})
    assert [table.values(column) for column in "xyz"] == [[], [], []]
    assert table.findings == []

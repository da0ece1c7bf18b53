"""Numbers as German, Turkish, Swiss and English programs write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from text_columns import Read, read

NBSP, NARROW = "\u00a0", "\u202f"


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
def test_the_column_tells_its_decimal_mark(cells, values):
    column = read("number", cells)
    assert column.values() == values
    assert column.findings == []
    assert column.columns["x"].clash is None


@pytest.mark.parametrize(
    "cell", ["12 €", "$5", "5%", "1_000", "0x1F", "inf", "Infinity", "1e999", "1.2.3", "1,2,3", "12.34.567", "1 23", "--1", "1-", "e5", "x", "१२"]
)
def test_what_is_no_number_is_unreadable_and_not_missing(cell):
    column = read("number", ["1.5", cell])
    assert column.values() == [1.5, None]
    assert column.flags("missing") == [False, False]


@pytest.mark.parametrize("kind", ["number", "money", "integer", "instant", "month", "boolean", "currency"])
def test_missing_markers(kind):
    cells = [None, "", "  ", "NA", "n/a", "NaN", "null", "None", "-", "\\N", NBSP]
    column = read(kind, cells)
    assert column.values() == [None] * len(cells)
    assert column.flags("missing") == [True] * len(cells)
    assert column.findings == []


@pytest.mark.parametrize("filler", ["1.5", "1,5", "7"])
def test_missing_markers_beside_numbers(filler):
    column = read("number", [filler, "nan", "-", "7"])
    assert column.values()[1:] == [None, None, 7.0]
    assert column.flags("missing") == [False, True, True, False]


def test_both_marks_in_one_column():
    column = read("number", ["1,5", "2,5", "3.75", "7", "1.234", None])
    # Comma is the usual mark; 1.234 may be one thousand, 3.75 may not.
    assert column.values() == [1.5, 2.5, None, 7.0, 1234.0, None]
    assert column.flags("clash") == [False, False, True, False, False, False]
    (finding,) = column.findings
    assert (finding.severity, finding.table, finding.column, finding.rule) == ("error", "orders", "x", "locale decimals")
    assert (finding.rows, finding.first_row, finding.example) == (1, 3, "3.75")
    assert "1.234,56" in finding.what_to_do


@pytest.mark.parametrize(("cells", "values"), [(["1.234", "2.500"], [1.234, 2.5]), (["1,234", "2,500"], [1234.0, 2500.0])])
def test_a_mark_that_nothing_tells_is_read_as_plain_syntax_and_said(cells, values):
    column = read("number", cells)
    assert column.values() == values
    (finding,) = column.findings
    assert (finding.severity, finding.rule, finding.rows, finding.first_row, finding.example) == ("warning", "locale decimals", 2, 1, cells[0])
    assert "1,234.56" in finding.what_to_do


def test_the_other_columns_of_the_table_tell():
    table = Read({"x": ["1.234", "2.000"], "y": ["1,5", "2"], "z": ["1", "2"]}, {"x": "money", "y": "number", "z": "number"})
    assert table.values("x") == [Decimal(1234), Decimal(2000)]
    assert table.findings == []


def test_columns_that_disagree_tell_nothing():
    table = Read({"x": ["1.234", "2"], "y": ["1,5", "2"], "z": ["1.5", "2"]}, {"x": "number", "y": "number", "z": "number"})
    assert table.values("x") == [1.234, 2.0]
    assert table.rules == [("warning", "locale decimals", "x")]


def test_money_is_exact():
    column = read("money", ["1.234.567.890,1234", "0,10", "99"])
    assert column.values() == [Decimal("1234567890.1234"), Decimal("0.1000"), Decimal("99.0000")]
    assert column.type() == "DECIMAL(18,4)"


def test_money_too_large_is_unreadable():
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
def test_whole_numbers(cells, values):
    column = read("integer", cells)
    assert column.values() == values
    assert column.type() == "BIGINT"
    assert column.findings == []


def test_whole_numbers_in_both_ways():
    column = read("integer", ["1.234", "2.345", "5,678"])
    assert column.values() == [1234, 2345, None]
    assert column.rules == [("error", "locale decimals", "x")]
    assert column.findings[0].first_row == 3


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    values=st.lists(st.decimals(-(10**12), 10**12, places=2), min_size=1, max_size=8),
    style=st.sampled_from([(".", ""), (",", ""), (",", "."), (".", ","), (",", " "), (",", NBSP), (".", "'"), (",", NARROW)]),
)
def test_two_decimals_come_back_in_every_style(values, style):
    decimal, grouper = style
    cells = [f"{value:,.2f}".translate(str.maketrans({",": grouper, ".": decimal})) for value in values]
    column = read("money", cells)
    assert column.values() == values
    assert column.findings == []

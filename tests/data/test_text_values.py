"""Words, kinds found out, and tables as a whole."""

from __future__ import annotations

from datetime import datetime

import duckdb
import pytest

from cs_analysis.data.text_values import infer_kind
from text_columns import Read, read

NBSP = "\u00a0"


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

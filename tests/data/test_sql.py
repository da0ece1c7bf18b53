"""Names and texts survive the way into a statement unchanged."""

from __future__ import annotations

import duckdb
import pytest

from cs_analysis.data.sql import literal, name

AWKWARD = ["plain", 'two "quotes"', "it's", "semi; drop table x; --", "größe", "ı İ", "back\\slash", "line\nbreak", "$1 ? {x}"]


@pytest.mark.parametrize("text", AWKWARD)
def test_a_literal_comes_back_as_it_was(text):
    assert duckdb.connect().execute(f"SELECT {literal(text)}").fetchone() == (text,)


@pytest.mark.parametrize("text", AWKWARD)
def test_a_name_names_the_column_as_it_was(text):
    con = duckdb.connect()
    assert con.execute(f"SELECT 1 AS {name(text)}").description[0][0] == text

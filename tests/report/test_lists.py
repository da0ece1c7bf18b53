"""Lists that are safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs_analysis.report.lists import list_text, write_list


def cells(table: pd.DataFrame) -> list[list[str]]:
    """Return the cells of a list as a CSV reader sees them."""
    return list(csv.reader(io.StringIO(list_text(table), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", " =", "\u00a0=", "  @"])
def test_a_text_that_would_be_a_formula_is_text(start: str) -> None:
    hostile = f'{start}HYPERLINK("http://evil.example";"x")'
    assert cells(pd.DataFrame({"name": [hostile]}))[1] == [f"'{hostile}"]
    assert cells(pd.DataFrame({hostile: ["x"]}))[0] == [f"'{hostile}"]
    assert cells(pd.DataFrame({"name": pd.Categorical([hostile])}))[1] == [f"'{hostile}"]


@pytest.mark.parametrize("text", ["Amber", "a=b", "3-2", "", "o'Hara", 'quote "inside"', "two\nlines", "semi;colon, comma"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert cells(pd.DataFrame({"name": [text], "other": ["x"]}))[1] == [text, "x"]


def test_numbers_stay_numbers_and_what_is_missing_is_empty() -> None:
    table = pd.DataFrame({"change": [-0.25, np.nan], "rank": [1, 2], "known": [True, False], "at": pd.to_datetime(["2026-03-31", None]), "name": ["a", None]})
    assert list_text(table).splitlines()[1:] == ['-0.25,1,True,"2026-03-31","a"', '"",2,False,"",""']


def test_numbers_in_a_column_of_mixed_things_are_no_text() -> None:
    assert cells(pd.DataFrame({"value": [-1.5, "-1.5", None]}))[1:] == [["-1.5"], ["'-1.5"], [""]]


def test_the_file_appears_whole_with_its_mark(tmp_path: Path) -> None:
    path = write_list(pd.DataFrame({"name": ["Überfluß"]}), tmp_path / "list.csv")
    assert path.read_bytes() == b"\xef\xbb\xbf" + '"name"\r\n"Überfluß"\r\n'.encode()
    write_list(pd.DataFrame({"name": ["later"]}), path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["list.csv"]


def test_a_list_that_cannot_be_made_leaves_the_old_one(tmp_path: Path) -> None:
    path = write_list(pd.DataFrame({"name": ["old"]}), tmp_path / "list.csv")
    with pytest.raises(UnicodeEncodeError):
        write_list(pd.DataFrame({"name": ["\ud800"]}), path)
    assert path.read_text(encoding="utf-8-sig").splitlines() == ['"name"', '"old"']
    assert [entry.name for entry in tmp_path.iterdir()] == ["list.csv"]

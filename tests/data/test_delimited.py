"""Delimited files as they come out of German, Turkish and English programs, whole and broken."""

from __future__ import annotations

import gzip

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cs_analysis.data.delimited import load_delimited, normalise_header


class Loaded:
    """What came out of a file: column names, cells, rejects and findings."""

    def __init__(self, path, folder):
        con = duckdb.connect()
        scratch = folder / "scratch"
        scratch.mkdir(exist_ok=True)
        self.findings = load_delimited(con, path, relation="raw", table="accounts", scratch=scratch)
        self.columns = [row[0] for row in con.execute("DESCRIBE raw").fetchall()]
        self.types = {row[1] for row in con.execute("DESCRIBE raw").fetchall()[1:]}
        self.rows = con.execute("SELECT * FROM raw ORDER BY _row").fetchall()
        self.rejects = con.execute("SELECT _row, line, reason FROM raw_rejects ORDER BY _row").fetchall()
        self.left_over = list(scratch.iterdir())

    @property
    def rules(self):
        return [(finding.severity, finding.rule) for finding in self.findings]


@pytest.fixture
def load(tmp_path):
    def load_content(content, name="accounts.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return Loaded(path, tmp_path)

    return load_content


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_delimiter_and_line_end_are_found_out(load, delimiter, line_end):
    lines = [["Account ID", "name"], ["001", "Ada"], ["002", "Bo"]]
    loaded = load(line_end.join(delimiter.join(line) for line in lines))
    assert loaded.columns == ["_row", "account_id", "name"]
    assert loaded.rows == [(1, "001", "Ada"), (2, "002", "Bo")]
    assert loaded.types == {"VARCHAR"}
    assert loaded.findings == []


@pytest.mark.parametrize(
    ("header", "row", "columns"),
    [
        ("id;mrr", "7;1.234,50", ("7", "1.234,50")),
        ("id,mrr", '7,"1,234.50"', ("7", "1,234.50")),
        ("id;note", '7;"a, b, c"', ("7", "a, b, c")),
        ("id,note", '7,"a; b; c; d"', ("7", "a; b; c; d")),
        ("id;a,b", "7;x", ("7", "x")),
        ('"a;b",c', "1,2", ("1", "2")),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_rows_like_the_header(load, header, row, columns):
    loaded = load(f"{header}\n{row}\n")
    assert loaded.rows == [(1, *columns)]


def test_one_column_is_not_cut_at_its_decimal_commas(load):
    loaded = load("mrr\n1,5\n1;5\n\n2,5\n")
    assert loaded.columns == ["_row", "mrr"]
    assert loaded.rows == [(1, "1,5"), (2, "1;5"), (3, "2,5")]


@pytest.mark.parametrize("start", ["sep=;\r\n", "\ufeffsep=;\r\n", "\r\n\r\nsep=;\r\n", "SEP=;\r\n\r\n"])
def test_a_declared_separator_is_obeyed(load, start):
    loaded = load(start + "a;b,c,d\r\n1;2,3,4\r\n")
    assert loaded.columns == ["_row", "a", "b,c,d"]
    assert loaded.rows == [(1, "1", "2,3,4")]


def test_quoted_cells_keep_line_ends_delimiters_and_quotes(load):
    loaded = load('id;note\n1;"two\nlines; one ""cell"""\n2;plain "quotes" inside\n')
    assert loaded.rows == [(1, "1", 'two\nlines; one "cell"'), (2, "2", 'plain "quotes" inside')]
    assert loaded.findings == []


def test_cells_stay_as_they_are(load):
    cells = ["007", " x ", "NA", "ışık", "İ", "1.0", "\\N", "TRUE"]
    loaded = load(";".join(f"c{i}" for i in range(len(cells))) + "\n" + ";".join(cells) + "\n")
    assert loaded.rows == [(1, *cells)]


def test_empty_lines_and_lines_of_separators_are_no_rows(load):
    loaded = load("\n  \na;b\n\n1;\n;;\n;2\n;\n\n\n".replace(";;\n", ";\n"))
    assert loaded.rows == [(1, "1", None), (2, None, "2")]
    assert loaded.findings == []


def test_line_ends_of_two_kinds_in_one_file(load):
    loaded = load("a;b\r\n1;x\n2;y\r\n3;z\n")
    assert loaded.rows == [(1, "1", "x"), (2, "2", "y"), (3, "3", "z")]
    assert loaded.findings == []


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("utf-8", "Müller & Söhne, ışık, €, 北京"),
        ("utf-8-sig", "Müller, ışık"),
        ("utf-16", "Müller, ışık"),
        ("utf-16-le", "\ufeffMüller, ışık"),
        ("utf-16-be", "\ufeffMüller, ışık"),
        ("cp1252", "Müller & Söhne – 5 € »ñ«"),
        ("cp1254", "Işık Doğan, İpek Şahin, Gülçöz"),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_encodings_are_found_out(load, encoding, text, zipped):
    content = (
        f"id;name\n1;{text}\n".encode()
        if encoding == "utf-8"
        else (f"\ufeffid;name\n1;{text[1:]}\n" if text[0] == "\ufeff" else f"id;name\n1;{text}\n").encode(encoding)
    )
    loaded = load(gzip.compress(content) if zipped else content, name="accounts.csv.gz" if zipped else "accounts.csv")
    assert loaded.columns == ["_row", "id", "name"]
    assert loaded.rows == [(1, "1", text.lstrip("\ufeff"))]
    assert loaded.left_over == []


def test_the_guess_of_turkish_is_said(load):
    (finding,) = load("id;name\n1;Yılmaz\n".encode("cp1254")).findings
    assert (finding.severity, finding.rule, finding.example) == ("warning", "encodings", "ı")
    assert "Windows-1254 (Turkish)" in finding.what_to_do
    assert "FD" in finding.what_to_do


def test_western_bytes_are_no_guess(load):
    assert load("id;name\n1;Müller\n".encode("cp1252")).findings == []


def test_one_broken_byte_does_not_turn_utf_8_into_another_encoding(load):
    loaded = load("id;name\n1;Müller\n2;Söhne\n".encode() + b"3;Gr\xfcn\n" + "4;weiß\n".encode())
    assert [row[2] for row in loaded.rows] == ["Müller", "Söhne", "Gr\ufffdn", "weiß"]
    (finding,) = loaded.findings
    assert (finding.severity, finding.rule, finding.column, finding.rows, finding.first_row, finding.example) == (
        "warning",
        "encodings",
        "name",
        1,
        3,
        "Gr\ufffdn",
    )


def test_a_byte_that_windows_1252_lacks_is_said(load):
    loaded = load(b"id;name\n1;M\xfcller\n2;x\x81y\n")
    assert [row[2] for row in loaded.rows] == ["Müller", "x\ufffdy"]
    assert [(finding.rule, finding.first_row) for finding in loaded.findings] == [("encodings", 2)]


@pytest.mark.parametrize("name", ["MÃ¼ller", "GroÃŸ", "IÅŸÄ±k", "Ã–zgÃ¼r", "GÃ¶k", "CafÃ©", "5 â‚¬", "lost \ufffd"])
def test_text_mangled_by_an_earlier_program_is_said(load, name):
    loaded = load(f"id;name\n1;Müller\n2;{name}\n3;{name}\n")
    (finding,) = loaded.findings
    assert (finding.severity, finding.rule, finding.column) == ("warning", "encodings", "name")
    assert (finding.rows, finding.first_row, finding.example) == (2, 2, name)


@pytest.mark.parametrize("name", ["São Paulo", "SÃO PAULO", "Ångström", "Ärger", "Ça va", "naïve – “so”"])
def test_foreign_letters_are_not_taken_for_mangled_ones(load, name):
    assert load(f"id;name\n1;{name}\n").findings == []


def test_rows_with_too_few_or_too_many_cells_are_kept_apart(load):
    loaded = load('id;name;x\n1;a;b\n2;c\n\n3;"d\ne";f\n4;g;h;i\n5;j\n6;k;l\n')
    assert loaded.rows == [(1, "1", "a", "b"), (3, "3", "d\ne", "f"), (6, "6", "k", "l")]
    assert [(row, line) for row, line, _ in loaded.rejects] == [(2, "2;c"), (4, "4;g;h;i"), (5, "5;j")]
    assert [reason for *_, reason in loaded.rejects] == [f"There are {how} fields than in the header" for how in ("fewer", "more", "fewer")]
    few, many = loaded.findings
    assert (few.severity, few.rule, few.rows, few.first_row, few.example) == ("error", "unreadable row", 2, 2, "2;c")
    assert (many.severity, many.rule, many.rows, many.first_row, many.example) == ("error", "unreadable row", 1, 4, "4;g;h;i")
    assert "3 fields" in few.what_to_do
    assert loaded.left_over == []


def test_a_quote_that_is_never_closed_costs_one_row(load):
    loaded = load('id;name\n1;a\n2;"b\n3;c\n4;d\n')
    assert loaded.rows == [(1, "1", "a"), (3, "3", "c"), (4, "4", "d")]
    assert loaded.rejects == [(2, '2;"b', "A quotation mark stands inside a value or is not closed")]


def test_text_after_a_closing_quote_is_not_guessed_at(load):
    loaded = load('id;name\n1;"a" b\n2;c\n')
    assert loaded.rows == [(2, "2", "c")]
    assert loaded.rejects[0][:2] == (1, '1;"a" b')


def test_broken_rows_are_found_in_windows_files_too(load):
    loaded = load("id;name\r\n1;Işık\r\n2;Doğan;x\r\n".encode("cp1254"))
    assert loaded.rows == [(1, "1", "Işık")]
    assert loaded.rejects[0][1] == "2;Doğan;x"
    assert loaded.rules == [("error", "unreadable row"), ("warning", "encodings")]


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"", "empty"),
        (b"\n  \n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"sep=;\n", "empty"),
        (b"PK\x03\x04\x14\x00", "workbook"),
        (gzip.compress(b"a;b\n" * 99, mtime=0)[:-9], "cut off"),
    ],
)
def test_a_file_without_a_table_is_said(load, content, advice):
    loaded = load(content)
    assert loaded.rules == [("error", "unreadable file")]
    assert advice in loaded.findings[0].what_to_do
    assert (loaded.columns, loaded.rows, loaded.rejects) == (["_row"], [], [])


@pytest.mark.parametrize("content", ["id;name", "id;name\n", "id;name\r\n\r\n", "\ufeffid;name"])
def test_a_header_alone_is_a_table_without_rows(load, content):
    loaded = load(content)
    assert (loaded.columns, loaded.rows, loaded.findings) == (["_row", "id", "name"], [], [])


def test_names_that_become_the_same_are_an_error(load):
    loaded = load("Account ID;account-id;x\n1;2;3\n")
    (finding,) = loaded.findings
    assert (finding.severity, finding.rule, finding.column, finding.example) == ("error", "duplicate column", "account_id", "Account ID, account-id")
    assert loaded.rows == [(1, "1", "2", "3")]


def test_the_name_of_the_row_number_is_taken(load):
    loaded = load("_row;x\n5;6\n")
    assert loaded.rules == [("error", "duplicate column")]
    assert loaded.rows == [(1, "5", "6")]


def test_columns_without_a_name_get_one(load):
    assert load("a;;\n1;2;3\n").columns == ["_row", "a", "column_2", "column_3"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Account ID", "account_id"),
        ("ACCOUNT_İD", "account_id"),
        ("ACCOUNT_I\u0307D", "account_id"),
        ("accountıd", "accountid"),
        ("\ufeffid", "id"),
        (" Started-At ", "started_at"),
        ("started.at", "started_at"),
        ("a - b", "a_b"),
        ("Größe", "größe"),
        ("mrr\u00a0net", "mrr_net"),
        ("", ""),
    ],
)
def test_headers_are_normalised(text, name):
    assert normalise_header(text) == name
    assert normalise_header(name) == name


def test_awkward_names_of_files_and_columns(load):
    loaded = load('it\'s;"say ""hi""";{x}\n1;2;3\n', name="accounts [1]'*.csv")
    assert loaded.columns == ["_row", "it's", 'say_"hi"', "{x}"]
    assert loaded.rows == [(1, "1", "2", "3")]


@pytest.mark.parametrize("keep_order", [True, False])
def test_rows_are_numbered_in_file_order_and_the_connection_keeps_its_setting(tmp_path, keep_order):
    con = duckdb.connect()
    con.execute(f"SET preserve_insertion_order = {keep_order}")
    path = tmp_path / "events.csv"
    path.write_text("n,filler\n" + "".join(f"{i},{'x' * 100}\n" for i in range(1, 200_001)))
    assert load_delimited(con, path, relation="raw", table="events", scratch=tmp_path) == []
    assert con.execute("SELECT count(*), count(*) FILTER (_row <> n::BIGINT) FROM raw").fetchone() == (200_000, 0)
    assert con.execute("SELECT current_setting('preserve_insertion_order')").fetchone() == (keep_order,)


CELLS = st.text(alphabet="ab1 ;,\"\n\r'ışÄ€", max_size=6)


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=8), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_what_is_written_with_quotes_is_read_as_it_was(tmp_path_factory, rows, encoding):
    folder = tmp_path_factory.mktemp("cells")
    quoted = ["x;y", *(";".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows)]
    path = folder / "cells.csv"
    path.write_bytes("\n".join(quoted).encode(encoding))
    loaded = Loaded(path, folder)
    assert [tuple(cell or "" for cell in row[1:]) for row in loaded.rows] == [row for row in rows if any(row)]


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(widths=st.lists(st.integers(1, 5), min_size=1, max_size=12))
def test_no_row_is_lost(tmp_path_factory, widths):
    folder = tmp_path_factory.mktemp("rows")
    path = folder / "rows.csv"
    lines = [";".join(f"r{number}" for _ in range(width)) for number, width in enumerate(widths, start=1)]
    path.write_text("\n".join(["a;b;c", *lines]))
    loaded = Loaded(path, folder)
    assert [row for row, *_ in loaded.rows] == [number for number, width in enumerate(widths, start=1) if width == 3]
    assert [(row, line) for row, line, _ in loaded.rejects] == [(number, lines[number - 1]) for number, width in enumerate(widths, start=1) if width != 3]
    assert sum(finding.rows for finding in loaded.findings) == len(loaded.rejects)

import gzip
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import cs_analysis as cs
from helpers import accounts, events, phases, utc

TABLES = {
    "accounts": accounts(a="2026-01-01", b="2026-01-02T03:04:05.678901").assign(segment=["ä", None], seats=[3, None]),
    "subscriptions": phases(("s", "a", "2026-01-01", None, 99.95), ("s2", "b", "2026-01-02", "2026-02-02", 0)),
    "events": events(("2026-01-03", "a", "u", "login"), ("2026-01-04", "b", "v", "login")),
}


def rows(ds: cs.Dataset) -> dict[str, pd.DataFrame]:
    return {name: handle.to_pandas() for name, handle in ds.tables.items()}


def same(left: cs.Dataset, right: cs.Dataset) -> None:
    assert list(rows(left)) == list(rows(right))
    for name, frame in rows(left).items():
        pd.testing.assert_frame_equal(frame, rows(right)[name], check_dtype=False)


@pytest.fixture
def ds() -> cs.Dataset:
    return cs.read_dataset(TABLES, as_of="2026-06-30")


class TestSources:
    @pytest.mark.slow
    def test_polars_and_arrow_frames_read_like_pandas_ones(self, ds: cs.Dataset) -> None:
        same(cs.read_dataset({name: pl.from_pandas(frame) for name, frame in TABLES.items()}, as_of="2026-06-30"), ds)
        same(cs.read_dataset({name: pa.Table.from_pandas(frame) for name, frame in TABLES.items()}, as_of="2026-06-30"), ds)

    @pytest.mark.slow
    @pytest.mark.parametrize("form", ["parquet", "csv"])
    def test_what_is_written_reads_back(self, ds: cs.Dataset, form: str, tmp_path: Path) -> None:
        same(cs.read_dataset(cs.write_dataset(ds, tmp_path / "out", format=form), as_of="2026-06-30"), ds)

    @pytest.mark.slow
    def test_a_folder_of_parquet_parts_is_one_table(self, ds: cs.Dataset, tmp_path: Path) -> None:
        for name, frame in TABLES.items():
            (tmp_path / name).mkdir()
            for part in range(len(frame)):
                frame.iloc[part : part + 1].to_parquet(tmp_path / name / f"part-{part}.parquet")
        same(cs.read_dataset(tmp_path, as_of="2026-06-30"), ds)

    @pytest.mark.slow
    def test_gzipped_csv_reads_like_csv(self, ds: cs.Dataset, tmp_path: Path) -> None:
        cs.write_dataset(ds, tmp_path / "out", format="csv")
        for path in list((tmp_path / "out").iterdir()):
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()
        same(cs.read_dataset(tmp_path / "out", as_of="2026-06-30"), ds)

    @pytest.mark.slow
    def test_a_duckdb_file_is_read_in_place(self, ds: cs.Dataset, tmp_path: Path) -> None:
        with duckdb.connect(str(tmp_path / "company.duckdb")) as con:
            for name, frame in TABLES.items():
                con.register("frame", frame)
                con.execute(f"CREATE TABLE {name} AS SELECT * FROM frame")
        same(cs.read_dataset(tmp_path / "company.duckdb", as_of="2026-06-30"), ds)

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ("no/such/folder", "does not exist"),
            (42, "mapping of data frames, not int"),
            ({"acounts": pd.DataFrame()}, "unknown table 'acounts'"),
            ({"accounts": [1, 2]}, "must be a pandas, polars or Arrow table"),
        ],
    )
    def test_another_source_is_refused(self, source: object, message: str) -> None:
        with pytest.raises(cs.errors.ParameterError, match=message):
            cs.read_dataset(source, as_of="2026-06-30")  # type: ignore[arg-type]


class TestForeignText:
    def test_german_and_turkish_exports_read_as_they_are(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_bytes(
            "Account_ID;Started_At;Name;Acquisition_Cost\r\nA1;01.02.2025;Müller GmbH;1.234,50\r\nA2;15.03.2025 10:30;Çağrı Işık Ltd;980,00\r\n".encode(
                "cp1254"
            )
        )
        (tmp_path / "subscriptions.csv").write_text(
            "SUBSCRIPTION_İD;account_id;started_at;mrr;currency;kind\nS1;A1;01.02.2025;1.200,00;EUR;PAID\nS2;A2;15.03.2025;99,90;EUR;TRİAL\n",
            encoding="utf-8-sig",
        )
        ds = cs.read_dataset(tmp_path, as_of="2025-12-31", timezone="Europe/Berlin")
        read = rows(ds)
        assert read["accounts"]["name"].tolist() == ["Müller GmbH", "Çağrı Işık Ltd"]
        assert read["accounts"]["acquisition_cost"].tolist() == [1234.5, 980.0]
        assert read["accounts"]["started_at"].tolist() == list(utc("2025-01-31T23:00", "2025-03-15T09:30"))
        assert read["subscriptions"]["mrr"].tolist() == [1200.0, 99.9]
        assert read["subscriptions"]["kind"].tolist() == ["paid", "trial"]

    def test_identifiers_are_text_whatever_the_source_made_of_them(self) -> None:
        numbered = pd.DataFrame({"account_id": [1, 2], "started_at": utc("2026-01-01", "2026-01-01")})
        with_gap = pd.DataFrame({"touched_at": utc("2026-01-01", "2026-01-01"), "lead_id": [7, 8], "stage": "trial", "account_id": [1.0, None]})
        read = rows(cs.read_dataset({"accounts": numbered, "touchpoints": with_gap}, as_of="2026-06-30"))
        assert read["accounts"]["account_id"].tolist() == ["1", "2"]
        assert read["touchpoints"]["account_id"].tolist()[0] == "1"

    def test_a_region_called_na_is_a_region(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("account_id,started_at,region,seats\na,2026-01-01T00:00Z,NA,NA\n")
        account = rows(cs.read_dataset(tmp_path, as_of="2026-06-30"))["accounts"].iloc[0]
        assert account["region"] == "NA"
        assert pd.isna(account["seats"])


class TestInstants:
    naive = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-07-01 10:00"])})

    def test_a_naive_instant_is_an_error_without_a_zone(self) -> None:
        with pytest.raises(cs.errors.ContractError, match="instant without time zone"):
            cs.read_dataset({"accounts": self.naive}, as_of="2026-07-31")

    def test_with_a_zone_it_is_local_time_there(self) -> None:
        ds = cs.read_dataset({"accounts": self.naive}, as_of="2026-07-31", timezone="Europe/Istanbul")
        assert rows(ds)["accounts"]["started_at"].tolist() == list(utc("2026-07-01T07:00"))

    def test_an_unknown_zone_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="IANA name"):
            cs.read_dataset({"accounts": self.naive}, as_of="2026-07-31", timezone="Berlin")


class TestQuarantine:
    tables = {
        "accounts": pd.DataFrame({"account_id": ["a", "b", "b"], "started_at": ["2026-01-01T00:00Z", "nonsense", "2026-01-03T00:00Z"]}),
        "subscriptions": phases(("s1", "a", "2026-01-01", None, 10), ("s2", "zz", "2026-01-01", None, -3)),
    }

    def test_broken_rows_are_set_aside_with_their_reasons_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        ds = cs.read_dataset(self.tables, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "aside")
        assert rows(ds)["accounts"]["account_id"].tolist() == ["a"]
        assert rows(ds)["subscriptions"]["subscription_id"].tolist() == ["s1"]
        aside = pd.read_csv(tmp_path / "aside" / "accounts.csv")
        assert aside[["row", "rule", "started_at"]].values.tolist() == [[2, "wrong type", "nonsense"], [3, "duplicate key", "2026-01-03T00:00Z"]]
        reasons = pd.read_csv(tmp_path / "aside" / "subscriptions.csv")
        assert reasons[["row", "rule", "mrr"]].values.tolist() == [[2, "negative mrr", -3.0], [2, "unknown reference", -3.0]]

    def test_every_row_is_either_kept_or_set_aside(self, tmp_path: Path) -> None:
        ds = cs.read_dataset(self.tables, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "aside")
        for name, frame in self.tables.items():
            aside = pd.read_csv(tmp_path / "aside" / f"{name}.csv")["row"].nunique()
            assert len(rows(ds)[name]) + aside == len(frame)

    def test_a_row_whose_account_was_set_aside_is_set_aside_too(self, tmp_path: Path) -> None:
        tables = {
            "accounts": pd.DataFrame({"account_id": ["a", "b"], "started_at": ["2026-01-01T00:00Z", "nonsense"]}),
            "users": pd.DataFrame({"user_id": ["u"], "account_id": ["b"], "created_at": utc("2026-01-01")}),
            "events": events(("2026-01-03", "a", "u", "login")),
        }
        ds = cs.read_dataset(tables, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "aside")
        assert {name: len(frame) for name, frame in rows(ds).items()} == {"accounts": 1, "users": 0, "events": 0}

    def test_the_findings_stay_with_the_dataset(self, tmp_path: Path) -> None:
        ds = cs.read_dataset(self.tables, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "aside")
        assert set(ds.findings["rule"]) == {"wrong type", "duplicate key", "negative mrr", "unknown reference"}

    def test_beside_a_folder_the_rows_go_into_it(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00Z\nb,never\n")
        cs.read_dataset(tmp_path, as_of="2026-06-30", on_error="quarantine")
        assert (tmp_path / "quarantine" / "accounts.csv").read_text().splitlines()[1].startswith("2,wrong type,started_at")

    def test_lines_that_are_no_rows_are_kept_too(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00Z\nb,2026-01-01T00:00Z,what,is this\n")
        ds = cs.read_dataset(tmp_path, as_of="2026-06-30", on_error="quarantine")
        assert rows(ds)["accounts"]["account_id"].tolist() == ["a"]
        assert "b,2026-01-01T00:00Z,what,is this" in (tmp_path / "quarantine" / "accounts.unreadable.csv").read_text().replace('"', "")

    def test_what_no_row_is_to_blame_for_still_stops(self, tmp_path: Path) -> None:
        tables = {"accounts": accounts(a="2026-01-01").drop(columns="started_at")}
        with pytest.raises(cs.errors.ContractError, match="missing table or column"):
            cs.read_dataset(tables, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "aside")
        assert not (tmp_path / "aside").exists()

    def test_another_word_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="'raise' or 'quarantine'"):
            cs.read_dataset(self.tables, as_of="2026-06-30", on_error="ignore")  # type: ignore[arg-type]


class TestWriting:
    def test_a_folder_with_something_in_it_is_left_alone(self, ds: cs.Dataset, tmp_path: Path) -> None:
        (tmp_path / "mine.txt").write_text("mine")
        with pytest.raises(cs.errors.ParameterError, match="new or empty folder"):
            cs.write_dataset(ds, tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

    def test_later_rows_are_not_written(self, ds: cs.Dataset, tmp_path: Path) -> None:
        cs.write_dataset(ds.at("2026-01-01"), tmp_path / "out")
        assert pd.read_parquet(tmp_path / "out" / "accounts.parquet")["account_id"].tolist() == ["a"]


class TestFrames:
    started = utc("2026-01-01", "2026-01-01")

    def test_a_named_index_is_a_column(self) -> None:
        frame = pd.DataFrame({"started_at": self.started}, index=pd.Index(["a", "b"], name="account_id"))
        assert rows(cs.read_dataset({"accounts": frame}, as_of="2026-06-30"))["accounts"]["account_id"].tolist() == ["a", "b"]

    def test_text_beside_numbers_in_a_column_is_text(self) -> None:
        frame = pd.DataFrame({"account_id": ["a", 2], "started_at": self.started})
        assert rows(cs.read_dataset({"accounts": frame}, as_of="2026-06-30"))["accounts"]["account_id"].tolist() == ["2", "a"]

    def test_a_column_twice_is_found(self) -> None:
        frame = pd.DataFrame([["a", self.started[0], "b"]], columns=["account_id", "started_at", "account_id"])
        assert "duplicate column" in cs.check_dataset({"accounts": frame}, as_of="2026-06-30")["rule"].tolist()

    def test_tables_without_rows_are_fine(self) -> None:
        empty = {"accounts": pd.DataFrame({"account_id": [], "started_at": []}), "events": TABLES["events"].iloc[:0]}
        ds = cs.read_dataset(empty, as_of="2026-06-30")
        assert [len(frame) for frame in rows(ds).values()] == [0, 0]

    @pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame, pa.table])
    def test_columns_that_differ_in_capitals_alone_are_found_in_every_kind_of_frame(self, frame: Callable[..., object]) -> None:
        table = frame({"account_id": ["a"], "Account_ID": ["b"], "started_at": [self.started[0].to_pydatetime()]})
        found = cs.check_dataset({"accounts": table}, as_of="2026-06-30")
        assert found[["rule", "column"]].values.tolist() == [["duplicate column", "account_id"]]

    def test_an_index_that_is_a_column_too_is_read_once(self) -> None:
        frame = pd.DataFrame({"account_id": ["a", "b"], "started_at": self.started}).set_index("account_id", drop=False)
        assert rows(cs.read_dataset({"accounts": frame}, as_of="2026-06-30"))["accounts"]["account_id"].tolist() == ["a", "b"]

    def test_periods_are_read_as_text(self) -> None:
        rates = pd.DataFrame({"month": pd.period_range("2026-01", periods=1, freq="M"), "currency": "USD", "rate": [0.9]})
        read = rows(cs.read_dataset({"accounts": accounts(a="2026-01-01"), "rates": rates}, as_of="2026-06-30"))
        assert read["rates"]["month"].astype(str).tolist() == ["2026-01-01"]

    def test_a_single_column_is_no_table(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="pandas, polars or Arrow table, not Series"):
            cs.read_dataset({"accounts": pd.Series(["a"])}, as_of="2026-06-30")

    def test_extra_columns_may_be_called_as_the_check_calls_its_own(self) -> None:
        frame = pd.DataFrame({"account_id": ["a", "b"], "started_at": self.started, "naive:started_at": [True, True], "bad:name": [1, 2]})
        read = rows(cs.read_dataset({"accounts": frame}, as_of="2026-06-30"))["accounts"]
        assert read[["naive:started_at", "bad:name"]].values.tolist() == [[True, 1], [True, 2]]


class TestDatabases:
    def make(self, path: Path, *statements: str) -> Path:
        with duckdb.connect(str(path)) as con:
            con.register("frame", TABLES["accounts"])
            for statement in statements:
                con.execute(statement)
        return path

    def test_one_name_in_two_schemas_is_refused(self, tmp_path: Path) -> None:
        path = self.make(
            tmp_path / "x.duckdb", "CREATE SCHEMA crm", "CREATE TABLE crm.accounts AS FROM frame", "CREATE TABLE accounts AS SELECT * FROM frame LIMIT 1"
        )
        found = cs.check_dataset(path, as_of="2026-06-30").iloc[0]
        assert (found["rule"], found["example"]) == ("unreadable file", "crm.accounts, main.accounts")

    def test_a_view_whose_file_is_gone_is_a_finding(self, tmp_path: Path) -> None:
        part = tmp_path / "part.parquet"
        TABLES["accounts"].to_parquet(part)
        path = self.make(tmp_path / "x.duckdb", f"CREATE VIEW accounts AS SELECT * FROM read_parquet('{part}')")
        part.unlink()
        found = cs.check_dataset(path, as_of="2026-06-30").iloc[0]
        assert found["rule"] == "unreadable file"
        assert "main.accounts" in found["what_to_do"]

    def test_a_file_that_is_open_for_writing_is_refused_with_advice(self, tmp_path: Path) -> None:
        path = self.make(tmp_path / "x.duckdb", "CREATE TABLE accounts AS FROM frame")
        with duckdb.connect(str(path)), pytest.raises(cs.errors.ParameterError, match="Close what has it open"):
            cs.read_dataset(path, as_of="2026-06-30")

    def test_a_file_of_another_database_is_refused_without_asking_the_network(self, tmp_path: Path) -> None:
        path = tmp_path / "lite.db"
        with closing(sqlite3.connect(path)) as con:
            con.execute("CREATE TABLE accounts (account_id TEXT)")
        with pytest.raises(cs.errors.ParameterError, match="must be a DuckDB file") as refused:
            cs.read_dataset(path, as_of="2026-06-30")
        assert "extension" not in str(refused.value)


def test_parts_that_disagree_about_the_time_zone_are_refused(tmp_path: Path) -> None:
    (tmp_path / "accounts").mkdir()
    zoned = pd.DataFrame({"account_id": ["a"], "started_at": utc("2026-01-01")})
    zoned.to_parquet(tmp_path / "accounts" / "1.parquet")
    zoned.assign(started_at=zoned["started_at"].dt.tz_localize(None)).to_parquet(tmp_path / "accounts" / "2.parquet")
    found = cs.check_dataset(tmp_path, as_of="2026-06-30", timezone="Europe/Berlin").iloc[0]
    assert (found["rule"], found["example"]) == ("unreadable file", "started_at")


@pytest.mark.parametrize(
    ("options", "message"),
    [({"currency": 5}, "ISO 4217"), ({"timezone": 5}, "IANA name"), ({"timezone": "Europe"}, "IANA name"), ({"as_of": "9999-12-31"}, "stands for 'never'")],
)
def test_arguments_of_a_wrong_kind_are_refused_in_our_words(options: dict[str, object], message: str) -> None:
    with pytest.raises(cs.errors.ParameterError, match=message):
        cs.read_dataset(TABLES, **{"as_of": "2026-06-30", **options})  # type: ignore[arg-type]


class TestQuarantineFolder:
    faulty = {"accounts": pd.DataFrame({"account_id": ["a", None], "started_at": utc("2026-01-01", "2026-01-01")})}

    def test_a_folder_with_other_files_is_never_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "accounts.csv").write_text("account_id,started_at\na,2026-01-01T00:00Z\nb,never\n")
        with pytest.raises(cs.errors.ParameterError, match=r"holds 'accounts\.csv'"):
            cs.read_dataset(tmp_path, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path)
        assert "never" in (tmp_path / "accounts.csv").read_text()

    def test_the_folder_of_an_earlier_reading_is_replaced_and_goes_when_all_is_well(self, tmp_path: Path) -> None:
        aside = tmp_path / "aside"
        for _ in range(2):
            cs.read_dataset(self.faulty, as_of="2026-06-30", on_error="quarantine", quarantine=aside)
            assert [path.name for path in aside.iterdir()] == ["accounts.csv"]
        cs.read_dataset(TABLES, as_of="2026-06-30", on_error="quarantine", quarantine=aside)
        assert not aside.exists()

    def test_where_nothing_can_be_written_the_argument_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(cs.errors.ParameterError, match="quarantine="):
            cs.read_dataset(self.faulty, as_of="2026-06-30", on_error="quarantine", quarantine=tmp_path / "file" / "aside")

import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases, utc


def voices() -> dict[str, pd.DataFrame]:
    return {
        "accounts": accounts(a="2026-01-01", b="2026-02-01", late="2026-06-01"),
        "subscriptions": phases(
            ("s1", "a", "2026-01-01", "2026-03-10", 10),
            ("s2", "b", "2026-02-01", "2026-05-10", 20),
            cancelled_at=utc("2026-03-01", "2026-04-20"),
            end_reason=["voluntary", "payment"],
            renewal_at=utc("2026-12-31", "2026-12-31"),
        ),
        "responses": pd.DataFrame(
            {
                "response_id": ["r1", "r2"],
                "account_id": ["a", "b"],
                "survey": ["NPS", "nps"],
                "asked_at": utc("2026-03-01", "2026-03-01"),
                "answered_at": utc("2026-03-02", "2026-04-02"),
                "score": [9, 3],
                "comment": ["good", "bad"],
            }
        ),
        "tickets": pd.DataFrame(
            {
                "ticket_id": ["t1"],
                "account_id": ["a"],
                "opened_at": utc("2026-03-01"),
                "first_response_at": utc("2026-03-02"),
                "resolved_at": utc("2026-03-03"),
                "reopened_at": utc("2026-03-20"),
                "touches": [4],
                "first_contact_resolved": [False],
            }
        ),
        "goals": pd.DataFrame(
            {"account_id": ["a"], "goal": ["g"], "set_at": utc("2026-01-02"), "target_at": utc("2026-12-01"), "reached_at": utc("2026-06-01")}
        ),
    }


@pytest.fixture
def ds() -> cs.Dataset:
    return cs.read_dataset(voices(), as_of="2026-06-30")


class TestAsOf:
    def test_a_date_is_the_end_of_that_day_in_the_calendars_zone(self) -> None:
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-10-31", timezone="Europe/Berlin")
        assert ds.as_of == pd.Timestamp("2026-10-31T22:59:59.999999Z")

    @pytest.mark.parametrize(("instant", "rows"), [("2026-03-31T21:59:59.999999Z", 1), ("2026-03-31T22:00:00Z", 0)])
    def test_a_row_at_local_midnight_belongs_to_the_next_day(self, instant: str, rows: int) -> None:
        tables = {"accounts": pd.DataFrame({"account_id": ["a"], "started_at": utc(instant)})}
        ds = cs.read_dataset(tables, as_of="2026-03-31", timezone="Europe/Berlin")
        assert (len(ds.tables["accounts"].to_pandas()), ds.ignored_rows["accounts"]) == (rows, 1 - rows)

    def test_a_timestamp_is_that_instant_and_includes_it(self) -> None:
        tables = {"accounts": accounts(a="2026-01-01T12:00", b="2026-01-01T12:01")}
        ds = cs.read_dataset(tables, as_of=pd.Timestamp("2026-01-01T12:00Z"))
        assert ds.tables["accounts"].to_pandas()["account_id"].tolist() == ["a"]

    @pytest.mark.slow
    def test_reading_as_of_a_datasets_own_moment_gives_the_same_rows(self, ds: cs.Dataset) -> None:
        again = cs.read_dataset(voices(), as_of=ds.as_of)
        pd.testing.assert_frame_equal(again.tables["responses"].to_pandas(), ds.tables["responses"].to_pandas())


class TestMasking:
    def row(self, ds: cs.Dataset, table: str, number: int = 0) -> pd.Series:
        return ds.tables[table].to_pandas().iloc[number]

    @pytest.mark.slow
    def test_rows_dated_later_are_out(self, ds: cs.Dataset) -> None:
        assert ds.at("2026-01-31").tables["accounts"].to_pandas()["account_id"].tolist() == ["a"]
        assert ds.at("2026-01-31").ignored_rows["accounts"] == 2

    def test_an_answer_of_tomorrow_is_no_answer_yet(self, ds: cs.Dataset) -> None:
        answers = ds.at("2026-04-01").tables["responses"].to_pandas()
        assert answers["score"].isna().tolist() == [False, True]
        assert answers["answered_at"].isna().tolist() == [False, True]
        assert answers["comment"].isna().tolist() == [False, True]

    def test_a_later_end_and_its_reason_are_unknown(self, ds: cs.Dataset) -> None:
        phase = self.row(ds.at("2026-02-28"), "subscriptions")
        assert phase[["ended_at", "end_reason", "cancelled_at"]].isna().tolist() == [True, True, True]
        assert phase["renewal_at"] == pd.Timestamp("2026-12-31", tz="UTC")

    def test_a_later_end_stays_once_it_was_cancelled_as_a_scheduled_end(self, ds: cs.Dataset) -> None:
        phase = self.row(ds.at("2026-03-05"), "subscriptions")
        assert phase["ended_at"] == pd.Timestamp("2026-03-10", tz="UTC")
        assert phase["end_reason"] == "voluntary"

    @pytest.mark.slow
    def test_what_a_ticket_took_is_known_only_once_nothing_of_it_lies_ahead(self, ds: cs.Dataset) -> None:
        before, between, after = (self.row(ds.at(day), "tickets") for day in ("2026-03-02", "2026-03-10", "2026-03-20"))
        assert pd.isna(before["resolved_at"])
        assert not pd.isna(before["first_response_at"])
        assert (pd.isna(between["resolved_at"]), pd.isna(between["reopened_at"]), pd.isna(between["touches"])) == (False, True, True)
        assert (after["touches"], after["first_contact_resolved"]) == (4, False)

    def test_a_plan_stays_and_an_achievement_does_not(self, ds: cs.Dataset) -> None:
        goal = self.row(ds.at("2026-02-01"), "goals")
        assert goal["target_at"] == pd.Timestamp("2026-12-01", tz="UTC")
        assert pd.isna(goal["reached_at"])

    @pytest.mark.slow
    def test_looking_back_equals_reading_anew(self, ds: cs.Dataset) -> None:
        then = cs.read_dataset(voices(), as_of="2026-04-01")
        for name, handle in ds.at("2026-04-01").tables.items():
            pd.testing.assert_frame_equal(handle.to_pandas(), then.tables[name].to_pandas())

    def test_looking_ahead_is_refused(self, ds: cs.Dataset) -> None:
        with pytest.raises(cs.errors.ParameterError, match="looks back"):
            ds.at("2026-07-01")


class TestHandle:
    def test_columns_are_those_of_the_source(self, ds: cs.Dataset) -> None:
        assert ds.tables["accounts"].columns == ("account_id", "started_at")

    def test_columns_can_be_chosen_and_a_misspelt_one_is_suggested(self, ds: cs.Dataset) -> None:
        assert ds.tables["responses"].to_pandas(["score"]).columns.tolist() == ["score"]
        with pytest.raises(cs.errors.MissingColumnsError, match="Did you mean 'score'"):
            ds.tables["responses"].to_pandas(["scor"])

    def test_head_is_the_beginning_in_key_order(self, ds: cs.Dataset) -> None:
        assert ds.tables["accounts"].head(2)["account_id"].tolist() == ["a", "b"]

    def test_instants_come_out_in_utc(self, ds: cs.Dataset) -> None:
        assert str(ds.tables["accounts"].to_pandas()["started_at"].dt.tz) == "UTC"

    def test_the_tables_cannot_be_exchanged(self, ds: cs.Dataset) -> None:
        with pytest.raises(TypeError, match="does not support item assignment"):
            ds.tables["accounts"] = None  # type: ignore[index]


def test_changing_the_frame_afterwards_does_not_reach_the_dataset() -> None:
    table = accounts(a="2026-01-01", b="2026-01-02")
    ds = cs.read_dataset({"accounts": table}, as_of="2026-06-30")
    table.loc[0, "account_id"] = "changed"
    assert ds.tables["accounts"].to_pandas()["account_id"].tolist() == ["a", "b"]


def test_the_frames_given_are_left_as_they_were() -> None:
    tables = voices()
    before = {name: frame.copy(deep=True) for name, frame in tables.items()}
    cs.read_dataset(tables, as_of="2026-06-30")
    for name, frame in tables.items():
        pd.testing.assert_frame_equal(frame, before[name])

"""From instants to durations: what is censored, left out or refused, and on which grid."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cs_analysis.data.calendar import Calendar
from cs_analysis.errors import MissingColumnsError, ParameterError
from cs_analysis.stats.durations import durations, last_instant
from cs_analysis.stats.survival import survival_curve


def at(*instants: str | None) -> pd.Series:
    """Return instants in UTC as a column."""
    return pd.Series(pd.to_datetime(list(instants), utc=True, format="ISO8601"))


def starts(**instants: str | None) -> pd.DataFrame:
    return pd.DataFrame({"account_id": list(instants), "start_at": at(*instants.values())})


def ends(*rows: tuple[str, str | None, str]) -> pd.DataFrame:
    names, instants, kinds = zip(*rows, strict=True)
    return pd.DataFrame({"account_id": names, "end_at": at(*instants), "ended_by": kinds})


def weekdays(start: pd.Series, end: pd.Series) -> np.ndarray:
    return np.busday_count(start.dt.tz_convert(None).to_numpy("datetime64[D]"), end.dt.tz_convert(None).to_numpy("datetime64[D]"))


class TestObservedAndCensored:
    def test_columns_and_values(self) -> None:
        begun = starts(a="2025-01-01", b="2025-01-11", c="2025-01-31T12:00").assign(segment=["x", "y", "y"])
        found = durations(begun, ends(("a", "2025-01-04", "churn")), as_of="2025-01-31")
        expected = pd.DataFrame(
            {
                "account_id": ["a", "b", "c"],
                "start_at": begun["start_at"].dt.as_unit("us"),
                "segment": ["x", "y", "y"],
                "enter_days": 0.0,
                "duration_days": [3.0, 21.0, 0.5],
                "observed": [True, False, False],
                "ended_by": ["churn", None, None],
            }
        )
        assert_frame_equal(found, expected)

    def test_an_end_later_than_as_of_is_not_known_yet(self) -> None:
        found = durations(starts(a="2025-01-01"), ends(("a", "2025-02-01", "churn")), as_of="2025-01-31")
        assert found[["duration_days", "observed"]].to_numpy().tolist() == [[31, False]]
        assert found["ended_by"].isna().all()

    def test_an_end_at_the_very_moment_is_known(self) -> None:
        moment = pd.Timestamp("2025-01-31T10:00", tz="Europe/Berlin")
        found = durations(starts(a="2025-01-31"), ends(("a", "2025-01-31T09:00", "churn")), as_of=moment)
        assert found["observed"].tolist() == [True]
        assert found["duration_days"].tolist() == [0.375]

    def test_the_first_of_several_ends_counts(self) -> None:
        several = ends(("a", "2025-01-09", "late"), ("a", "2025-01-03", "z"), ("a", "2025-01-03", "m"), ("a", None, "none"))
        for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
            found = durations(starts(a="2025-01-01"), several.iloc[order], as_of="2025-01-31")
            assert found[["duration_days", "ended_by"]].to_numpy().tolist() == [[2, "m"]]

    def test_an_end_without_kind(self) -> None:
        unnamed = ends(("a", "2025-01-03", "x"))
        assert durations(starts(a="2025-01-01"), unnamed.drop(columns="ended_by"), as_of="2025-01-31")["ended_by"].tolist() == ["ended"]
        assert durations(starts(a="2025-01-01"), unnamed.assign(ended_by=None), as_of="2025-01-31")["ended_by"].tolist() == ["unknown"]

    def test_kinds_may_be_numbers(self) -> None:
        numbered = ends(("a", "2025-01-03", "x"), ("b", "2025-01-03", "x")).assign(ended_by=[2, np.nan])
        assert durations(starts(a="2025-01-01", b="2025-01-01"), numbered, as_of="2025-01-31")["ended_by"].tolist() == [2, "unknown"]

    def test_units_without_a_start_yet_and_strangers_are_left_out(self) -> None:
        begun = starts(a="2025-01-01", future="2025-02-01", never=None)
        found = durations(begun, ends(("future", "2025-02-02", "x"), ("never", "2025-01-02", "x"), ("stranger", "2025-01-02", "x")), as_of="2025-01-31")
        assert found["account_id"].tolist() == ["a"]

    def test_nothing_begun(self) -> None:
        found = durations(starts(a="2025-02-01"), ends(("a", "2025-02-02", "x")), as_of="2025-01-31")
        assert found.empty
        assert list(found.columns) == ["account_id", "start_at", "enter_days", "duration_days", "observed", "ended_by"]

    def test_result_goes_into_a_curve(self) -> None:
        found = durations(starts(a="2025-01-01", b="2025-01-01"), ends(("a", "2025-01-03", "x")), as_of="2025-01-31")
        assert survival_curve(found)[["time_days", "estimate"]].to_numpy().tolist() == [[2, 0.5]]


class TestLeftTruncation:
    def found(self) -> pd.DataFrame:
        begun = starts(before="2024-12-01", during="2025-01-10", gone="2024-11-01", later="2024-12-01", unsaid="2024-12-30")
        begun["enter_at"] = at("2025-01-01", "2025-01-01", "2025-01-01", "2025-02-01", None)
        return durations(begun, ends(("gone", "2024-12-15", "churn"), ("before", "2025-01-02", "churn")), as_of="2025-01-31")

    def test_days_run_from_the_start_and_risk_from_entry(self) -> None:
        # before: entered 31 days after its start, ended after 32; during: seen from its own start on
        found = self.found().set_index("account_id")
        assert found.loc["before", ["enter_days", "duration_days", "observed"]].tolist() == [31, 32, True]
        assert found.loc["during", ["enter_days", "duration_days"]].tolist() == [0, 22]
        assert found.loc["unsaid", "enter_days"] == 0

    def test_units_never_seen_at_risk_are_left_out(self) -> None:
        assert self.found()["account_id"].tolist() == ["before", "during", "unsaid"]

    def test_an_end_at_the_moment_of_entry_was_never_at_risk(self) -> None:
        begun = starts(a="2025-01-01").assign(enter_at=at("2025-01-05"))
        assert durations(begun, ends(("a", "2025-01-05", "x")), as_of="2025-01-31").empty

    def test_who_had_ended_before_entry_is_left_out_also_where_the_clock_stood_still(self) -> None:
        # start on Saturday 4 January, entry on Sunday 5 January at noon: the weekdays between any two of these instants are 0
        begun = starts(gone="2025-01-04", seen="2025-01-04", later="2025-01-04").assign(enter_at=at("2025-01-05T12", "2025-01-05T12", "2025-01-06T12"))
        found = durations(begun, ends(("gone", "2025-01-05", "x"), ("seen", "2025-01-05T18", "x")), as_of="2025-01-05", clock=weekdays)
        assert found[["account_id", "enter_days", "duration_days", "observed"]].to_numpy().tolist() == [["seen", 0, 0, True]]


class TestForms:
    def test_two_series_by_index(self) -> None:
        begun = pd.Series(at("2025-01-01", "2025-01-02").to_numpy(), index=pd.Index([7, 8], name="ticket_id"))
        ended = pd.Series(at("2025-01-03").to_numpy(), index=pd.Index([8], name="ticket_id"))
        found = durations(begun, ended, as_of="2025-01-31")
        assert found[["ticket_id", "duration_days", "observed"]].to_numpy().tolist() == [[7, 31, False], [8, 1, True]]

    def test_two_series_without_names(self) -> None:
        found = durations(at("2025-01-01", "2025-01-02"), at("2025-01-03", None), as_of="2025-01-31")
        assert found[["unit", "duration_days"]].to_numpy().tolist() == [[0, 2], [1, 30]]

    def test_series_by_two_keys(self) -> None:
        index = pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])
        found = durations(at("2025-01-01", "2025-01-02").set_axis(index), at("2025-01-03").set_axis(index[1:]), as_of="2025-01-31")
        assert found[["unit_1", "unit_2", "observed"]].to_numpy().tolist() == [["a", 1, False], ["a", 2, True]]

    def test_keys_in_the_index_of_a_table(self) -> None:
        begun = starts(a="2025-01-01").set_index("account_id")
        assert durations(begun, ends(("a", "2025-01-03", "x")), as_of="2025-01-31")["duration_days"].tolist() == [2]

    def test_several_spells_of_an_account(self) -> None:
        begun = pd.DataFrame({"account_id": ["a", "a"], "spell": [1, 2], "start_at": at("2025-01-01", "2025-01-20")})
        ended = pd.DataFrame({"account_id": ["a"], "spell": [1], "end_at": at("2025-01-05")})
        assert durations(begun, ended, as_of="2025-01-31")["duration_days"].tolist() == [4, 12]

    def test_instants_without_zone_are_utc_and_other_zones_are_converted(self) -> None:
        begun = starts(a="2025-01-01T00:00").assign(start_at=lambda t: t["start_at"].dt.tz_convert(None))
        ended = ends(("a", "2025-01-02T12:00", "x")).assign(end_at=lambda t: t["end_at"].dt.tz_convert("Asia/Tokyo"))
        assert durations(begun, ended, as_of="2025-01-31")["duration_days"].tolist() == [1.5]


class TestAsOf:
    @pytest.mark.parametrize("as_of", ["2025-01-31", date(2025, 1, 31), "2025-01-31T23:59:59.999999+00:00", pd.Timestamp("2025-02-01", tz="UTC")])
    def test_the_end_of_a_day_gives_whole_days(self, as_of: object) -> None:
        assert durations(starts(a="2025-01-01"), ends(("b", None, "x")), as_of=as_of)["duration_days"].tolist() == [31.0]

    def test_instants(self) -> None:
        assert last_instant("2025-01-31T01:00+02:00") == pd.Timestamp("2025-01-30T23:00", tz="UTC")
        assert last_instant(datetime(2025, 1, 31, 5, tzinfo=UTC)) == pd.Timestamp("2025-01-31T05:00", tz="UTC")

    @pytest.mark.parametrize(
        ("as_of", "message"),
        [
            (pd.Timestamp("2025-01-31"), "an instant with a time zone"),
            ("2025-01-31 10:00", "an instant with a time zone"),
            ("31.01.2025", "must be an ISO date"),
            (20250131, "must be a date, its ISO form or a Timestamp"),
            (None, "must be a date, its ISO form or a Timestamp"),
        ],
    )
    def test_anything_else_is_refused(self, as_of: object, message: str) -> None:
        with pytest.raises(ParameterError, match=message):
            durations(starts(a="2025-01-01"), ends(("a", None, "x")), as_of=as_of)


class TestGridAndClock:
    def test_equal_waiting_times_are_equal_numbers(self) -> None:
        # 0.1 day after starts whose own fractions differ
        begun = starts(**{f"u{i}": f"2025-01-{i + 1:02d}T0{i}:0{i}:07.12345{i}" for i in range(9)})
        ended = begun.rename(columns={"start_at": "end_at"}).assign(end_at=lambda t: t["end_at"] + pd.Timedelta("2h24min"))
        assert set(durations(begun, ended, as_of="2025-01-31")["duration_days"]) == {0.1}

    def test_a_clock_decides_what_counts(self) -> None:
        # Friday 3 January to Monday 6 January is one weekday; to Friday 31 January 20
        found = durations(starts(a="2025-01-03", b="2025-01-03"), ends(("a", "2025-01-06", "x")), as_of="2025-01-31", clock=weekdays)
        assert found["duration_days"].tolist() == [1, 20]

    def test_the_clock_of_business_hours(self) -> None:
        # open 9 to 17 on weekdays. Friday 3 January 16:00 to Monday 10:00: 1 + 1 of 8 hours; censored on Monday at the end: 1 + 8
        office = Calendar(business_hours=("09:00", "17:00"))
        begun = starts(answered="2025-01-03T16:00", open="2025-01-03T16:00")
        found = durations(begun, ends(("answered", "2025-01-06T10:00", "answered")), as_of="2025-01-06", clock=office.business_time)
        assert found["duration_days"].tolist() == [0.25, 1.125]

    @pytest.mark.parametrize("answer", [[-1.0], [np.nan], [1.0, 2.0], 3.0])
    def test_a_clock_must_return_days(self, answer: object) -> None:
        with pytest.raises(ParameterError, match="clock must return one number of days"):
            durations(starts(a="2025-01-03"), ends(("a", "2025-01-06", "x")), as_of="2025-01-31", clock=lambda start, end: answer)


class TestRefused:
    def test_end_before_start(self) -> None:
        with pytest.raises(ParameterError, match=r"may not end before it starts; account_id 'b' starts 2025-01-05 .* ends 2025-01-04"):
            durations(starts(a="2025-01-01", b="2025-01-05"), ends(("a", "2025-01-02", "x"), ("b", "2025-01-04", "x")), as_of="2025-01-31")

    def test_two_rows_for_a_unit(self) -> None:
        begun = pd.concat([starts(a="2025-01-01"), starts(a="2025-01-02")])
        with pytest.raises(ParameterError, match="one row a unit; account_id 'a' has several"):
            durations(begun, ends(("a", None, "x")), as_of="2025-01-31")

    def test_keys_of_different_types(self) -> None:
        numbered = starts(a="2025-01-01").assign(account_id=7)
        with pytest.raises(ParameterError, match=r"keys of the same type; 'account_id' is int64 and (object|str)"):
            durations(numbered, ends(("7", "2025-01-02", "x")), as_of="2025-01-31")

    def test_a_unit_without_key(self) -> None:
        begun = starts(a="2025-01-01", b="2025-01-02").replace({"account_id": {"b": None}})
        with pytest.raises(ParameterError, match="every unit in starts must have a key; row 1 has none"):
            durations(begun, ends(("a", None, "x")), as_of="2025-01-31")

    def test_missing_columns(self) -> None:
        ended = ends(("a", None, "x"))
        with pytest.raises(MissingColumnsError, match="'starts' has no column 'start_at'"):
            durations(starts(a="2025-01-01").rename(columns={"start_at": "started_at"}), ended, as_of="2025-01-31")
        with pytest.raises(MissingColumnsError, match="'ends' has no column 'end_at'"):
            durations(starts(a="2025-01-01"), ended.drop(columns="end_at"), as_of="2025-01-31")
        with pytest.raises(MissingColumnsError, match="'starts' has no column 'ticket_id'"):
            durations(starts(a="2025-01-01"), ended.rename(columns={"account_id": "ticket_id"}), as_of="2025-01-31")

    def test_names_of_the_result_are_taken(self) -> None:
        with pytest.raises(ParameterError, match="starts may not have a column 'observed'"):
            durations(starts(a="2025-01-01").assign(observed=True), ends(("a", None, "x")), as_of="2025-01-31")

    @pytest.mark.parametrize("values", [[1735689600], ["not a date"], [{"a": 1}]])
    def test_no_instants(self, values: list[object]) -> None:
        with pytest.raises(ParameterError, match="start_at must hold instants"):
            durations(pd.DataFrame({"account_id": ["a"], "start_at": values}), ends(("a", None, "x")), as_of="2025-01-31")


@st.composite
def histories(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Draw units with starts and up to two ends each, in hours around an `as_of`."""
    units = draw(st.lists(st.tuples(st.integers(-500, 100), st.lists(st.integers(0, 600), max_size=2)), min_size=1, max_size=12))
    zero = pd.Timestamp("2025-01-31", tz="UTC")
    begun = pd.DataFrame({"account_id": range(len(units)), "start_at": [zero + pd.Timedelta(hours=hour) for hour, _ in units]})
    rows = [(i, zero + pd.Timedelta(hours=hour + later)) for i, (hour, waits) in enumerate(units) for later in waits]
    return begun, pd.DataFrame(rows, columns=["account_id", "end_at"]).astype({"account_id": "int64", "end_at": "datetime64[us, UTC]"})


class TestLaws:
    @pytest.mark.slow
    @given(histories())
    @settings(max_examples=60, deadline=None)
    def test_equals_a_loop_over_units(self, history: tuple[pd.DataFrame, pd.DataFrame]) -> None:
        begun, ended = history
        last = pd.Timestamp("2025-01-31T23:59:59.999999", tz="UTC")
        expected = []
        for unit in begun[begun["start_at"] <= last].itertuples():
            first = min(ended["end_at"][ended["account_id"] == unit.account_id], default=pd.Timestamp.max.tz_localize("UTC"))
            stop = min(first, last)
            expected.append([unit.account_id, pytest.approx((stop - unit.start_at) / pd.Timedelta(days=1), abs=1e-9), first <= last])
        found = durations(begun, ended, as_of="2025-01-31")
        assert found[["account_id", "duration_days", "observed"]].to_numpy().tolist() == expected

    @pytest.mark.slow
    @given(histories(), st.randoms(use_true_random=False))
    @settings(max_examples=40, deadline=None)
    def test_row_order_and_index_do_not_matter_and_inputs_stay(self, history: tuple[pd.DataFrame, pd.DataFrame], random: object) -> None:
        begun, ended = history
        seed = random.randint(0, 10**6)
        mixed, mixed_ends = begun.sample(frac=1, random_state=seed), ended.sample(frac=1, random_state=seed)
        before, before_ends = mixed.copy(deep=True), mixed_ends.copy(deep=True)
        found = durations(mixed, mixed_ends, as_of="2025-01-31").sort_values("account_id", ignore_index=True)
        assert_frame_equal(found, durations(begun, ended, as_of="2025-01-31"))
        assert_frame_equal(mixed, before)
        assert_frame_equal(mixed_ends, before_ends)

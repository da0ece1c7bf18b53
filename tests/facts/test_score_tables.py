"""Scored answers from datasets and tables of every kind."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import cs_analysis as cs
from cs_analysis.data.surveys import SCALES
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError
from cs_analysis.facts.score_tables import MEASURE, score_values, scored_answers, with_period
from helpers import accounts, utc

PULSE = cs.Scale(name="Pulse", low=0, high=1, step=0.1, direction="low is good", top=(0, 0.1), bottom=(0.9, 1))
ROWS = pd.DataFrame(
    {
        "response_id": ["r3", "r1", "r2", "r4", "r5", "r6", "r7"],
        "account_id": list("abaabba"),
        "user_id": ["u1", None, "u2", "u1", None, "u3", "u1"],
        "survey": ["nps", "nps", "NPS", "nps", "csat", "nps", "nps"],
        "asked_at": utc(*["2026-01-01"] * 7),
        "answered_at": utc("2026-01-03", "2026-01-02", "2026-01-03", None, "2026-01-04", "2026-02-05", "2026-01-05"),
        "score": [10, 3, 8, None, 5, 9, 4],
        "scale": [None, "NPS", "nps", None, None, None, "csat_5"],
    }
)


def read(rows: pd.DataFrame = ROWS, **options: object) -> cs.Dataset:
    return cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "responses": rows}, as_of="2026-03-31", **options)


class TestRows:
    @pytest.mark.parametrize(
        "form", [read, lambda: ROWS, lambda: pl.from_pandas(ROWS), lambda: pl.from_pandas(ROWS).lazy(), lambda: pa.Table.from_pandas(ROWS)]
    )
    def test_dataset_and_every_kind_of_table_give_the_same_rows(self, form: object) -> None:
        table, scale = scored_answers(form(), "nps")
        assert scale == SCALES["nps"]
        assert list(table.columns) == ["account_id", "respondent", "answered_at", "score", "top", "bottom", "good"]
        assert table["score"].tolist() == [3.0, 8.0, 10.0, 9.0]  # by instant, then identifier (r2 before r3); r4 has no answer, r5 and r7 are on other scales
        assert table["top"].tolist() == [False, False, True, True]
        assert table["bottom"].tolist() == [True, False, False, False]
        assert table["good"].tolist() == [0.3, 0.8, 1.0, 0.9]
        assert table["answered_at"].tolist() == [pd.Timestamp(day) for day in ("2026-01-02", "2026-01-03", "2026-01-03", "2026-02-05")]
        assert table["answered_at"].dtype == "datetime64[us]"
        assert (table["respondent"] == table["account_id"]).tolist() == [True, False, False, False]  # nobody is named in r1
        assert table["respondent"].nunique() == 4

    def test_low_is_good_turns_the_best_end_round(self) -> None:
        table, scale = scored_answers(pd.DataFrame({"score": [1, 2, 5], "scale": "ces_1"}), "ces", scale="ces_1")
        assert scale.direction == "low is good"
        assert table["good"].tolist() == [1.0, 0.75, 0.0]  # 1 is the least effort
        assert table["top"].tolist() == [True, True, False]

    def test_without_accounts_users_and_without_users_answers_stand_apart(self) -> None:
        users = scored_answers(pd.DataFrame({"score": [9, 9, 9, 9], "user_id": ["u", "u", None, None]}), "nps")[0]
        assert users["account_id"].nunique() == 3
        bare = scored_answers(pd.DataFrame({"score": [9, 9]}), "nps")[0]
        assert bare["respondent"].nunique() == 2
        assert bare["answered_at"].isna().all()

    def test_groups_come_from_the_table_or_the_account(self) -> None:
        people = accounts(a="2026-01-01", b="2026-01-01").assign(segment=["x", None])
        ds = cs.read_dataset({"accounts": people, "responses": ROWS}, as_of="2026-03-31")
        assert scored_answers(ds, "nps", by=["segment"])[0]["by.segment"].tolist() == ["(missing)", "x", "x", "(missing)"]

    def test_a_group_that_nobody_names_is_missing(self) -> None:
        table = pd.DataFrame({"score": [9, 1], "team": [None, None], "part": [True, None]})
        found = scored_answers(table, "nps", by=["team", "part"])[0]
        assert found["by.team"].tolist() == ["(missing)"] * 2
        assert found["by.part"].tolist() == [True, None]

    def test_a_survey_without_answers_is_an_empty_table(self) -> None:
        for source in (read(), ROWS):
            table, scale = scored_answers(source, "ces")
            assert (len(table), scale.name) == (0, "ces_7")
            assert table["score"].dtype == "float64"

    def test_only_what_was_known_counts(self) -> None:
        assert scored_answers(read().at("2026-01-02"), "nps")[0]["score"].tolist() == [3.0]

    def test_days_as_text_are_read(self) -> None:
        table = pd.DataFrame({"score": [9, 1], "answered_at": ["2026-01-03T01:00:00+01:00", "2026-01-02"]})
        assert scored_answers(table, "nps")[0]["answered_at"].tolist() == [pd.Timestamp("2026-01-02"), pd.Timestamp("2026-01-03")]


class TestScales:
    def test_a_scale_of_ones_own_comes_with_the_dataset(self) -> None:
        rows = ROWS.iloc[:3].assign(survey="pulse", score=[0.1, 0.3, 1.0], scale=[None, "PULSE", None])
        ds = read(rows, scales=cs.register_scale(PULSE))
        table, scale = scored_answers(ds, "Pulse")
        assert scale == PULSE
        assert table["good"].round(9).tolist() == [0.7, 0.0, 0.9]
        pd.testing.assert_frame_equal(scored_answers(rows, "pulse", scale=PULSE)[0], table)
        assert ds.at("2026-02-01").scales == ds.scales

    def test_answers_on_other_scales_only_name_them(self) -> None:
        with pytest.raises(ParameterError, match=r"no answer to 'csat' is on the scale 'csat_5'; they are on: csat_7 \(1\), smile_3 \(2\).*scale='csat_7'"):
            scored_answers(pd.DataFrame({"score": [1, 2, 3], "scale": ["smile_3", "csat_7", "smile_3"]}), "csat")
        with pytest.raises(ParameterError, match="correct the column 'scale'"):
            scored_answers(pd.DataFrame({"score": [1], "scale": ["csat_5"]}), "nps")

    def test_a_scale_of_another_survey_is_refused(self) -> None:
        with pytest.raises(
            ParameterError, match=r"scale must be one of the survey 'csat' \(csat_5, csat_7, csat_10, smile_3, or one of your own\), not 'ces_7'"
        ):
            scored_answers(ROWS, "csat", scale="ces_7")

    def test_a_survey_without_scale_and_an_unknown_scale(self) -> None:
        with pytest.raises(ParameterError, match=r"'mood' has no scale of its own; its answers are on: mood \(1\)"):
            scored_answers(pd.DataFrame({"score": [1], "survey": ["mood"]}), "mood")
        with pytest.raises(ParameterError, match="Did you mean 'csat_5'"):
            scored_answers(ROWS, "csat", scale="csat5")

    @pytest.mark.parametrize(
        ("score", "scale", "match"), [(11, "nps", "whole number from 0 to 10; row 2 has 11"), ("x", "nps", "row 2 has x"), (0.15, PULSE, "one of")]
    )
    def test_a_score_off_the_scale_names_its_row(self, score: object, scale: object, match: str) -> None:
        name = scale if isinstance(scale, str) else scale.name
        with pytest.raises(ParameterError, match=match):
            scored_answers(pd.DataFrame({"score": [1, score], "survey": name}), name, scale=scale)

    def test_what_is_missing_is_named(self) -> None:
        with pytest.raises(MissingColumnsError, match="score"):
            scored_answers(pd.DataFrame({"rating": [1]}), "nps")
        with pytest.raises(MissingColumnsError, match="segment"):
            scored_answers(ROWS, "nps", by="segment")
        with pytest.raises(MissingTableError):
            scored_answers(cs.read_dataset({"accounts": accounts(a="2026-01-01")}, as_of="2026-03-31"), "nps")
        with pytest.raises(ParameterError, match="name its account_id; row 2"):
            scored_answers(pd.DataFrame({"score": [9, 9], "account_id": ["a", None]}), "nps")
        with pytest.raises(ParameterError, match="answered_at must hold instants"):
            scored_answers(pd.DataFrame({"score": [9], "answered_at": ["yesterday"]}), "nps")


def test_what_an_answer_counts() -> None:
    table = scored_answers(pd.DataFrame({"score": [6, 7, 9]}), "nps")[0]
    assert score_values(table, "net").tolist() == [-100.0, 0.0, 100.0]
    assert score_values(table, "top").tolist() == [0.0, 0.0, 1.0]
    assert score_values(table, "mean").tolist() == [6.0, 7.0, 9.0]
    assert dict(MEASURE) == {"nps": "net", "csat": "top", "ces": "mean"}
    with pytest.raises(ParameterError, match="measure must be"):
        score_values(table, "median")  # type: ignore[arg-type]


def test_periods_are_those_of_the_calendar() -> None:
    rows = ROWS.iloc[:3].assign(answered_at=utc("2026-01-31T22:59:59", "2026-01-31T23:00:00", "2026-03-30"))
    ds = read(rows, calendar=cs.Calendar(timezone="Europe/Berlin"))
    table = with_period(ds, scored_answers(ds, "nps")[0], "month")
    assert table["period"].dt.strftime("%m-%d").tolist() == ["01-01", "02-01", "03-01"]  # 23:00 UTC is midnight in Berlin
    assert with_period(ds, table.iloc[:0], "month").empty
    with pytest.raises(ParameterError, match="period needs a Dataset"):
        with_period(rows, table, "month")

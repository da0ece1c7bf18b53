"""What accounts had said by a date: edges of instants, ties, memory, and the names of classes."""

from __future__ import annotations

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.surveys import SCALES
from cs_analysis.facts.feature_dates import feature_dates
from cs_analysis.facts.score_dates import NO_ANSWER, NOT_ASKED, last_said, score_classes, scored_customers, success_rows
from helpers import accounts, phases, utc

DATE = "2026-04-01"  # in UTC the first instant after 31 March


def said(*rows: tuple[str, str, str | None, float | None]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["account_id", "asked_at", "answered_at", "score"])
    return frame.assign(survey="nps", response_id=list("zyxwvuts")[: len(rows)], asked_at=utc(*frame["asked_at"]), answered_at=utc(*frame["answered_at"]))


@pytest.fixture(scope="module")
def ds() -> cs.Dataset:
    rows = said(
        ("a", "2026-03-01", "2026-03-31T23:59:59.999999", 10),
        ("b", "2026-03-01", DATE, 10),  # answered at the date's end: not before it
        ("c", "2026-03-01", "2026-03-05", 2),
        ("c", "2026-03-01", "2026-03-05", 8),  # at one instant the last identifier is "x", of the row before: w < x
        ("d", "2026-01-30T23:59", "2026-01-31T00:00", 9),
        ("e", "2026-01-30", "2026-01-30T23:59", 9),
        ("f", DATE, None, None),  # asked at the date's end
    )
    names = "abcdefg"
    sold = phases(*((f"s{name}", name, "2026-01-01", None, 1.0) for name in names))
    tables = {"accounts": accounts(**dict.fromkeys(names, "2026-01-01")), "subscriptions": sold, "responses": rows}
    return cs.read_dataset(tables, as_of="2026-06-30")


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame({"account_id": list("gfedcba"), "ends_at": pd.Timestamp(DATE)})


def test_the_last_answer_before_the_date(ds: cs.Dataset, rows: pd.DataFrame) -> None:
    found = last_said(ds, rows, survey="nps", memory="60d").set_index("account_id")  # 60 days before 1 April is 31 January
    expected = {"g": NOT_ASKED, "f": NOT_ASKED, "e": NOT_ASKED, "d": "promoter", "c": "detractor", "b": NO_ANSWER, "a": "promoter"}
    assert found["score_class"].to_dict() == expected
    assert found["score"].dropna().to_dict() == {"d": 9, "c": 2, "a": 10}


def test_without_memory_all_answers_count_however_old(ds: cs.Dataset, rows: pd.DataFrame) -> None:
    found = last_said(ds, rows, survey="nps").set_index("account_id")["score_class"]
    assert (found["e"], found["f"]) == ("promoter", NOT_ASKED)


def test_months_of_memory_are_months_of_the_calendar(ds: cs.Dataset, rows: pd.DataFrame) -> None:
    found = last_said(ds, rows, survey="nps", memory="2mo").set_index("account_id")["score_class"]  # since 1 February
    assert found["d"] == NOT_ASKED


def test_every_answer_is_older_than_its_window(ds: cs.Dataset) -> None:
    dates = feature_dates(ds, ["2026-01-31", "2026-03-31", "2026-04-30"])
    found = scored_customers(ds, dates, survey="nps", horizon="30d", gap="10d")
    scored = found[found["score"].notna()]
    assert len(scored) == 2 + 4 + 5
    assert (scored["answered_at"] < scored["ends_at"]).all()
    assert not found.duplicated(["account_id", "at"]).any()


@pytest.mark.parametrize(("scale", "names"), [("nps", ("detractor", "passive", "promoter")), ("csat_5", ("bottom box", "middle", "top box"))])
def test_classes_have_the_names_of_their_survey(scale: str, names: tuple[str, ...]) -> None:
    assert score_classes(SCALES[scale]) == names


def test_accounts_without_a_goal_have_none_in_any_state(ds: cs.Dataset) -> None:
    goals = pd.DataFrame({"account_id": ["a"], "goal": "g", "set_at": utc("2026-01-05"), "target_at": utc("2026-02-05"), "reached_at": utc(None)})
    tables = {name: ds.tables[name].to_pandas() for name in ds.tables}
    found = success_rows(cs.read_dataset({**tables, "goals": goals}, as_of="2026-06-30"), survey="nps").set_index("account_id")
    assert found.loc["a", ["reached", "missed", "pending"]].tolist() == [0, 1, 0]
    assert (found.drop(index="a")[["reached", "missed", "pending"]] == 0).all(axis=None)
    assert found.index.is_unique

"""Features of accounts at dates: against a search in plain Python, against looking back date by date, and against what came later."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis import glossary
from cs_analysis.data.contract import TABLES
from cs_analysis.data.engine import Engine, compiled
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError
from cs_analysis.facts.account_features import FEATURES
from helpers import accounts, events, phases, utc

from .feature_oracle import FIRST, LAST, company, expected

DATES = ["2025-02-27", "2025-03-29", "2025-03-30", "2025-05-31", "2025-06-01", "2025-08-15", "2025-10-26", "2025-11-30"]
LATE_VALUES = {
    "subscriptions": ("ended_at", "cancelled_at"),
    "responses": ("answered_at",),
    "tickets": ("first_response_at", "resolved_at", "reopened_at"),
}
DATED = {"accounts": "started_at", "events": "event_at", "tickets": "opened_at", "responses": "asked_at", "subscriptions": "started_at"}


def read(tables: dict[str, pd.DataFrame], zone: str, as_of: str = LAST) -> cs.Dataset:
    return cs.read_dataset(tables, as_of=as_of, calendar=cs.Calendar(timezone=zone), currency="EUR")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "UTC"])
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 12))])
def test_every_feature_equals_a_search_in_plain_python(seed: int, zone: str) -> None:
    tables = company(seed)
    found = cs.health_features(read(tables, zone), at=DATES)
    searched = pd.concat([expected(tables, date.fromisoformat(day), zone) for day in DATES], ignore_index=True)
    assert len(searched) > 10
    assert list(found.columns) == ["account_id", "at", *FEATURES]
    pd.testing.assert_frame_equal(found, searched.astype(dict.fromkeys(FEATURES, "float64") | {"at": "datetime64[us]"})[found.columns], rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "zone"), [(1, "Europe/Berlin"), (1, "UTC"), (30, "Europe/Berlin"), (31, "UTC")])
def test_many_dates_equal_looking_back_to_each_of_them(seed: int, zone: str) -> None:
    days = sorted({str(day.date()) for day in pd.to_datetime(np.random.default_rng(seed).integers(20, 300, 12), unit="D", origin=FIRST)})
    ds = read(company(seed), zone)
    together = cs.health_features(ds, at=days[::-1])
    alone = [cs.health_features(ds.at(day)) for day in (days if seed > 1 else days[::5])]
    for table in alone:
        pd.testing.assert_frame_equal(together[together["at"].isin(table["at"])].reset_index(drop=True), table, check_exact=True)
    assert sum(map(len, alone)) > 5


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, *range(40, 46)])
def test_nothing_recorded_after_a_date_moves_it(seed: int) -> None:
    zone, day = ("UTC", "Europe/Berlin")[seed % 2], str(np.random.default_rng(seed).choice(DATES[3:-1]))
    tables = company(seed)
    end = cs.Calendar(timezone=zone).end_of(day)
    known = changed(tables, end)
    found = cs.health_features(read(tables, zone), at=[DATES[1], day])
    pd.testing.assert_frame_equal(cs.health_features(read(known, zone, as_of=day), at=[DATES[1], day]), found, check_exact=True)
    assert sum(len(tables[name]) - len(known[name]) for name in known)


def changed(tables: dict[str, pd.DataFrame], end: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """Return the tables without the rows after an instant, and with other values for what was recorded after it."""
    known = {name: frame[frame[DATED[name]] <= end].copy() if name in DATED else frame.copy() for name, frame in tables.items()}
    later = tables["accounts"]["started_at"] > end  # rows of theirs that lie before it need them to be there
    known["accounts"] = tables["accounts"].assign(started_at=tables["accounts"]["started_at"] + later * pd.Timedelta(9, "D"))
    announced = known["subscriptions"]["cancelled_at"] <= end
    for name, columns in LATE_VALUES.items():
        for position, column in enumerate(columns):
            late = known[name][column] > end
            if column == "ended_at":
                late &= ~announced
            known[name].loc[late, column] = known[name].loc[late, column] + pd.Timedelta(17, "D") if position % 2 else pd.NaT
    known["responses"].loc[~(known["responses"]["answered_at"] <= end), "score"] = np.nan
    known["rates"] = known["rates"].assign(rate=known["rates"]["rate"].where(known["rates"]["month"] <= f"{end:%Y-%m-%d}", 7.0))
    return known


@pytest.mark.slow
def test_the_order_of_rows_does_not_matter_and_inputs_stay_as_they_are() -> None:
    tables = company(6)
    shuffled = {name: frame.sample(frac=1, random_state=2) for name, frame in tables.items()}
    given = {name: frame.copy(deep=True) for name, frame in shuffled.items()}
    ds = read(shuffled, "Europe/Berlin")
    found = cs.health_features(ds, at=DATES)
    for again in (cs.health_features(read(tables, "Europe/Berlin"), at=DATES), cs.health_features(ds, at=DATES)):
        pd.testing.assert_frame_equal(again, found, check_exact=True)
    for name, frame in shuffled.items():
        pd.testing.assert_frame_equal(frame, given[name])


@pytest.mark.slow
def test_the_day_of_an_unfinished_as_of_ends_at_it() -> None:
    ds = read(company(3), "Europe/Berlin").at(pd.Timestamp("2025-08-15 12:00", tz="UTC"))
    both = cs.health_features(ds, at=["2025-08-15", "2025-05-31"])
    today = both[both["at"] == pd.Timestamp("2025-08-15")].reset_index(drop=True)
    pd.testing.assert_frame_equal(cs.health_features(ds), today, check_exact=True)
    assert (today["tenure_days"] % 1 != 0).any()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "message"),
    [
        ("yesterday", "at must be a day such as '2026-03-31', or a list of days, not 'yesterday'"),
        ([], "at must be a day .* there is none"),
        (pd.Timestamp("2025-05-31 12:00", tz="UTC"), r"For an instant call it on ds.at\(instant\)"),
        (["2025-05-31", "2025-12-01"], "may not be after the dataset's as_of 2025-11-30 .*, as 2025-12-01 is"),
    ],
)
def test_dates_are_days_up_to_as_of(at: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.health_features(read(company(0), "UTC"), at=at)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["active_day_28"], "There is no 'active_day_28'. Did you mean 'active_days_28'?"),
        (["seats", "csm"], "'seats' is a column of `accounts` as of the export: .* 'csm' is a column of `accounts`"),
        (["mrr", "mrr"], r"different names .* Given: \['mrr', 'mrr'\]"),
        ([], "at least one"),
    ],
)
def test_features_are_named_and_undated_columns_are_none(features: list[str], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.health_features(read(company(0), "UTC"), features=features)


@pytest.mark.slow
def test_what_the_tables_lack_is_left_out_and_missed_when_named() -> None:
    tables = company(0)
    bare = {"accounts": tables["accounts"], "subscriptions": tables["subscriptions"].drop(columns=["seats", "renewal_at"]), "rates": tables["rates"]}
    ds = read({**bare, "tickets": tables["tickets"].drop(columns="resolved_at")}, "UTC")
    assert list(cs.health_features(ds).columns[2:]) == ["tickets_90", "slow_answers_90", "tenure_days", "mrr", "mrr_change_90", "yearly", "past_due"]
    with pytest.raises(MissingTableError, match="'events'"):
        cs.health_features(ds, features=["usage_trend"])
    with pytest.raises(MissingColumnsError, match="renewal_at"):
        cs.health_features(ds, features=["days_to_renewal"])
    with pytest.raises(MissingTableError, match="'subscriptions'"):
        cs.health_features(read({"accounts": tables["accounts"]}, "UTC"))


@pytest.mark.slow
def test_the_columns_are_those_that_were_asked_for_and_nobody_is_no_error() -> None:
    ds = read(company(0), "UTC")
    assert list(cs.health_features(ds, features=["seat_share_28", "tenure_days"]).columns) == ["account_id", "at", "seat_share_28", "tenure_days"]
    nobody = cs.health_features(ds, at="2024-01-01")
    assert nobody.empty
    assert dict(nobody.dtypes.astype(str)) == dict(cs.health_features(ds).dtypes.astype(str))


def small(**more: pd.DataFrame) -> cs.Dataset:
    """Return two customers of 2025: `a` from the first of January, with a phase of 8 seats from June; `b` from the first of May."""
    sold = phases(
        ("s1", "a", "2025-01-01", "2025-06-01", 100.0),
        ("s1", "a", "2025-06-01", None, 200.0),
        ("s2", "b", "2025-05-01", "2025-09-01", 0.0),
        seats=[5, 8, 2],
        interval=["year", "year", "month"],
        renewal_at=list(utc("2027-01-01", "2027-01-01", "2025-06-01")),
        cancelled_at=list(utc(None, None, "2025-07-15")),
    )
    tables = {"accounts": accounts(a="2025-01-01", b="2025-05-01"), "subscriptions": sold, **more}
    return cs.read_dataset(tables, as_of="2025-12-31")


@pytest.mark.slow
def test_the_contract_by_hand() -> None:
    table = cs.health_features(small(), at=["2025-05-31", "2025-08-29", "2025-08-31", "2025-09-30"]).set_index(["account_id", "at"])
    a, b = table.loc["a"], table.loc["b"]
    assert a["tenure_days"].tolist() == [151, 241, 243, 273]  # Jan 31 + Feb 28 + Mar 31 + Apr 30 + May 31 = 151; June to August 92; September 30
    # A new phase from the first of June counts from the first day of June; ninety days before Aug 29 is May 31, before Aug 31 is June 2.
    assert a["mrr"].tolist() == [100, 200, 200, 200]
    assert a["mrr_change_90"].tolist() == [0, 0.5, 0, 0]
    # Renewals come every first of January, whatever year is on record: 214 days after the end of May 31, the first of June, and so on.
    assert a["days_to_renewal"].tolist() == [214, 124, 122, 92]
    assert a["yearly"].tolist() == [1, 1, 1, 1]
    assert b.index.strftime("%m-%d").tolist() == ["05-31", "08-29", "08-31"]  # b's end at the first instant of September does not end August
    assert b["days_to_renewal"].fillna(-1).tolist() == [0, -1, -1]  # a monthly plan in the past says nothing of the next
    assert b["mrr_change_90"].fillna(-1).tolist() == [-1, 0, 0]  # ninety days before Aug 29 it was a customer at 0


@pytest.mark.slow
def test_a_renewal_written_over_later_tells_nothing_of_the_year_to_come() -> None:
    tables = {"accounts": accounts(a="2025-01-01"), "subscriptions": phases(("s", "a", "2025-01-01", None, 9.0), interval=["year"])}
    written = [{**tables, "subscriptions": tables["subscriptions"].assign(renewal_at=utc(when))} for when in ("2026-01-01", "2029-01-01", "2025-01-01")]
    found = [cs.health_features(cs.read_dataset(each, as_of="2025-12-31"), at="2025-11-30")["days_to_renewal"].tolist() for each in written]
    assert found == [[31], [31], [31]]


@pytest.mark.slow
def test_a_ticket_is_open_until_its_resolution_was_on_record_and_again_after_it_was_reopened() -> None:
    tickets = pd.DataFrame({"ticket_id": ["t", "u"], "account_id": "a"})
    tickets["opened_at"] = utc("2025-03-01T10:00", "2025-08-31T10:00")
    tickets["first_response_at"] = utc("2025-03-02T10:00", "2025-09-02")
    tickets["resolved_at"] = utc("2025-03-10", None)
    tickets["reopened_at"] = utc("2025-04-10", None)
    days = ["2025-03-01", "2025-03-09", "2025-03-10", "2025-04-10", "2025-06-01", "2025-08-31", "2025-09-01"]
    table = cs.health_features(small(tickets=tickets), at=days)
    a = table[table["account_id"] == "a"]
    assert a["open_tickets"].tolist() == [1, 1, 0, 1, 1, 2, 2]
    # The first answer came after exactly 24 hours, in time; on Aug 31 those of the second ticket are not over, on Sep 1 it has no answer.
    assert a["slow_answers_90"].fillna(-1).tolist() == [-1, 0, 0, 0, -1, -1, 1]
    # Tickets are on record from the first of March, so that ninety days of them are from May 29 on (March 31 + April 30 + May 29 = 90).
    assert a["tickets_90"].fillna(-1).tolist() == [-1, -1, -1, -1, 0, 1, 1]


@pytest.mark.slow
def test_an_answer_counts_from_when_it_was_given() -> None:
    given = pd.DataFrame({"response_id": ["r1", "r2", "r3", "r4"], "account_id": "a", "survey": ["nps", "nps", "csat", "csat"]})
    given["asked_at"] = utc("2025-02-01", "2025-03-01", "2025-03-01", "2025-03-02")
    given["answered_at"] = utc("2025-03-05", "2025-03-01T01:00", "2025-03-02", "2025-03-03")
    table = cs.health_features(small(responses=given.assign(score=[3.0, 9.0, 5.0, 2.0])), at=["2025-02-28", "2025-03-04", "2025-03-05", "2025-09-02"])
    a = table[table["account_id"] == "a"]
    assert a["nps_score"].fillna(-1).tolist() == [-1, 9, 3, -1]  # the last answer is that to the first request; 181 days after it it is forgotten
    assert a["nps_answered"].fillna(-1).tolist() == [0, 1, 1, -1]
    assert a["csat_score"].fillna(-1).tolist() == [-1, 0.625, 0.625, -1]  # (5 - 1) / 4 = 1 and (2 - 1) / 4 = 0.25


@pytest.mark.slow
def test_days_of_use_are_local_days() -> None:
    used = events(
        ("2025-03-30T21:59:59", "a", "u", "look"),  # in Berlin the last second of March 30, the day of 23 hours
        ("2025-03-30T22:00:00", "a", "u", "look"),  # the first of March 31
        ("2025-03-31T10:00:00", "a", "v", "look"),
        ("2025-01-01T00:00:00", "b", "w", "look"),
    )
    tables = {"accounts": accounts(a="2025-01-01", b="2025-01-01"), "events": used, "subscriptions": phases(("s", "a", "2025-01-01", None, 5.0))}
    ds = cs.read_dataset(tables, as_of="2025-12-31", calendar=cs.Calendar(timezone="Europe/Berlin"))
    table = cs.health_features(ds, at=["2025-01-27", "2025-03-29", "2025-03-30", "2025-03-31", "2025-04-26", "2025-04-27", "2025-09-30"])
    assert table["active_days_28"].fillna(-1).tolist() == [-1, 0, 1, 2, 2, 1, 0]  # on Jan 27 its 28 days begin on Dec 31, before the first event
    assert table["active_users_28"].fillna(-1).tolist() == [-1, 0, 1, 2, 2, 2, 0]
    assert table["days_since_use"].fillna(-1).tolist() == [-1, -1, 0, 0, 26, 27, 90]  # of `a` nothing is on record before Mar 30; later it is capped
    # ln of (uses + 1) / (uses before + 1): 3 uses in the last 28 days, none before; and on Apr 27 two of them still lie in the last 28 days.
    assert table["usage_trend"].round(9).fillna(-1).tolist() == [-1, 0, round(np.log(2), 9), round(np.log(4), 9), round(np.log(4), 9), round(np.log(1.5), 9), 0]


def test_features_have_a_name_an_area_a_table_and_a_direction() -> None:
    assert all(name == feature.name for name, feature in FEATURES.items())
    assert {feature.area for feature in FEATURES.values()} == {"frequency", "breadth", "depth", "support", "sentiment", "contract"}
    assert {feature.better for feature in FEATURES.values()} == {"higher", "lower", None}
    for feature in FEATURES.values():
        assert feature.table in TABLES
        for table, column in (each.split(".") for each in feature.columns):
            assert column in TABLES[table].column_names


@pytest.mark.slow
def test_every_expression_compiles_for_a_warehouse_too(monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []
    run, stage = Engine.run, Engine.stage
    monkeypatch.setattr(Engine, "run", lambda engine, expression: (queries.append(compiled(expression, "databricks")), run(engine, expression))[1])
    monkeypatch.setattr(Engine, "stage", lambda engine, expression: (queries.append(compiled(expression, "databricks")), stage(engine, expression))[1])
    cs.health_features(read(company(4), "Europe/Berlin"), at=DATES)
    assert len(queries) > 8
    assert all(query.lstrip().upper().startswith(("SELECT", "WITH")) for query in queries)


@pytest.mark.parametrize("language", glossary.LANGUAGES)
def test_features_and_areas_have_words_in_every_language(language: str) -> None:
    words = glossary._texts(language)["value"]
    assert set(words["feature"]) >= set(FEATURES)
    assert set(words["area"]) == {feature.area for feature in FEATURES.values()}

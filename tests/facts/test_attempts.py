"""Attempts at a funnel against a search through all chains of events, against ClickHouse, and sentence by sentence by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cs_analysis as cs
from cs_analysis.data.dataset import engine_of
from cs_analysis.data.engine import Engine, compiled
from cs_analysis.errors import MissingColumnsError, MissingTableError, ParameterError
from cs_analysis.facts.attempts import attempts, attempts_by_instant, entrants
from cs_analysis.facts.funnel_definition import FunnelDefinition
from funnel_search import Asked, Attempt, Row, attempts_of
from helpers import accounts

ORIGIN = pd.Timestamp("2026-01-05", tz="UTC")
HOUR = 3_600 * 10**6
GOLDEN = Path(__file__).resolve().parent.parent / "golden" / "funnel"


def microseconds(number: int) -> pd.Timedelta:
    return pd.Timedelta(number, "us")


def company(rows: list[Row], *, as_of: int = 40 * HOUR) -> cs.Dataset:
    """Return a dataset of two accounts with the rows as events."""
    used = pd.DataFrame([vars(row) for row in rows]).rename(columns={"actor": "user_id", "account": "account_id", "held": "object_id", "value": "tag"})
    used = used.assign(event_at=ORIGIN + pd.to_timedelta(used["at"], "us")).drop(columns="at")
    people = accounts(a="2026-01-05", b="2026-01-05").assign(segment=["x", None])
    return cs.read_dataset({"accounts": people, "events": used}, as_of=ORIGIN + microseconds(as_of))


def definition(asked: Asked) -> FunnelDefinition:
    return FunnelDefinition(
        steps=asked.steps,
        within=microseconds(asked.within),
        order=asked.order,
        entry=asked.entry,
        step_within={name: microseconds(window) for name, window in (asked.step_within or {}).items()},
        optional=asked.optional,
        exclude=asked.exclude,
        hold="object_id" if asked.hold else None,
        start=ORIGIN + microseconds(asked.start),
        end=ORIGIN + microseconds(asked.end) if asked.end < 10**14 else None,
        by="tag",
        attribution=asked.attribution,
    )


def found(ds: cs.Dataset, asked: Asked) -> dict[str, Attempt]:
    """Return the attempts that the database finds, as the search returns them."""
    table = engine_of(ds).run(attempts_by_instant(ds, definition(asked)).order_by("actor"))
    instants = [column for column in table.columns if column.endswith("_at") or column.startswith("at_") or column == "until"]
    known = table.assign(**{column: (table[column] - ORIGIN.tz_localize(None)) / microseconds(1) for column in instants})
    columns = ["start_at", *(f"at_{step}" for step in range(2, len(asked.steps) + 1))]
    return {
        row["actor"]: Attempt(
            start=int(row["start_at"]),
            held=None,
            until=int(row["until"]),
            reached={step: int(row[column]) for step, column in enumerate(columns, 1) if pd.notna(row[column])},
            account=row["account_id"],
            value=row["by.tag"],
        )
        for row in known.to_dict("records")
    }


def searched(rows: list[Row], asked: Asked) -> dict[str, Attempt]:
    return {actor: replace(attempt, held=None, value=attempt.value or "(missing)") for actor, attempt in attempts_of(rows, asked).items()}


instants = st.builds(lambda hour, shift: max(hour * HOUR + shift, 0), st.integers(0, 12), st.sampled_from([0, 0, 0, 1, -1]))
row_lists = st.lists(
    st.builds(
        Row,
        actor=st.sampled_from(["u", "v", "w"]),
        event=st.sampled_from("ABCDX"),
        at=instants,
        account=st.sampled_from("ab"),
        held=st.sampled_from(["p", "q", None]),
        value=st.sampled_from(["x", "y", None]),
    ),
    min_size=5,
    max_size=36,
)
lengths = st.integers(1, 14).map(lambda hours: hours * HOUR)


@st.composite
def questions(draw: st.DrawFn) -> Asked:
    """Draw options in any combination that the decision page allows."""
    order = draw(st.sampled_from(["ordered", "ordered", "ordered", "strict", "any"]))
    special = draw(st.sampled_from(["none", "none", "step_within", "optional", "twice"]))
    if (order, special) in {("strict", "optional"), ("strict", "twice"), ("any", "step_within"), ("any", "optional")}:
        special = "none"
    steps = draw(st.lists(st.sampled_from("ABCD"), min_size=2, max_size=4, unique=special != "twice"))
    chosen = st.sets(st.sampled_from(steps[1:]), min_size=1)
    return Asked(
        steps=steps,
        within=draw(lengths),
        order=order,
        entry=draw(st.sampled_from(["first", "best"])),
        step_within=draw(st.dictionaries(st.sampled_from(steps[1:]), lengths, min_size=1)) if special == "step_within" else None,
        optional=tuple(draw(chosen)) if special == "optional" else (),
        exclude=draw(st.sampled_from([(), (), ("X",), tuple(name for name in "DX" if name not in steps)])),
        hold=draw(st.booleans()),
        start=draw(st.sampled_from([0, 0, 2 * HOUR])),
        end=draw(st.sampled_from([10**15, 10**15, 9 * HOUR])),
        attribution=draw(st.sampled_from(["first", "last", 1, 2])),
    )


def check(rows: list[Row], asked: Asked) -> None:
    names = {*asked.steps, *asked.exclude}
    rows = [*rows, *(Row("z", name, 39 * HOUR, held="p") for name in names), rows[0]]  # every name occurs, and one row twice
    assert found(company(rows), asked) == searched(rows, asked)


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(rows=row_lists, asked=questions())
def test_every_attempt_equals_a_search_through_all_chains(rows: list[Row], asked: Asked) -> None:
    check(rows, asked)


@pytest.mark.slow
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows=row_lists, asked=questions())
def test_every_attempt_equals_a_search_through_all_chains_at_length(rows: list[Row], asked: Asked) -> None:
    check(rows, asked)


class TestClickHouse:
    levels = pd.read_csv(GOLDEN / "levels.csv")

    @pytest.fixture(scope="class")
    @classmethod
    def ds(cls) -> cs.Dataset:
        listed = pd.read_csv(GOLDEN / "events.csv")
        return company([Row(row.actor, row.event, row.seconds * 10**6) for row in listed.itertuples()])

    def ours(self, ds: cs.Dataset, steps: str, window: int, **options: Any) -> pd.Series:
        asked = FunnelDefinition(steps=list(steps), within=pd.Timedelta(window, "s"), **options)
        table = engine_of(ds).run(attempts(ds, asked).order_by("actor")).set_index("actor")
        return table.filter(like="days_").notna().sum(axis=1) + 1

    @pytest.mark.parametrize(("mode", "options"), [("default", {"entry": "best"}), ("strict_order", {"order": "strict"})])
    @pytest.mark.parametrize("steps", ["ABC", "ABCD", "DBA", "CA"])
    def test_levels_are_those_of_window_funnel(self, ds: cs.Dataset, steps: str, mode: str, options: dict[str, str]) -> None:
        expected = self.levels[(self.levels["mode"] == mode) & (self.levels["steps"] == steps)].set_index("actor")
        ours = self.ours(ds, steps, int(expected["window"].iloc[0]), **options).reindex(expected.index, fill_value=0)
        assert set(expected["level"]) >= {0, 1}
        assert ours.to_dict() == expected["level"].to_dict()


def hours(text: str, **options: Any) -> dict[int, float]:
    """Return step -> hours since the origin for one user whose rows are written as "A0 B1.5 C2:p", the last a held value; window 10 hours."""
    parts = [each.partition(":") for each in text.split()]
    rows = [Row("u", part[0], round(float(part[1:]) * HOUR), held=held or None) for part, _, held in parts]
    names = {*options.get("steps", "ABC"), *options.get("exclude", ())}
    rows += [Row("other", name, 30 * HOUR, held="p") for name in names]
    asked = Asked(**{"steps": list("ABC"), "within": 10 * HOUR, **options})
    reached = found(company(rows), asked)
    assert reached == searched(rows, asked)
    return {step: at / HOUR for step, at in reached["u"].reached.items()} if "u" in reached else {}


class TestRows:
    def test_rows_without_the_actor_are_left_out(self) -> None:
        used = pd.DataFrame({"event_at": ORIGIN, "account_id": "a", "user_id": "u", "event": ["A", "B", "A"], "session_id": ["s", None, None]})
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-05"), "events": used}, as_of="2026-02-28")
        table = entrants(ds, FunnelDefinition(steps=["A", "B"], within="1h", actor="session"))
        assert table["days_2"].isna().tolist() == [True]

    @pytest.mark.slow
    def test_a_repeated_row_is_one_row_and_cannot_be_two_steps(self) -> None:
        assert hours("A0 A0 A0", steps=["A", "A"]) == {1: 0}
        assert hours("A0 A0 A1", steps=["A", "A"]) == {1: 0, 2: 1}

    def test_rows_of_accounts_that_do_not_exist_yet_are_left_out(self) -> None:
        used = pd.DataFrame({"event_at": [ORIGIN, ORIGIN], "account_id": ["a", "late"], "user_id": ["u", "v"], "event": "A"})
        used = pd.concat([used, used.assign(event="B")])
        people = accounts(a="2026-01-05", late="2026-06-01")
        table = entrants(cs.read_dataset({"accounts": people, "events": used}, as_of="2026-02-28"), FunnelDefinition(steps=["A", "B"], within="1h"))
        assert table["account_id"].tolist() == ["a"]

    def test_a_lead_needs_no_account_and_one_that_does_not_exist_yet_is_none(self) -> None:
        touched = pd.DataFrame({"touched_at": ORIGIN, "lead_id": ["l1", "l2", "l3"], "stage": "reach", "account_id": ["a", None, "late"]})
        touched = pd.concat([touched, touched.assign(stage="trial")])
        people = accounts(a="2026-01-05", late="2026-06-01").assign(segment=["x", "y"])
        ds = cs.read_dataset({"accounts": people, "touchpoints": touched}, as_of="2026-02-28")
        table = entrants(ds, FunnelDefinition(steps=["reach", "trial"], within="1h", actor="lead", by="segment"))
        assert table["by.segment"].tolist() == ["x", "(missing)", "(missing)"]
        assert table["account_id"].isna().tolist() == [False, True, True]


class TestAttempts:
    @pytest.mark.slow
    def test_the_windows_end_is_included_and_a_microsecond_later_is_not(self) -> None:
        assert hours("A0 B10") == {1: 0, 2: 10}
        assert hours("A0 B10.000001") == {1: 0}

    @pytest.mark.slow
    def test_only_step_1_must_lie_in_the_range_whose_end_does_not_belong_to_it(self) -> None:
        assert hours("A1 A2 B9", start=2 * HOUR, end=3 * HOUR) == {1: 2, 2: 9}
        assert hours("A3 B9", start=2 * HOUR, end=3 * HOUR) == {}

    @pytest.mark.slow
    def test_first_is_the_first_start_and_best_the_one_that_gets_furthest(self) -> None:
        assert hours("A0 B20 A15 C21") == {1: 0}
        assert hours("A0 B20 A15 C21", entry="best") == {1: 15, 2: 20, 3: 21}

    def test_of_several_attempts_as_long_the_earliest_is_best(self) -> None:
        assert hours("A0 A1 B2 A12 B13", entry="best") == {1: 0, 2: 2}

    @pytest.mark.slow
    def test_a_held_value_is_the_same_in_all_rows_and_rows_without_one_are_left_out(self) -> None:
        assert hours("A0:q B1:p B2 B3:q", hold=True) == {1: 0, 2: 3}
        assert hours("A0 A1:p B2:p", hold=True) == {1: 1, 2: 2}

    def test_at_one_instant_the_smallest_held_value_starts(self) -> None:
        assert hours("A0:q A0:p B1:q B2:p", hold=True) == {1: 0, 2: 2}

    def test_best_compares_the_attempts_of_all_held_values(self) -> None:
        assert hours("A0:p A1:q B2:q", hold=True, entry="best") == {1: 1, 2: 2}


@pytest.mark.slow
class TestOrders:
    def test_equal_instants_count_in_step_order_and_other_events_between_do_not_matter(self) -> None:
        assert hours("C0 B0 A0") == {1: 0, 2: 0, 3: 0}
        assert hours("A0 C1 B2 C3") == {1: 0, 2: 2, 3: 3}

    def test_each_step_is_as_early_as_possible(self) -> None:
        assert hours("A0 B1 B2 C1.5 C3") == {1: 0, 2: 1, 3: 1.5}

    def test_a_step_named_again_after_another_needs_a_later_row_of_its_own(self) -> None:
        assert hours("A0 B0", steps=["A", "B", "A"]) == {1: 0, 2: 0}
        assert hours("A0 B0 A0.5", steps=["A", "B", "A"]) == {1: 0, 2: 0, 3: 0.5}

    def test_strict_allows_no_listed_row_between(self) -> None:
        assert hours("A0 B1 C2", order="strict") == {1: 0, 2: 1, 3: 2}
        assert hours("A0 C1 B2 C3", order="strict") == {1: 0}
        assert hours("A0 X1 B2 C3", order="strict") == {1: 0, 2: 2, 3: 3}

    def test_strict_takes_a_repetition_for_a_row_between(self) -> None:
        assert hours("A0 A1 B2 C3", order="strict") == {1: 0}
        assert hours("A0 A1 B2 C3", order="strict", entry="best") == {1: 1, 2: 2, 3: 3}
        assert hours("A0 B1 B2 C3", order="strict") == {1: 0, 2: 1}

    def test_strict_sorts_one_instant_by_step_number(self) -> None:
        assert hours("C0 B0 A0", order="strict") == {1: 0, 2: 0, 3: 0}

    def test_strict_with_a_held_value_sorts_the_rows_of_that_value(self) -> None:
        assert hours("A0:p C1:q B2:p", order="strict", hold=True) == {1: 0, 2: 2}

    def test_any_counts_steps_done_from_a_start_of_any_step(self) -> None:
        assert hours("C0 A1 C2 B3", order="any") == {1: 0, 2: 1, 3: 3}
        assert hours("C0 C1 C2", order="any") == {1: 0}

    def test_any_with_a_name_twice_needs_two_rows(self) -> None:
        assert hours("A0 B1 A2", order="any", steps=["A", "A", "B"]) == {1: 0, 2: 1, 3: 2}
        assert hours("B0 A1", order="any", steps=["A", "A", "B"]) == {1: 0, 2: 1}


@pytest.mark.slow
class TestOptions:
    def test_the_window_of_a_step_runs_from_the_row_of_the_step_before_its_end_included(self) -> None:
        assert hours("A0 B1 C3", step_within={"C": 2 * HOUR}) == {1: 0, 2: 1, 3: 3}
        assert hours("A0 B1 C3.1", step_within={"C": 2 * HOUR}) == {1: 0, 2: 1}

    def test_some_chain_of_rows_keeps_all_windows(self) -> None:
        assert hours("A0 B1 B4 C5", step_within={"C": 2 * HOUR}) == {1: 0, 2: 1, 3: 5}

    def test_an_optional_step_is_not_waited_for(self) -> None:
        assert hours("A0 C2", optional=("B",)) == {1: 0, 3: 2}
        assert hours("A0 B1 C2", optional=("B",)) == {1: 0, 2: 1, 3: 2}

    def test_an_optional_step_after_the_next_required_one_is_not_reached(self) -> None:
        assert hours("A0 C2 B3", optional=("B",)) == {1: 0, 3: 2}
        assert hours("A0 B3", optional=("B",)) == {1: 0, 2: 3}

    def test_optional_steps_side_by_side_have_no_order_among_themselves(self) -> None:
        assert hours("A0 C1 B2 D3", steps=list("ABCD"), optional=("B", "C")) == {1: 0, 2: 2, 3: 1, 4: 3}

    def test_optional_steps_make_no_attempt_better(self) -> None:
        assert hours("A0 A11 B12", optional=("B",), entry="best") == {1: 0}

    def test_an_excluded_row_ends_the_attempt_but_not_at_its_own_instant(self) -> None:
        assert hours("A0 X1 B2", exclude=("X",)) == {1: 0}
        assert hours("A0 X1 B1 C2", exclude=("X",)) == {1: 0, 2: 1}
        assert hours("A0 X0 B1", exclude=("X",)) == {1: 0, 2: 1}

    def test_with_a_held_value_the_excluded_row_must_carry_it(self) -> None:
        assert hours("A0:p X1:q B2:p", exclude=("X",), hold=True) == {1: 0, 2: 2}
        assert hours("A0:p X1:p B2:p", exclude=("X",), hold=True) == {1: 0}


class TestFollowUp:
    def watched(self, as_of: int, **options: Any) -> pd.DataFrame:
        ds = company([Row("u", "A", 0), Row("v", "A", HOUR), Row("v", "B", HOUR)], as_of=as_of)
        return entrants(ds, FunnelDefinition(steps=["A", "B"], **options)).sort_values("follow_up_days")

    def test_it_is_the_time_until_as_of_or_the_window(self) -> None:
        table = self.watched(10 * HOUR, within="10h")  # u started 10 hours ago, v 9
        assert table["complete"].tolist() == [False, True]
        assert table["follow_up_days"].tolist() == pytest.approx([9 / 24, 10 / 24], abs=1e-9)
        assert table["days_2"].isna().tolist() == [False, True]

    @pytest.mark.slow
    def test_a_microsecond_before_the_windows_end_is_not_a_full_window(self) -> None:
        full, short = (self.watched(10 * HOUR + shift, within="10h")["follow_up_days"].iloc[-1] for shift in (0, -1))
        assert round(full * 1e9) - round(short * 1e9) == 1

    @pytest.mark.slow
    def test_a_window_in_months_is_the_calendars(self) -> None:
        table = self.watched((28 + 30) * 24 * HOUR, within="1mo")  # from 5 January to 5 February are 31 days
        assert table["follow_up_days"].tolist() == [31, 31]
        assert self.watched(31 * 24 * HOUR - 1, within="1mo")["complete"].tolist() == [False, False]


class TestGroups:
    rows = [Row("u", "A", 0, value="y"), Row("u", "A", 0, value="x", account="b"), Row("u", "B", HOUR, value="z"), Row("v", "A", HOUR)]

    def groups(self, **options: Any) -> list[tuple[str, str]]:
        ds = company(self.rows)
        asked = FunnelDefinition(steps=["A", "B"], within="5h", **options)
        table = engine_of(ds).run(attempts(ds, asked).order_by("actor"))
        return list(table[[f"by.{options['by']}", "account_id"]].itertuples(index=False, name=None))

    def test_a_column_of_the_events_is_read_at_the_start_and_the_smallest_value_counts(self) -> None:
        assert self.groups(by="tag") == [("x", "a"), ("(missing)", "a")]

    @pytest.mark.slow
    def test_or_at_the_last_step_reached_or_at_the_step_of_a_number(self) -> None:
        assert self.groups(by="tag", attribution="last") == [("z", "a"), ("(missing)", "a")]
        assert self.groups(by="tag", attribution=2) == [("z", "a"), ("(missing)", "a")]

    def test_a_column_of_accounts_is_that_of_the_account_at_the_start(self) -> None:
        assert self.groups(by="segment") == [("x", "a"), ("x", "a")]

    def test_an_unknown_column_is_refused(self) -> None:
        with pytest.raises(MissingColumnsError, match="no column 'colour'"):
            self.groups(by="colour")


class TestRefusals:
    def test_a_misspelt_event_names_those_there_are(self) -> None:
        with pytest.raises(ParameterError, match=r"no event is named 'Z'; the names are A, B"):
            attempts(company(TestGroups.rows), FunnelDefinition(steps=["A", "Z"], within="1d"))

    def test_a_range_must_not_end_before_it_starts(self) -> None:
        with pytest.raises(ParameterError, match="end must be after start"):
            attempts(company(TestGroups.rows), FunnelDefinition(steps=["A", "B"], within="1d", start="2026-02-01", end="2026-02-01"))

    def test_missing_tables_and_columns_are_named(self) -> None:
        ds = company(TestGroups.rows)
        with pytest.raises(MissingTableError, match="'touchpoints'"):
            attempts(ds, FunnelDefinition(steps=["A", "B"], within="1d", actor="lead"))
        with pytest.raises(MissingColumnsError, match="'session_id'"):
            attempts(ds, FunnelDefinition(steps=["A", "B"], within="1d", actor="session"))
        with pytest.raises(MissingColumnsError, match="'project'"):
            attempts(ds, FunnelDefinition(steps=["A", "B"], within="1d", hold="project"))


EVERY_OPTION = [
    {},
    {"entry": "best"},
    {"order": "strict", "entry": "best", "step_within": {"C": "2h"}},
    {"order": "any", "steps": ["A", "A", "B"]},
    {"order": "any", "entry": "best", "exclude": "X"},
    {"step_within": {"B": "2h"}, "entry": "best", "hold": "object_id"},
    {"optional": "B", "exclude": ["X"], "hold": "object_id", "within": "1mo"},
    {"by": ["tag", "segment"], "attribution": "last", "start": "2026-01-05", "end": "2026-01-06"},
]


@pytest.mark.slow
@pytest.mark.parametrize("options", EVERY_OPTION)
def test_every_expression_compiles_for_a_warehouse_too(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    ds = company([Row("u", name, 0, held="p", value="x") for name in "ABCX"])
    queries: list[str] = []
    stage = Engine.stage
    monkeypatch.setattr(Engine, "stage", lambda engine, expression: (queries.append(compiled(expression, "databricks")), stage(engine, expression))[1])
    attempts(ds, FunnelDefinition(**{"steps": list("ABC"), "within": "1d", **options}))
    assert len(queries) >= 4
    assert all(query.lstrip().startswith(("SELECT", "WITH")) for query in queries)

"""What holds for every metric, checked on each of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.data.engine import Engine, compiled
from cs_analysis.stats.estimates import COLUMNS, check_unit
from metric_names import NAMED_OTHERWISE, OTHERS
from metrics.law_company import company, only_before, with_later_values_moved, with_odd_indexes
from metrics.law_exceptions import FACTS, ONE_ACCOUNT, WITHOUT_LIMITS

AS_OF = "2026-03-31"
RELEASED = {"login": "2025-10-01", "report": "2025-12-01"}  # otherwise the first use of all groups together says when
FUNNEL = {"steps": ["login", "report"], "within": "14d"}
ACTED = pd.DataFrame([(f"a{k:02d}", ("2025-12-10", "2026-01-12")[k % 3]) for k in range(60) if k % 3 < 2], columns=["account_id", "acted_at"])
STAGES = {"set up": "login", "working": ["report", "goal set"], "renewed": "first renewal"}
ARGUMENTS: dict[str, dict[str, Any]] = {  # of metrics that do not run with the dataset alone
    "funnel": FUNNEL,
    "time_to_convert": FUNNEL,
    "conversion_by_period": FUNNEL,
    "conversion_difference": FUNNEL,
    "conversion_change": FUNNEL,
    "adoption_curve": {"released": RELEASED},
    "rogers_categories": {"released": RELEASED},
    "onboarding_dropoff": {"steps": ["login", "report"]},  # which steps there are without it depends on all accounts
    "onboarding_csat": {"steps": ["login", "report"], "survey": "nps"},
    "net_revenue_retention": {"window": "2mo"},  # the company is younger than a year
    "gross_revenue_retention": {"window": "2mo"},
    "net_revenue_retention_without_largest": {"window": "2mo", "left_out": [1, 3]},
    "revenue_definitions": {"window": "2mo"},
    "churn_drivers": {"features": ["active_days_28"]},  # few leave
    "arpu": {"users": "active"},
    "customer_survival_outlook": {"horizon": "1mo", "families": ["weibull", "log_normal"]},  # further than the data it warns
    "customer_time": {"horizon": "60d"},
    "sla_attainment": {"targets": {"response": "12h", "resolution": "5d"}},
    "satisfaction_by_response_time": {"bands": ["4h", "1d"], "adjust_for": "topic"},
    "retention_by_response_time": {  # the company is young
        "horizon": "20d",
        "every": "month",
        "since": "2025-10-01",
        "bands": ["4h", "1d"],
        "adjust_for": "touch",
    },
    "customer_time_difference": {"horizon": "60d", "by": "segment"},
    "action_effect": {"action": ACTED, "outcome": "retention", "landmark": "20d", "horizon": "5d", "adjust_for": ["touch"]},
    "action_contrasts": {"actions": ACTED},  # the company has none of its own
    "success_map": {"stages": STAGES},  # which stages there are without it depends on all accounts
    "time_in_stage": {"stages": STAGES},
    "stage_curve": {"stages": STAGES},
    "stage_moves": {"stages": STAGES},
    "stage_outlook": {"stages": STAGES, "months": 2},
    "stage_projection_error": {"stages": STAGES, "hold_out": 1},
    "behind_wanted_share": {"stages": {"set up": "login", "value": ["report", "goal reached"]}},
    "score_change": {"period": "month"},  # the company answers in one quarter
    "ordinal_change": {"period": "month"},
    "renewal_by_score": {"every": "month", "horizon": "30d"},
}
METRICS = [name for module, names in cs._PUBLIC.items() if module.startswith("metrics.") for name in names if name not in OTHERS]
COMPARING = {"conversion_difference", "conversion_change", "customer_time_difference"}  # their groups are set against each other


def run(name: str, ds: cs.Dataset, **options: Any) -> pd.DataFrame:
    """Return a metric of a dataset."""
    return getattr(cs, name)(ds, **{**ARGUMENTS.get(name, {}), **options})


def accepting(parameter: str) -> list[str]:
    """Return the metrics that take a parameter."""
    return [name for name in METRICS if parameter in inspect.signature(getattr(cs, name)).parameters]


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    return company()


@pytest.fixture(scope="module")
def ds(tables: dict[str, pd.DataFrame]) -> cs.Dataset:
    return cs.read_dataset(tables, as_of=AS_OF)


@pytest.fixture(scope="module")
def expected(ds: cs.Dataset) -> Callable[[str], pd.DataFrame]:
    """Return what a metric says of the company: asked once."""
    return cache(lambda name: run(name, ds))


@pytest.fixture(scope="module")
def shuffled(tables: dict[str, pd.DataFrame]) -> cs.Dataset:
    return cs.read_dataset({key: frame.sample(frac=1, random_state=4) for key, frame in tables.items()}, as_of=AS_OF)


@pytest.fixture(scope="module")
def oddly_indexed(tables: dict[str, pd.DataFrame]) -> cs.Dataset:
    return cs.read_dataset(with_odd_indexes(tables), as_of=AS_OF)


@pytest.fixture(scope="module")
def given(tables: dict[str, pd.DataFrame]) -> tuple[dict[str, pd.DataFrame], cs.Dataset, dict[str, pd.DataFrame]]:
    """Return tables of our own, the dataset read from them, and its tables before any metric was asked for."""
    frames = {key: frame.copy(deep=True) for key, frame in tables.items()}
    read = cs.read_dataset(frames, as_of=AS_OF)
    return frames, read, {key: read.tables[key].to_pandas() for key in frames}


@pytest.fixture(scope="module")
def segments(tables: dict[str, pd.DataFrame]) -> dict[str, cs.Dataset]:
    """Return each segment as a company of its own."""
    members = tables["accounts"].groupby("segment")["account_id"]
    alone = {segment: {key: frame[frame["account_id"].isin(names)] for key, frame in tables.items()} for segment, names in members}
    return {segment: cs.read_dataset(frames, as_of=AS_OF) for segment, frames in alone.items()}


@pytest.fixture(scope="module")
def otherwise_later(tables: dict[str, pd.DataFrame]) -> list[cs.Dataset]:
    """Return the company without the rows after `as_of`, and with everything that is not known by then moved."""
    end = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(1, "D")
    without = only_before(tables, end)
    return [cs.read_dataset(frames, as_of=AS_OF) for frames in (without, with_later_values_moved(without, end))]


@pytest.fixture(scope="module")
def before(tables: dict[str, pd.DataFrame], ds: cs.Dataset) -> tuple[cs.Dataset, cs.Dataset]:
    """Return the company looked back on, and read as of then."""
    return ds.at("2026-02-10"), cs.read_dataset(tables, as_of="2026-02-10")


each_metric = pytest.mark.parametrize("name", METRICS)
each_grouped = pytest.mark.parametrize("name", accepting("by"))


@pytest.mark.slow
@each_metric
def test_the_table_has_the_one_shape(name: str, expected: Callable[[str], pd.DataFrame]) -> None:
    table = expected(name)
    assert len(table)
    assert tuple(table.columns[-len(COLUMNS) :]) == COLUMNS
    assert NAMED_OTHERWISE.get(name, name) in set(table["metric"])
    for unit in table["unit"]:
        check_unit(unit)
    assert table[["metric", "unit", "n"]].notna().all(axis=None)


@pytest.mark.slow
@each_grouped
def test_the_interval_contains_the_estimate_and_a_fact_has_none(name: str, ds: cs.Dataset) -> None:
    table = run(name, ds, by="segment").dropna(subset=["estimate"])
    facts = table["metric"].isin(FACTS)
    assert table.loc[facts, ["conf_low", "conf_high"]].isna().all().all()
    rates = table[~facts].dropna(subset=["conf_low", "conf_high"])
    assert ((rates["conf_low"] <= rates["estimate"]) & (rates["estimate"] <= rates["conf_high"])).all()
    assert len(rates) == (~facts).sum() or name in WITHOUT_LIMITS | ONE_ACCOUNT


def test_there_is_a_metric_for_every_exception() -> None:
    public = {name for module, names in cs._PUBLIC.items() if module.startswith("metrics.") for name in names}
    assert set(ARGUMENTS) <= set(METRICS) <= public
    assert public >= OTHERS


@pytest.mark.slow
@each_metric
def test_the_order_of_rows_does_not_matter(name: str, shuffled: cs.Dataset, expected: Callable[[str], pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(run(name, shuffled), expected(name))


@pytest.mark.slow
@each_metric
def test_the_index_does_not_matter(name: str, oddly_indexed: cs.Dataset, expected: Callable[[str], pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(run(name, oddly_indexed), expected(name))


@pytest.mark.slow
@each_metric
def test_inputs_stay_as_they_are(
    name: str, given: tuple[dict[str, pd.DataFrame], cs.Dataset, dict[str, pd.DataFrame]], tables: dict[str, pd.DataFrame]
) -> None:
    frames, read, untouched = given
    run(name, read)
    for key, frame in tables.items():
        pd.testing.assert_frame_equal(frames[key], frame)
        pd.testing.assert_frame_equal(read.tables[key].to_pandas(), untouched[key])


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in accepting("by") if name not in COMPARING])
def test_groups_equal_the_call_on_the_group_alone(name: str, segments: dict[str, cs.Dataset], ds: cs.Dataset) -> None:
    together = run(name, ds, by="segment")
    for segment, alone in segments.items():
        expected = run(name, alone)
        found = together[together["segment"] == segment].drop(columns="segment")
        if "movement" in found:  # a group alone has none to transfer to
            assert not found.loc[found["movement"] == "transfer", "estimate"].any()
            found = found[found["movement"] != "transfer"]
        keys = [column for column in expected.columns if column not in COLUMNS or column == "metric"]
        pd.testing.assert_frame_equal(
            found.sort_values(keys, ignore_index=True)[expected.columns], expected.sort_values(keys, ignore_index=True), check_dtype=False
        )


@pytest.mark.slow
@each_metric
def test_nothing_later_than_as_of_changes_a_result(name: str, otherwise_later: list[cs.Dataset], expected: Callable[[str], pd.DataFrame]) -> None:
    for other in otherwise_later:
        pd.testing.assert_frame_equal(run(name, other), expected(name))


@pytest.mark.slow
@each_metric
def test_looking_back_equals_reading_as_of_then(name: str, before: tuple[cs.Dataset, cs.Dataset]) -> None:
    back, then = before
    pd.testing.assert_frame_equal(run(name, back), run(name, then))


@pytest.mark.slow
@each_metric
def test_a_second_call_gives_the_same_to_the_last_digit(name: str, ds: cs.Dataset, expected: Callable[[str], pd.DataFrame]) -> None:
    pd.testing.assert_frame_equal(run(name, ds), expected(name), check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", accepting("conf_level"))
@pytest.mark.parametrize("conf_level", [0, 1, 95])
def test_a_confidence_level_lies_between_0_and_1(name: str, conf_level: float, ds: cs.Dataset) -> None:
    with pytest.raises(cs.errors.ParameterError, match="conf_level"):
        run(name, ds, conf_level=conf_level)


@pytest.mark.slow
@each_grouped
def test_every_expression_compiles_for_a_warehouse_too(name: str, ds: cs.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    queries: list[str] = []

    def both(engine: Engine, expression: object) -> pd.DataFrame:
        queries.append(compiled(expression, "databricks"))  # type: ignore[arg-type]
        return engine.execute(compiled(expression)).df()  # type: ignore[arg-type]

    stage = Engine.stage
    monkeypatch.setattr(Engine, "run", both)
    monkeypatch.setattr(Engine, "stage", lambda engine, expression: (queries.append(compiled(expression, "databricks")), stage(engine, expression))[1])
    run(name, ds, by="segment")
    assert queries
    assert all(query.lstrip().upper().startswith(("SELECT", "WITH")) for query in queries)

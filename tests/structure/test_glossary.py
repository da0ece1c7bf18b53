"""The glossary and the package agree, both ways: what is computed is explained, what is explained is computed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from itertools import permutations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis import glossary
from cs_analysis.stats.estimates import COLUMNS, UNITS
from metric_names import NAMED_OTHERWISE, OTHERS

UNITS_OF_ENTRIES = {*UNITS, "currency"}
FUNNEL = {"steps": ["signed_up", "created_project"], "within": "14d", "actor": "account"}
ARGUMENTS = {  # of metrics that do not run with the dataset alone
    "funnel": FUNNEL,
    "time_to_convert": FUNNEL,
    "conversion_by_period": FUNNEL,
    "conversion_difference": {**FUNNEL, "correction": "holm"},
    "conversion_change": FUNNEL,
    "comment_themes": {"labelled": "packaged"},
    "churn_drivers": {"features": ["active_days_28"]},  # few leave
    "revenue_concentration": {"groups": "segment"},
    "score_change": {"correction": "holm"},
    "customer_survival_outlook": {"horizon": "6mo"},  # further than the data it warns
    "customer_time_difference": {"by": "segment", "correction": "holm"},
    "action_effect": {"action": "quick_reply", "outcome": "retention", "quick": "2h", "adjust_for": ["segment"]},
    "customer_roi": {"benefit": "seats"},  # the sample has no amounts that customers gained
}

BOUGHT, LAST_BOUGHT = [0, 0, 0, 1, 1, 1, 2, 3, 4, 5, 8, 22], [0, 0, 0, 51, 2, 147, 202, 206, 27, 221, 209, 236]
SPENT = [0, 0, 0, 60, 5, 30, 14, 70, 20, 50, 30, 12]
PERSONS = {"account_id": range(40), "days": [*range(20), *range(60, 80)], "reports": [*range(2, 22), *range(40, 60)]}
TALKED_OF = [
    f"the {one} {two} with {three} and {four}"
    for words in ("ship harbour sail deck anchor", "bread oven flour cake butter", "horse saddle stable hay meadow", "violin concert opera cello singer")
    for one, two, three, four in list(permutations(words.split(), 4))[::8]
]


@pytest.fixture(scope="module")
def metrics() -> dict[str, Callable]:
    """Return the public functions of the room `metrics`."""
    public = {name: getattr(cs, name) for name in cs.__all__ if not name.startswith("_")}
    return {name: thing for name, thing in public.items() if inspect.isfunction(thing) and ".metrics." in thing.__module__ and name not in OTHERS}


@pytest.fixture(scope="module")
def company() -> cs.Dataset:
    """Return the tables of a small simulated company."""
    ds, _ = cs.simulate_company(accounts=60, months=14, seed=1)
    return ds


@pytest.fixture(scope="module")
def results(metrics: dict[str, Callable], company: cs.Dataset) -> dict[str, pd.DataFrame]:
    """Return what each metric function answers when it is given the dataset and no more than it asks for."""
    return {name: function(company, **ARGUMENTS.get(name, {})) for name, function in metrics.items()}


@pytest.fixture(scope="module")
def timed() -> dict[str, pd.DataFrame]:
    """Return what the functions of `stats` answer that readers meet under their own names."""
    waiting = pd.DataFrame({"duration_days": [1.0, 2.0, 4.0], "observed": [True, True, False], "ended_by": ["paid", "left", None]})
    rfm = pd.DataFrame({"frequency": BOUGHT, "recency_days": LAST_BOUGHT, "age_days": 240})
    fit = cs.fit_bg_nbd(rfm)
    forecasts = [fit.predict(), fit.predict_total(), fit.discounted_purchases(), fit.purchase_distribution("91d")]
    spend = cs.fit_gamma_gamma(pd.DataFrame({"frequency": BOUGHT, "mean_value": SPENT}))
    cox = cs.fit_cox(pd.DataFrame({"duration_days": [1, 2, 3, 4, 5], "observed": True, "seats": [2, 4, 1, 5, 3]}), ["seats"])
    health = pd.DataFrame({"account_id": list("aabb"), "at": pd.to_datetime(["2026-02-28", "2026-03-31"] * 2), "open_tickets": [0, 3, 1, 1], "mrr": 9})
    by_hand = ("health_score", "health_score_parts", "health_change", "health_rollup")
    return {
        **{name: getattr(cs, name)(health, weights={"open_tickets": 1}) for name in by_hand},
        **calibrated(),
        "fit_bg_nbd": pd.concat(forecasts, ignore_index=True),
        "fit_gamma_gamma": pd.concat([spend.predict(), spend.population_mean()], ignore_index=True),
        "fit_pareto_nbd": cs.fit_pareto_nbd(rfm).discounted_residual_transactions(),
        "median_time": cs.median_time(waiting),
        "restricted_mean_time": cs.restricted_mean_time(waiting, horizon="3d"),
        "cumulative_incidence": cs.cumulative_incidence(waiting),
        "concordance": cs.concordance(waiting, [3.0, 1.0, 2.0]),
        **rated(),
        "tagger_quality": cs.tagger_quality(),
        **grouped(),
        **tried(),
        "discovered_themes": cs.discovered_themes(pd.DataFrame({"comment": TALKED_OF}), fewest=20),
        "fit_cox": pd.concat([cox.coefficients, cox.hazard_ratios, cox.baseline()], ignore_index=True),
    }


def grouped() -> dict[str, pd.DataFrame]:
    """Return what personas and moves between them answer."""
    table = pd.DataFrame(PERSONS)
    fit = cs.fit_personas(table, k=2, most=2, null_tables=19)
    profile = cs.persona_profile(fit, table.assign(mrr=range(40)), validation=pd.DataFrame({"account_id": range(40), "segment": list("ab") * 20}))
    return {
        "fit_personas": fit.coefficients,
        "persona_migration": cs.persona_migration(fit, table, table, refit=True),
        "persona_profile": profile,
        "persona_rules": cs.persona_rules(fit, table).fidelity,
    }


def tried() -> dict[str, pd.DataFrame]:
    """Return what planned experiments answer, before and after."""
    number = np.arange(40)
    table = pd.DataFrame({"account_id": number, "group": np.where(number % 2, "beta", "general"), "kept": number % 3 > 0, "earlier": number % 5})
    return {
        "experiment_effect": cs.experiment_effect(table, outcome="kept", before="earlier"),
        "experiment_size": cs.experiment_size(base=0.5, effect=0.1, starts_per_week=20),
        "detectable_effect": cs.detectable_effect(accounts=100, base=0.5),
    }


def rated() -> dict[str, pd.DataFrame]:
    """Return what functions of a table of ratings answer."""
    number = np.arange(60)
    table = pd.DataFrame({"speed": 1 + number % 5, "price": 1 + number // 3 % 5, "overall": 1 + (number % 5 + number % 3) % 5})
    items = {"outcome": "overall", "drivers": ["speed", "price"]}
    return {"key_drivers": cs.key_drivers(table, **items, replicates=100), "penalty_reward": cs.penalty_reward(table, **items)}


def calibrated() -> dict[str, pd.DataFrame]:
    """Return what a calibrated health model and its test out of time answer."""
    number, start = np.arange(90), pd.Timestamp("2025-01-01", tz="UTC")
    sold = pd.DataFrame({"account_id": number.astype(str), "mrr": 10.0 + number % 7, "currency": "EUR", "started_at": start})
    sold["ended_at"] = (start + pd.to_timedelta(40 + 3 * number, "D")).where(number % 3 == 0)
    tables = {"accounts": sold[["account_id", "started_at"]], "subscriptions": sold.assign(subscription_id=sold["account_id"])}
    ds, options = cs.read_dataset(tables, as_of="2025-12-31"), {"horizon": "30d", "gap": "7d", "features": ["mrr", "tenure_days"]}
    fit, told = cs.fit_health(ds, **options), cs.health_predictions(ds, **options, weights={"mrr": 1}, fewest=5)
    asked = pd.DataFrame({"response_id": number, "account_id": number.astype(str), "survey": "nps", "asked_at": start, "answered_at": start})
    answered = cs.read_dataset({**tables, "responses": asked.assign(score=number % 11)}, as_of="2025-12-31")
    return {
        "score_gain": cs.score_gain(answered, over=["mrr"], horizon="30d", gap="7d", fewest=5),
        "fit_health": pd.concat([fit.coefficients, fit.predict(cs.health_features(ds, features=options["features"]))], ignore_index=True),
        **{name: getattr(cs, name)(told) for name in ("backtest_health", "health_calibration", "band_churn", "forecast_drift")},
    }


@pytest.fixture(scope="module")
def served(company: cs.Dataset) -> dict[str, pd.DataFrame]:
    """Return what the functions about the service itself answer."""
    by_default = ("availability", "outages", "usage_on_bad_days", "churn_after_outages")
    return {**{name: getattr(cs, name)(company) for name in by_default}, "latency": cs.latency(company, target_ms=300)}


@pytest.fixture(scope="module")
def emitted(results: dict[str, pd.DataFrame], timed: dict[str, pd.DataFrame], served: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return each emitted metric with its function and unit."""
    tables = [table[["metric", "unit"]].drop_duplicates().assign(function=name) for name, table in {**results, **timed, **served}.items()]
    return pd.concat(tables, ignore_index=True)


@pytest.mark.slow
def test_every_metric_answers_in_the_one_shape(results: dict[str, pd.DataFrame]) -> None:
    assert results
    assert {name: list(table.columns) for name, table in results.items() if tuple(table.columns[-len(COLUMNS) :]) != COLUMNS} == {}


@pytest.mark.slow
def test_the_main_metric_bears_the_name_of_its_function(results: dict[str, pd.DataFrame]) -> None:
    assert [name for name, table in results.items() if NAMED_OTHERWISE.get(name, name) not in set(table["metric"])] == []


@pytest.mark.slow
def test_every_metric_that_is_computed_is_explained(emitted: pd.DataFrame) -> None:
    assert set(emitted["metric"]) <= set(glossary.names())


@pytest.mark.slow
def test_every_metric_that_is_explained_is_computed(emitted: pd.DataFrame) -> None:
    assert set(glossary.names()) <= set(emitted["metric"])


@pytest.mark.slow
def test_an_entry_names_a_function_and_the_unit_that_are_used(emitted: pd.DataFrame) -> None:
    used = emitted.assign(unit=emitted["unit"].where(emitted["unit"].isin(UNITS), "currency")).groupby("metric")[["function", "unit"]].agg(set)
    wrong = [name for name, row in used.iterrows() if glossary.entry(name).function not in row["function"] or row["unit"] != {glossary.entry(name).unit}]
    assert wrong == []


@pytest.mark.parametrize("language", glossary.LANGUAGES)
@pytest.mark.parametrize("name", glossary.names())
def test_every_language_explains_every_metric(name: str, language: str) -> None:
    words = glossary.entry(name, language)
    assert all(getattr(words, field).strip() for field in glossary.TRANSLATED if field != "pitfalls")
    assert words.pitfalls
    assert all(pitfall.strip() for pitfall in words.pitfalls)
    assert words.unit in UNITS_OF_ENTRIES
    assert words.direction in {"higher", "lower", "none"}


@pytest.mark.parametrize("language", ["de", "tr"])
def test_a_translation_has_the_words_of_the_original_and_no_others(language: str) -> None:
    original, translation = glossary._texts("en"), glossary._texts(language)
    assert {section: set(words) for section, words in translation.items()} == {section: set(words) for section, words in original.items()}


@pytest.mark.parametrize("language", ["de", "tr"])
def test_a_translation_says_it_in_its_own_words(language: str) -> None:
    assert [name for name in glossary.names() if glossary.entry(name, language).definition == glossary.entry(name).definition] == []

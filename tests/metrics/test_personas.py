"""Personas: the verdict first, then who belongs to which, the same for every order, unit and repetition."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import adjusted_rand_score
from sklearn.model_selection import cross_val_predict

import cs_analysis as cs
from cs_analysis.data.simulator.parameters import Parameters
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError

CENTRES = np.array([[3.0, 3, 3], [9, 3, 9], [3, 9, 9]])
SIZES = [30, 20, 15]
QUICK = {"null_tables": 19, "most": 3}


def grouped(seed: int = 1) -> pd.DataFrame:
    """Return 65 accounts in three groups six and more standard deviations apart, and five that never used the product."""
    rng = np.random.default_rng(seed)
    values = np.repeat(CENTRES, SIZES, axis=0) + rng.normal(0, 0.7, (65, 3))
    table = pd.DataFrame(np.vstack([values, np.zeros((5, 3))]), columns=["days", "users", "reports"])
    return table.assign(account_id=[f"a{number:02d}" for number in range(70)])


def crowd(rows: int = 60) -> pd.DataFrame:
    """Return accounts without groups."""
    values = np.random.default_rng(2).normal(5, 1, (rows, 3))
    return pd.DataFrame(values, columns=["days", "users", "reports"]).assign(account_id=[f"a{number:03d}" for number in range(rows)])


@cache
def fitted() -> cs.PersonaFit:
    return cs.fit_personas(grouped(), **QUICK)


@cache
def refused() -> cs.PersonaFit:
    return cs.fit_personas(crowd(), **QUICK)


@cache
def forced() -> cs.PersonaFit:
    return cs.fit_personas(crowd(), k=3, **QUICK)


pytestmark = pytest.mark.slow


def test_groups_far_apart_are_a_structure_and_everybody_is_where_made() -> None:
    fit = fitted()
    assert (fit.verdict, fit.k, fit.forced) == ("structure", 3, False)
    assert fit.assigned["persona"].tolist() == ["A"] * 30 + ["B"] * 20 + ["C"] * 15 + ["never used"] * 5
    assert fit.assigned["margin"].isna().tolist() == [False] * 65 + [True] * 5
    assert fit.converged


def test_centres_are_in_the_features_own_unit() -> None:
    centres = fitted().centres
    assert centres["persona"].tolist() == ["A", "B", "C"]
    assert centres[["days", "users", "reports"]].to_numpy() == pytest.approx(CENTRES, abs=0.6)


def test_coefficients_are_centres_in_standard_deviations_with_limits() -> None:
    table = fitted().coefficients
    assert set(table["metric"]) == {"persona_centre"}
    assert table["n"].tolist() == [30] * 3 + [20] * 3 + [15] * 3
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()


def test_stability_and_valleys_are_told() -> None:
    fit = fitted()
    assert fit.stability["finding"].tolist() == ["stable"] * 3
    assert fit.stability["accounts"].tolist() == SIZES
    told = fit.diagnostics.set_index("check")
    assert told.loc["p value", "value"] == 0.05
    assert told.loc["accounts never used", "value"] == 5
    assert {"silhouette k=2", "BIC k=1", "stability A", "valley A to B"} <= set(told.index)


def test_without_groups_no_persona_is_drawn_and_nobody_is_given_one() -> None:
    fit = refused()
    assert (fit.verdict, fit.k) == ("no structure", 0)
    assert fit.assigned["persona"].isna().all()
    assert fit.centres.empty
    assert fit.coefficients.empty
    with pytest.raises(NotEnoughDataError, match=r"the verdict is 'no structure'\. The best silhouette is 0"):
        fit.predict(crowd())


def test_who_never_used_the_product_is_known_without_groups_too() -> None:
    table = crowd()
    table.loc[:3, ["days", "users", "reports"]] = 0.0
    fit = cs.fit_personas(table, **QUICK)
    assert fit.verdict == "no structure"
    assert (fit.assigned["persona"] == "never used").tolist() == [True] * 4 + [False] * 56


def test_one_crowd_that_is_bent_is_no_structure() -> None:
    """Features that follow one exponential trait have groups beyond those of any normal copula, and no valley between them."""
    rng = np.random.default_rng(5)
    values = rng.exponential(size=(300, 1)) + 0.5 * rng.standard_normal((300, 4))
    table = pd.DataFrame(values).add_prefix("use_").assign(account_id=range(300))
    fit = cs.fit_personas(table, **QUICK)
    assert fit.diagnostics.set_index("check").loc["p value", "value"] == 0.05
    assert (fit.verdict, fit.k) == ("no structure", 0)


def test_a_number_that_is_asked_for_is_made_and_the_verdict_stays() -> None:
    fit = forced()
    assert (fit.verdict, fit.k, fit.forced) == ("no structure", 3, True)
    assert set(fit.assigned["persona"]) == {"A", "B", "C"}
    assert fit.diagnostics.set_index("check").loc["number of personas", "finding"] == "forced"
    assert "unstable" in fit.stability["finding"].tolist() or fit.stability["jaccard"].min() < 0.75


def test_a_single_crowd_is_one_group_by_a_mixture() -> None:
    fit = cs.fit_personas(crowd(), method="mixture", **QUICK)
    assert (fit.verdict, fit.k) == ("no structure", 0)


def test_a_mixture_finds_the_groups_too() -> None:
    fit = cs.fit_personas(grouped(), method="mixture", **QUICK)
    assert fit.k == 3
    assert fit.assigned["persona"].tolist() == fitted().assigned["persona"].tolist()
    assert np.isfinite(fit.log_likelihood)


def test_new_accounts_go_to_the_nearest_or_to_nobody() -> None:
    new = pd.DataFrame({"account_id": ["far", "idle", "like B", "lacking"], "days": [900.0, 0, 9, 3], "users": [3.0, 0, 3, np.nan], "reports": [3.0, 0, 9, 3]})
    told = fitted().predict(new)
    assert told["account_id"].tolist() == ["far", "idle", "lacking", "like B"]
    assert told["persona"].tolist() == ["unassigned", "never used", "unassigned", "B"]
    assert told["margin"].isna().tolist() == [False, True, True, False]


def test_of_the_accounts_that_made_them_few_are_unassigned_and_the_others_stay() -> None:
    told = fitted().predict(grouped())["persona"]
    outside = told == "unassigned"
    assert outside.sum() == 3  # the one furthest from each centre is beyond the quantile of 99 %
    assert told[~outside].tolist() == fitted().assigned["persona"][~outside].tolist()


def test_an_absent_column_is_missed() -> None:
    with pytest.raises(MissingColumnsError, match="users"):
        fitted().predict(grouped().drop(columns="users"))


def same(first: cs.PersonaFit, second: cs.PersonaFit) -> None:
    pd.testing.assert_frame_equal(first.assigned, second.assigned, check_exact=True)
    pd.testing.assert_frame_equal(first.coefficients, second.coefficients, check_exact=True)
    pd.testing.assert_frame_equal(first.diagnostics, second.diagnostics, check_exact=True)
    pd.testing.assert_frame_equal(first.stability, second.stability, check_exact=True)


def test_a_second_fit_is_the_same_to_the_last_digit_and_so_is_one_of_shuffled_rows() -> None:
    same(fitted(), cs.fit_personas(grouped().sample(frac=1, random_state=3), **QUICK))


def test_the_unit_of_a_feature_does_not_matter() -> None:
    other = cs.fit_personas(grouped().assign(days=lambda table: table["days"] * 1000), **QUICK)
    assert other.verdict == "structure"
    assert other.assigned["persona"].tolist() == fitted().assigned["persona"].tolist()
    assert other.centres["days"].to_numpy() == pytest.approx(1000 * fitted().centres["days"].to_numpy())


def test_inputs_stay_as_they_are() -> None:
    table = grouped()
    cs.fit_personas(table, **QUICK)
    pd.testing.assert_frame_equal(table, grouped())


def test_accounts_that_are_alike_stand_for_several() -> None:
    table = pd.concat([grouped(), grouped().assign(account_id=lambda each: each["account_id"] + "x")])
    fit = cs.fit_personas(table, **QUICK)
    assert fit.assigned["persona"].value_counts().to_dict() == {"A": 60, "B": 40, "C": 30, "never used": 10}


def test_a_constant_column_is_dropped_and_it_is_said() -> None:
    fit = cs.fit_personas(grouped().assign(seats=5), never_used="keep", columns=["days", "users", "reports", "seats"], **QUICK)
    assert fit.columns == ("days", "users", "reports")
    assert fit.prepared["scale"].tolist()[-1] == "dropped: constant"
    assert fit.diagnostics.set_index("check").loc["column seats", "finding"] == "constant"
    fit.predict(grouped())


def test_who_lacks_a_value_is_refused_left_out_or_given_the_median() -> None:
    table = grouped()
    table.loc[0, "users"] = np.nan
    with pytest.raises(ParameterError, match="the first 'a00': users"):
        cs.fit_personas(table, **QUICK)
    assert cs.fit_personas(table, missing="complete", **QUICK).assigned["persona"][0] == "unassigned"
    assert cs.fit_personas(table, missing="median", **QUICK).assigned["persona"][0] == "A"


@pytest.mark.parametrize(
    ("table", "options", "says"),
    [
        (crowd(19), {}, "at least 20 accounts"),
        (crowd(39), {"k": 4}, "at least 40 accounts"),
        (crowd()[["account_id", "days"]], {}, r"at least two features that vary among the accounts \(these do: days\)"),
        (crowd().assign(days=1, users=1, reports=1), {}, "these do: none"),
        (crowd().assign(days=[0, 1] * 30, users=[1, 0] * 30)[["account_id", "days", "users"]], {}, "there are 2"),
    ],
    ids=["few", "few for four", "one column", "all equal", "two different rows"],
)
def test_what_is_too_little_is_refused(table: pd.DataFrame, options: dict, says: str) -> None:
    with pytest.raises(NotEnoughDataError, match=says):
        cs.fit_personas(table, **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"k": 1}, "k must be a whole number from 2"),
        ({"k": 2.5}, "k must be a whole number"),
        ({"method": "magic"}, "method must be one of 'kmeans', 'mixture'"),
        ({"missing": "zero"}, "missing must be one of"),
        ({"never_used": "drop"}, "never_used must be one of"),
        ({"null_tables": 18}, "null_tables must be at least 19"),
        ({"conf_level": 1.0}, "conf_level must lie between"),
        ({"rng": None}, "rng must be a seed"),
    ],
)
def test_arguments_are_checked(options: dict, says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        cs.fit_personas(crowd(), **options)


def test_true_personas_that_run_into_each_other_are_found_about_half_as_well_as_anybody_could_who_knew_them() -> None:
    """The simulator's personas differ by rates of use that overlap: a forest taught with the truth reaches an adjusted Rand index of 0.37 for others."""
    ds, truth = cs.simulate_company(accounts=600, months=12)
    columns = ["active_days_28", "active_users_28", "seat_share_28", "features_used_28", "key_uses_per_user_28"]
    features = cs.health_features(ds, features=columns)
    fit = cs.fit_personas(features, k=4, null_tables=19)
    told = fit.assigned[fit.assigned["persona"] != "never used"].set_index("account_id")["persona"]
    true = truth.latent.set_index("account_id")["persona"].reindex(told.index)
    forest = RandomForestClassifier(200, min_samples_leaf=5, random_state=0)
    reachable = adjusted_rand_score(true, cross_val_predict(forest, features.set_index("account_id").loc[told.index, columns], true, cv=5))
    reached = adjusted_rand_score(true, told)
    assert 0.3 < reachable < 0.5
    assert reached > 0.4 * reachable
    assert fit.verdict != "structure"


@pytest.mark.slow
def test_true_personas_that_keep_apart_are_found() -> None:
    """Ten times the sessions, or five times the users: three personas of equal size, in companies of equal size."""
    usual = Parameters()
    market = replace(usual.market, persona_level=(0.0, 0.0, 0.0, -9.0), persona_fit=(0.0,) * 4, seats_log=(2.5,) * 3, seats_sd=0.1)
    steady = {"sessions_sd": 0.1, "sessions_fit": 0.0, "users_power": 0.0, "invite_days": 2.0, "early": 1.0, "decline": 1.0, "free": 1.0}
    usage = replace(usual.usage, sessions_a_day=(3.0, 3.0, 0.3, 0.05), users_engaged=(0.95, 0.2, 0.2, 0.2), **steady)
    ds, truth = cs.simulate_company(accounts=300, months=12, parameters=replace(usual, usage=usage, market=market))
    fit = cs.fit_personas(cs.health_features(ds, features=["active_days_28", "active_users_28", "seat_share_28"]), null_tables=19)
    told = fit.assigned[fit.assigned["persona"] != "never used"].set_index("account_id")["persona"]
    assert (fit.verdict, fit.k) == ("structure", 3)
    assert adjusted_rand_score(truth.latent.set_index("account_id")["persona"].reindex(told.index), told) > 0.85

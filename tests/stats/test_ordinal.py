"""Ordinal regression: against R's ordinal and MASS, by hand, under sums of rows and clusters, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import ConvergenceError, MissingColumnsError, NotEnoughDataError, ParameterError

GOLDEN = Path(__file__).parent.parent / "golden" / "ordinal"
DATA, COEFFICIENTS, COVARIANCE, TESTS, SHARES = (
    pd.read_csv(GOLDEN / f"{name}.csv") for name in ("data", "coefficients", "covariance", "tests", "probabilities")
)
CASES = ("wine", "housing", "wine_joined")
LINKS = ("logit", "probit")
each_case = pytest.mark.parametrize("case", CASES)
each_link = pytest.mark.parametrize("link", LINKS)


def case_rows(case: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the covariates of a public data set, and its answers, weights and clusters."""
    own = DATA[DATA["case"] == case]
    x = own.pivot_table(index="row", columns="term", values="value")[list(dict.fromkeys(own["term"]))]
    return x, own.drop_duplicates("row").set_index("row").loc[x.index]


def expected(table: pd.DataFrame, **where: str) -> pd.DataFrame:
    """Return the rows of R's results."""
    for column, value in where.items():
        table = table[table[column] == value]
    assert len(table)
    return table


def random_rows(seed: int, size: int = 120) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return covariates, answers and owners."""
    rng = np.random.default_rng(seed)
    x = pd.DataFrame({"new": rng.integers(0, 2, size), "seats": rng.integers(1, 4, size)})
    owner = rng.integers(0, 25, size)
    hidden = 0.8 * x["new"] - 0.3 * x["seats"] + rng.normal(size=25)[owner] + rng.logistic(size=size)
    return x, np.digitize(hidden, [-1.5, 0, 1.5]), owner


@each_link
@each_case
def test_equals_clm(case: str, link: str) -> None:
    x, rows = case_rows(case)
    fit = cs.fit_ordinal(x, rows["y"], weights=rows["weight"], link=link)
    given = expected(COEFFICIENTS, case=case, link=link)
    assert fit.coefficients["term"].tolist() == given["term"].tolist()
    np.testing.assert_allclose(fit.coefficients["estimate"], given["clm"], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), given["se"], rtol=1e-9)
    np.testing.assert_allclose(fit.covariance.to_numpy().ravel(), expected(COVARIANCE, case=case, link=link)["covariance"], rtol=1e-7, atol=1e-12)
    assert fit.log_likelihood == pytest.approx(given["log_likelihood"].iloc[0], rel=1e-12)
    assert fit.converged
    assert set(fit.coefficients["n"]) == {rows["weight"].sum()}


@each_link
@each_case
def test_equals_polr(case: str, link: str) -> None:
    x, rows = case_rows(case)
    fit = cs.fit_ordinal(x, rows["y"], weights=rows["weight"], link=link)
    np.testing.assert_allclose(fit.coefficients["estimate"], expected(COEFFICIENTS, case=case, link=link)["polr"], rtol=2e-5, atol=1e-5)


@each_link
@each_case
def test_predicted_shares_equal_clm(case: str, link: str) -> None:
    x, rows = case_rows(case)
    fit = cs.fit_ordinal(x, rows["y"], weights=rows["weight"], link=link)
    found = fit.predict(x.drop_duplicates())
    given = expected(SHARES, case=case, link=link).sort_values(["combination", "category"])
    np.testing.assert_allclose(found["estimate"], given["share"], rtol=1e-8)
    logit_error = given["se"] / (given["share"] * (1 - given["share"]))
    half = np.log(found["conf_high"] / (1 - found["conf_high"])) - np.log(found["estimate"] / (1 - found["estimate"]))
    np.testing.assert_allclose(half / 1.959963984540054, logit_error, rtol=1e-6)
    np.testing.assert_allclose(found.groupby("row")["estimate"].sum(), 1, rtol=1e-12)


@pytest.mark.parametrize(("method", "link"), [("likelihood_ratio", "logit"), ("likelihood_ratio", "probit"), ("brant", "logit")])
@pytest.mark.parametrize("case", CASES[1:])
def test_checks_of_proportional_odds_equal_r(case: str, link: str, method: str) -> None:
    x, rows = case_rows(case)
    found = cs.proportional_odds_test(x, rows["y"], weights=rows["weight"], method=method, link=link)
    given = expected(TESTS, case=case, link=link, method=method)
    assert found["term"].tolist() == given["term"].tolist()
    assert found["df"].tolist() == given["df"].tolist()
    np.testing.assert_allclose(found["statistic"], given["statistic"], rtol=1e-7, atol=1e-9)


@each_link
@pytest.mark.parametrize("case", CASES[1:])
def test_the_score_test_is_close_to_the_likelihood_ratio_and_needs_no_larger_fit(case: str, link: str) -> None:
    x, rows = case_rows(case)
    found = cs.proportional_odds_test(x, rows["y"], weights=rows["weight"], link=link)
    np.testing.assert_allclose(found["statistic"], expected(TESTS, case=case, link=link, method="likelihood_ratio")["statistic"], rtol=0.1, atol=0.05)
    wine, ratings = case_rows("wine")  # some cuts are separated: the larger model has no maximum
    assert cs.proportional_odds_test(wine, ratings["y"], link=link)["p_value"].between(0, 1).all()


def test_two_groups_by_hand() -> None:
    # odds above 1: 2:2 and 3:1, above 2: 1:3 and 2:2: three times as high at both cuts
    fit = cs.fit_ordinal(pd.DataFrame({"new": [0] * 4 + [1] * 4}), [1, 1, 2, 3, 1, 2, 3, 3])
    np.testing.assert_allclose(fit.coefficients["estimate"], [0, np.log(3), np.log(3)], atol=1e-9)
    assert fit.odds_ratios["estimate"].tolist() == pytest.approx([3.0])
    assert fit.coefficients["term"].tolist() == ["1|2", "2|3", "new"]
    check = cs.proportional_odds_test(pd.DataFrame({"new": [0] * 4 + [1] * 4}), [1, 1, 2, 3, 1, 2, 3, 3])
    np.testing.assert_allclose(check["statistic"], 0, atol=1e-12)


def test_without_covariates_thresholds_are_those_of_the_shares() -> None:
    fit = cs.fit_ordinal(pd.DataFrame(index=range(10)), [1] * 2 + [2] * 3 + [3] * 5)
    np.testing.assert_allclose(fit.coefficients["estimate"], [np.log(0.2 / 0.8), 0.0], atol=1e-9)


@each_link
def test_weights_stand_for_rows(link: str) -> None:
    x, y, _ = random_rows(1)
    times = np.random.default_rng(2).integers(0, 4, len(x))
    by_weight = cs.fit_ordinal(x, y, weights=times, link=link)
    by_row = cs.fit_ordinal(x.loc[x.index.repeat(times)], np.repeat(y, times), link=link)
    pd.testing.assert_frame_equal(by_weight.coefficients, by_row.coefficients, rtol=1e-9)
    assert by_weight.log_likelihood == pytest.approx(by_row.log_likelihood)


def test_order_and_scale_of_rows_do_not_matter() -> None:
    x, y, owner = random_rows(3)
    fit = cs.fit_ordinal(x, y, clusters=owner)
    mixed = np.random.default_rng(0).permutation(len(x))
    again = cs.fit_ordinal(x.iloc[mixed] * [1, 1000] + [5, 0], y[mixed], clusters=owner[mixed].astype("str"))
    np.testing.assert_allclose(again.coefficients["estimate"].tail(2) * [1, 1000], fit.coefficients["estimate"].tail(2), rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(again.covariance))[-2:] * [1, 1000], np.sqrt(np.diag(fit.covariance))[-2:], rtol=1e-7)


def test_the_clustered_covariance_is_that_of_numerical_scores() -> None:
    x, y, owner = random_rows(4)
    fit = cs.fit_ordinal(x, y, clusters=owner)
    point = fit.coefficients["estimate"].to_numpy()

    def each(parameters: np.ndarray) -> np.ndarray:
        below = 1 / (1 + np.exp(-(parameters[:3] - (x.to_numpy() @ parameters[3:])[:, None])))
        shares = np.diff(np.column_stack([np.zeros(len(x)), below, np.ones(len(x))]), axis=1)
        return np.log(shares[np.arange(len(x)), y])

    step = 1e-5
    scores = np.column_stack([(each(point + step * unit) - each(point - step * unit)) / (2 * step) for unit in np.eye(5)])
    sums = np.array([scores[owner == one].sum(axis=0) for one in np.unique(owner)])
    bread = cs.fit_ordinal(x, y).covariance.to_numpy()
    expected_covariance = bread @ (sums.T @ sums) @ bread * len(sums) / (len(sums) - 1)
    np.testing.assert_allclose(fit.covariance, expected_covariance, rtol=1e-5, atol=1e-9)
    half = (fit.coefficients["conf_high"] - fit.coefficients["estimate"]) / np.sqrt(np.diag(fit.covariance))
    assert len(sums) == 24
    np.testing.assert_allclose(half, 2.0686576, rtol=1e-6)  # t with 23 degrees of freedom


@pytest.mark.slow
def test_equals_statsmodels_without_weights() -> None:
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    x, y, _ = random_rows(5)
    theirs = OrderedModel(y, x, distr="logit").fit(method="newton", disp=False, maxiter=100)
    fit = cs.fit_ordinal(x, y)
    thresholds = OrderedModel(y, x, distr="logit").transform_threshold_params(theirs.params.to_numpy())[1:-1]  # log increments after the first
    np.testing.assert_allclose(fit.coefficients["estimate"], [*thresholds, *theirs.params[:2]], rtol=1e-6)


def test_one_cluster_a_row_gives_the_robust_tests_of_rows() -> None:
    x, y, _ = random_rows(6, size=400)
    alone = cs.proportional_odds_test(x, y, clusters=np.arange(400))
    plain = cs.proportional_odds_test(x, y)
    np.testing.assert_allclose(alone["statistic"], plain["statistic"], rtol=0.25, atol=0.3)
    brant = cs.proportional_odds_test(x, y, clusters=np.arange(400), method="brant")
    np.testing.assert_allclose(brant["statistic"], plain["statistic"], rtol=0.25, atol=0.3)


def test_a_departure_is_found_and_its_term_named() -> None:
    spread = {0: [1] * 10 + [2] * 30 + [3] * 10, 1: [1] * 25 + [3] * 25}  # as good on average, only wider
    x = pd.DataFrame({"new": np.repeat([0, 1], 50), "other": np.tile([0, 1], 50)})
    found = cs.proportional_odds_test(x, spread[0] + spread[1]).set_index("term")["p_value"]
    assert found["new"] < 1e-6
    assert found["other"] > 0.05
    only = cs.proportional_odds_test(x, spread[0] + spread[1], terms=["new"])
    assert only["term"].tolist() == ["(all)", "new"]
    assert only["p_value"].iloc[0] == only["p_value"].iloc[1]


def test_categories_may_be_named_in_order() -> None:
    words = pd.Categorical(["bad", "good", "bad", "fine", "good", "fine"], categories=["bad", "fine", "good", "great"], ordered=True)
    fit = cs.fit_ordinal(pd.DataFrame({"new": [0, 0, 0, 1, 1, 1]}), words)
    assert fit.levels == ("bad", "fine", "good")
    assert fit.coefficients["term"].tolist() == ["bad|fine", "fine|good", "new"]
    with pytest.raises(ParameterError, match="must be ordered"):
        cs.fit_ordinal(pd.DataFrame({"new": [0, 0, 0, 1, 1, 1]}), pd.Categorical(list("aabbcc")))


@each_link
def test_separation_is_named(link: str) -> None:
    x = pd.DataFrame({"a": [0, 0, 0, 1, 1, 1], "b": [0, 1, 0, 1, 0, 1]})
    with pytest.raises(ConvergenceError, match=r"no maximum: along 'a'"):
        cs.fit_ordinal(x, [1, 2, 2, 3, 3, 4], link=link)
    with pytest.raises(ConvergenceError, match="no maximum"):
        cs.fit_ordinal(x[["a"]], [1, 2, 2, 2, 2, 3], link=link)  # nobody with a = 1 below, nobody with a = 0 above
    with pytest.raises(ConvergenceError, match="no maximum"):
        cs.fit_ordinal(x[["a"]], [1, 1, 1, 2, 2, 2], link=link)


def test_a_strong_effect_is_no_separation() -> None:
    x = pd.DataFrame({"a": [0] * 1000 + [1] * 1000})
    fit = cs.fit_ordinal(x, [1] * 999 + [2] + [2] * 999 + [1])
    assert fit.coefficients["estimate"].iloc[-1] == pytest.approx(2 * np.log(999))


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ({"a": [0, 1, 0, 1]}, [2, 2, 2, 2], {}, "two categories"),
        ({"a": [0, 1, 0, 1]}, [1, 2, 2, 3], {"clusters": [7, 7, 7, 7]}, "two clusters"),
        ({"a": [0, 1, 0, 1], "b": [1, 1, 0, 0]}, [1, 2, 2, 3], {"clusters": [7, 7, 8, 8]}, "2 clusters say nothing"),
    ],
)
def test_too_little_is_told(x: dict[str, list[int]], y: list[int], options: dict[str, list[int]], message: str) -> None:
    with pytest.raises(NotEnoughDataError, match=message):
        cs.fit_ordinal(pd.DataFrame(x), y, **options)


@pytest.mark.parametrize(
    ("x", "y", "options", "message"),
    [
        ({"a": [0, None, 0, 1]}, [1, 2, 2, 3], {}, "a must have a finite value in every row.* row 2"),
        ({"a": [0, 1, 0, 1]}, [1, 2, None, 3], {}, "y must have .* row 3"),
        ({"a": [0, 1, 0, 1]}, [1, 2, 2, 3], {"weights": [1, 1, 1, -1]}, "weights must have .* row 4"),
        ({"a": [5, 5, 5, 5]}, [1, 2, 2, 3], {}, "'a' is the same in all rows"),
        ({"a": [0, 1, 0, 1], "b": [2, 0, 2, 0]}, [1, 2, 2, 3], {}, "combination of others"),
        ({"a": [0, 1, 0, 1]}, [1, 2, 2], {}, "as many rows"),
        ({"a": [0, 1, 0, 1]}, [1, 2, 2, 3], {"link": "cloglog"}, "link must be"),
    ],
)
def test_what_is_refused(x: dict[str, list[float]], y: list[float], options: dict[str, object], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        cs.fit_ordinal(pd.DataFrame(x), y, **options)  # type: ignore[arg-type]


def test_what_the_check_refuses() -> None:
    x, y, owner = random_rows(7)
    with pytest.raises(ParameterError, match="method must be"):
        cs.proportional_odds_test(x, y, method="wald")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match="does not go with clusters"):
        cs.proportional_odds_test(x, y, method="likelihood_ratio", clusters=owner)
    with pytest.raises(ParameterError, match="does not go with link=probit"):
        cs.proportional_odds_test(x, y, method="brant", link="probit")
    with pytest.raises(MissingColumnsError, match="no column 'sets'"):
        cs.proportional_odds_test(x, y, terms=["sets"])
    with pytest.raises(NotEnoughDataError, match="three categories"):
        cs.proportional_odds_test(x, y > 1)
    with pytest.raises(NotEnoughDataError, match="clusters cannot tell"):
        cs.proportional_odds_test(x, y, clusters=owner % 4)


def test_predict_asks_for_its_covariates() -> None:
    x, y, _ = random_rows(8)
    fit = cs.fit_ordinal(x, y)
    with pytest.raises(MissingColumnsError, match="no column 'seats'"):
        fit.predict(x[["new"]])
    with pytest.raises(ParameterError, match="link='logit'"):
        _ = cs.fit_ordinal(x, y, link="probit").odds_ratios


def test_few_clusters_and_answers_are_said() -> None:
    x, y, owner = random_rows(9)
    findings = cs.fit_ordinal(x, y, clusters=owner).diagnostics.set_index("check")["finding"]
    assert findings.to_dict() == {"gradient": "ok", "clusters": "few clusters", "smallest_category": "ok"}


@pytest.mark.slow
def test_a_million_rows_take_little_more_than_adding_them_up() -> None:
    rng = np.random.default_rng(1)
    x = pd.DataFrame({"new": rng.integers(0, 2, 1_000_000), "seats": rng.integers(0, 5, 1_000_000)})
    y = np.digitize(0.3 * x["new"] - 0.1 * x["seats"] + rng.logistic(size=1_000_000), np.linspace(-2.5, 2.5, 10))
    fit = cs.fit_ordinal(x, y, clusters=rng.integers(0, 5000, 1_000_000))
    truth = [0.3, -0.1]
    assert (fit.coefficients["conf_low"].tail(2) < truth).all()
    assert (fit.coefficients["conf_high"].tail(2) > truth).all()

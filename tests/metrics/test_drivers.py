import re
import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose

import cs_analysis as cs
from cs_analysis.errors import MissingColumnsError, NotEnoughDataError, ParameterError
from cs_analysis.metrics.drivers import IMPORTANCE_NOTE, key_drivers
from cs_analysis.stats.estimates import COLUMNS

GOLDEN = Path(__file__).parents[1] / "golden" / "importance"
ITEMS = ["speed", "price", "help", "looks", "docs"]


def ratings(seed: int, rows: int, *, loading: float = 0.5, own: tuple[float, ...] = (0.6, 0.3, 0.0, 0.0, 0.0), mood: float = 0.0) -> pd.DataFrame:
    """Return five ratings of 1 to 5 with one shared part, and an outcome of single items, the shared part, and chance."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=rows)
    behind = np.sqrt(loading) * shared[:, None] + np.sqrt(1 - loading) * rng.normal(size=(rows, 5))
    overall = behind @ np.array(own) + mood * shared + 0.6 * rng.normal(size=rows)
    table = pd.DataFrame(np.clip(np.round(3.4 + behind), 1, 5), columns=ITEMS)
    return table.assign(overall=np.clip(np.round(3.4 + overall), 1, 5), account_id=rng.integers(0, max(rows // 3, 2), rows))


def drivers_of(table: pd.DataFrame, **options: object) -> pd.DataFrame:
    return key_drivers(table, **{"outcome": "overall", "drivers": ITEMS, "replicates": 200, **options})


def value(found: pd.DataFrame, metric: str, driver: str = "(all)", column: str = "estimate") -> float:
    (one,) = found.loc[(found["metric"] == metric) & (found["driver"] == driver), column]
    return one


def test_the_employee_survey_of_r() -> None:
    table, wanted = pd.read_csv(GOLDEN / "attitude.csv"), pd.read_csv(GOLDEN / "importance.csv").query("data == 'attitude'")
    found = key_drivers(table, outcome="rating", drivers=list(wanted["driver"]), replicates=500)
    for method in ("lmg", "johnson"):
        rows = found[found["metric"] == method]
        assert rows["driver"].tolist() == wanted["driver"].tolist()
        assert_allclose(rows["estimate"], wanted[method], rtol=1e-10)
        assert rows["estimate"].sum() == pytest.approx(value(found, "r_squared"))
    assert value(found, "r_squared") == pytest.approx(0.732601992531149)
    assert found.loc[found["metric"] == "driver_rank", "estimate"].tolist() == [1, 4, 2, 3, 6, 5]
    lead = found[found["metric"] == "driver_lead"].iloc[0]
    assert (lead["driver"], lead["over"]) == ("complaints", "learning")
    assert lead["estimate"] == pytest.approx(0.3708161943 - 0.1557659902)
    assert value(found, "driver_correlation", "complaints") == pytest.approx(table["rating"].corr(table["complaints"]))
    # critical alone is hardly more than the noise that 30 rows make
    assert value(found, "lmg", "critical") < value(found, "importance_of_noise", "(noise)", "conf_high")
    assert value(found, "lmg", "critical", "conf_low") == 0


def test_the_table_has_the_one_shape() -> None:
    found = drivers_of(ratings(0, 150), cluster="account_id")
    assert tuple(found.columns) == ("driver", "over", "verdict", *COLUMNS)
    limited = found[found["metric"] != "answered_share"]
    assert limited["conf_low"].notna().all()
    assert ((limited["conf_low"] <= limited["estimate"]) & (limited["estimate"] <= limited["conf_high"])).all()
    assert set(found.loc[found["metric"] != "answered_share", "n"]) == {150}
    ranked = found[found["metric"] == "driver_rank"]
    assert (ranked[["conf_low", "conf_high"]] == ranked[["conf_low", "conf_high"]].round()).all(axis=None)


def test_order_of_rows_kind_of_table_and_index_do_not_matter() -> None:
    table = ratings(1, 120)
    first = drivers_of(table, cluster="account_id")
    before = table.copy()
    for other in (table.sample(frac=1, random_state=1).set_index("account_id", drop=False), pl.from_pandas(table)):
        pd.testing.assert_frame_equal(drivers_of(other, cluster="account_id"), first, rtol=1e-9)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.slow
def test_accounts_with_many_copies_of_an_answer_widen_the_limits() -> None:
    single = ratings(2, 80).assign(account_id=np.arange(80))
    copied = pd.concat([single] * 5, ignore_index=True)
    widths = {}
    for name, table, cluster in (("single", single, None), ("copies", copied, "account_id"), ("as if new", copied, None)):
        found = drivers_of(table, cluster=cluster, replicates=1000)
        widths[name] = value(found, "lmg", "speed", "conf_high") - value(found, "lmg", "speed", "conf_low")
    assert widths["copies"] == pytest.approx(widths["single"], rel=0.1)
    assert widths["as if new"] < 0.6 * widths["single"]


def test_pure_halo_is_called_one_impression_and_spread_evenly() -> None:
    found = drivers_of(ratings(3, 800, loading=0.75, own=(0, 0, 0, 0, 0), mood=1.0))
    assert value(found, "halo_share", column="verdict") == "one impression"
    parts = found.loc[found["metric"] == "lmg", "estimate"]
    assert parts.max() / parts.min() < 1.5
    assert value(found, "halo_r_squared") > 0.95 * value(found, "r_squared")
    assert value(found, "halo_share", column="conf_low") > value(found, "halo_share_by_chance", column="conf_high")


def test_distinct_drivers_are_not() -> None:
    found = drivers_of(ratings(4, 800, loading=0.15))
    assert value(found, "halo_share", column="verdict") == "several impressions"
    assert value(found, "driver_lead", "speed", "conf_low") > 0
    assert value(found, "driver_rank", "speed", "conf_high") == 1
    assert value(found, "halo_r_squared") < 0.7 * value(found, "r_squared")


def test_two_blocks_are_several_impressions() -> None:
    rng = np.random.default_rng(5)
    first, second = rng.normal(size=(2, 500, 1))
    second = 0.3 * first + np.sqrt(1 - 0.09) * second
    table = pd.DataFrame(np.hstack([first + 0.4 * rng.normal(size=(500, 3)), second + 0.4 * rng.normal(size=(500, 3))]), columns=list("abcdef"))
    found = key_drivers(table.assign(y=first[:, 0] + rng.normal(size=500)), outcome="y", drivers=list("abcdef"), replicates=200)
    assert value(found, "halo_share") > 0.55
    assert value(found, "halo_share", column="verdict") == "several impressions"


def test_few_rows_show_neither() -> None:
    found = drivers_of(ratings(6, 14, loading=0.5))
    assert value(found, "halo_share", column="verdict") == "not shown"


def test_unrelated_drivers_are_within_noise() -> None:
    table = ratings(7, 400, loading=0.0, own=(0.6, 0.0, 0.0, 0.0, 0.0))
    found = drivers_of(table)
    noise = value(found, "importance_of_noise", "(noise)", "conf_high")
    assert value(found, "lmg", "speed") > 20 * noise
    assert all(value(found, "lmg", item, "conf_low") == 0 for item in ITEMS[1:])


def test_missing_answers_must_be_explained() -> None:
    table = ratings(8, 100)
    table.loc[:9, "help"] = None
    table.loc[5:7, "docs"] = None
    with pytest.raises(ParameterError, match=re.escape("of 100 rows answers are missing for 'help' in 10, 'docs' in 3; 90 rows are complete")):
        drivers_of(table)
    complete = drivers_of(table, missing="complete")
    pd.testing.assert_series_equal(complete["estimate"].iloc[:10], drivers_of(table.dropna())["estimate"].iloc[:10])
    assert value(complete, "answered_share", "help") == 0.9
    assert value(complete, "answered_share") == 0.9
    assert complete.loc[complete["metric"] == "answered_share", "n"].unique().tolist() == [100]


def test_pairwise_uses_the_rows_of_each_pair() -> None:
    table = ratings(9, 300)
    table["help"] = table["help"].mask(np.arange(300) % 4 == 0)
    found = drivers_of(table, missing="pairwise")
    assert value(found, "driver_correlation", "help") == pytest.approx(table["help"].corr(table["overall"]))
    assert value(found, "driver_correlation", "speed") == pytest.approx(table["speed"].corr(table["overall"]))


@pytest.mark.slow
def test_not_applicable_is_neither_dropped_nor_a_middle_answer() -> None:
    rng = np.random.default_rng(10)
    concerned = rng.random(4000) < 0.5
    item = rng.integers(1, 6, 4000).astype(float)
    other = rng.integers(1, 6, 4000).astype(float)
    overall = 0.8 * other + np.where(concerned, 1.0 * (item - 3), 1.0) + rng.normal(size=4000)
    table = pd.DataFrame({"item": np.where(concerned, item, np.nan), "other": other, "overall": overall})
    found = key_drivers(table, outcome="overall", drivers=["item", "other"], missing="not_applicable", replicates=100)
    # variances: other .64 x 2 = 1.28; item half of 2 about the mean 0, and a step of 1 between halves: 1 + .25; noise 1. R2 parts by hand:
    whole = 1.28 + 1.25 + 1
    assert value(found, "lmg", "item") == pytest.approx(1.25 / whole, abs=0.025)
    assert value(found, "lmg", "other") == pytest.approx(1.28 / whole, abs=0.025)
    assert value(found, "answered_share") == 1
    ordinal = key_drivers(
        table.assign(overall=overall.round()), outcome="overall", drivers=["item", "other"], missing="not_applicable", ordinal=True, replicates=100
    )
    assert value(ordinal, "lmg", "item") == pytest.approx(1.25 / whole, abs=0.03)


def test_a_row_without_outcome_or_any_driver_does_not_count() -> None:
    table = ratings(11, 60)
    more = pd.concat([table, pd.DataFrame({"overall": [5.0, None], "speed": [None, 4.0]})], ignore_index=True)
    found = drivers_of(more, missing="not_applicable")
    assert_allclose(found.loc[found["metric"] == "lmg", "estimate"], drivers_of(table).query("metric == 'lmg'")["estimate"])
    assert value(found, "answered_share", "(outcome)") == pytest.approx(61 / 62)
    assert value(found, "answered_share") == pytest.approx(60 / 62)


@pytest.mark.slow
def test_an_ordinal_outcome_is_only_ordered() -> None:
    table = ratings(12, 500)
    first = drivers_of(table, ordinal=True)
    stretched = table.assign(overall=table["overall"].map({1: 1, 2: 2, 3: 3, 4: 10, 5: 500}))
    assert_allclose(drivers_of(stretched, ordinal=True)["estimate"], first["estimate"], rtol=1e-6)
    assert abs(value(drivers_of(stretched), "r_squared") - value(drivers_of(table), "r_squared")) > 0.1
    assert value(first, "r_squared") > value(drivers_of(table), "r_squared")


def test_one_driver_has_its_squared_correlation_and_no_rival() -> None:
    table = ratings(13, 50)
    found = drivers_of(table, drivers="speed", method="lmg")
    assert value(found, "lmg", "speed") == pytest.approx(table["speed"].corr(table["overall"]) ** 2)
    assert set(found["metric"]) == {"lmg", "r_squared", "driver_rank", "importance_of_noise", "driver_correlation", "answered_share"}


def test_many_drivers_need_johnson() -> None:
    rng = np.random.default_rng(14)
    table = pd.DataFrame(rng.normal(size=(100, 23)), columns=[f"d{number}" for number in range(22)] + ["y"])
    names = list(table.columns[:-1])
    with pytest.raises(ParameterError, match="all orders of 22 drivers"):
        key_drivers(table, outcome="y", drivers=names, replicates=100)
    found = key_drivers(table, outcome="y", drivers=names, method="johnson", replicates=100)
    assert found.loc[found["metric"] == "johnson", "estimate"].sum() == pytest.approx(value(found, "r_squared"))


def test_a_single_account_has_no_limits() -> None:
    found = drivers_of(ratings(15, 40).assign(account_id="only"), cluster="account_id")
    assert found["conf_low"].isna().all()
    assert value(found, "halo_share", column="verdict") == "not shown"
    assert "importance_of_noise" not in set(found["metric"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"method": "shapley"}, ParameterError, "method must be 'lmg', 'johnson' or a list of them, not 'shapley'"),
        ({"method": []}, ParameterError, "method must be"),
        ({"replicates": 50}, ParameterError, "replicates must be at least 100"),
        ({"conf_level": 95}, ParameterError, "conf_level must lie between 0 and 1"),
        ({"rng": None}, ParameterError, "rng must be a seed"),
        ({"missing": "pairwise", "ordinal": True}, ParameterError, "an ordinal outcome needs whole rows"),
        ({"outcome": "overal"}, MissingColumnsError, "Did you mean 'overall'"),
        ({"cluster": "csm"}, MissingColumnsError, "no column 'csm'"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        drivers_of(ratings(16, 30), **options)


def test_fewer_rows_than_drivers_are_refused() -> None:
    with pytest.raises(NotEnoughDataError, match=r"so many drivers \(5\) need at least 7 rows with answers; there are 6"):
        drivers_of(ratings(17, 30).head(6))
    with pytest.raises(ParameterError, match="a Dataset or the table"):
        drivers_of([1, 2, 3])


def test_the_note_says_what_importance_is_not() -> None:
    assert "association" in IMPORTANCE_NOTE
    assert "not what would happen" in IMPORTANCE_NOTE


@pytest.mark.slow
def test_answers_of_a_dataset_side_by_side() -> None:
    day = pd.Timestamp("2026-03-01", tz="UTC")
    rows = [
        ("a", "u", "nps", 3, 9),
        ("a", "u", "nps", 1, 2),
        ("a", "u", "csat", 2, 4),
        ("a", "v", "csat", 5, 2),
        ("b", None, "nps", 4, 7),
        ("b", "w", "nps", 90, 1),
    ]
    responses = pd.DataFrame(rows, columns=["account_id", "user_id", "survey", "day", "score"])
    responses = responses.assign(asked_at=day, answered_at=day + pd.to_timedelta(responses["day"], "D"), response_id=range(6)).drop(columns="day")
    accounts = pd.DataFrame({"account_id": ["a", "b"], "started_at": day})
    ds = cs.read_dataset({"accounts": accounts, "responses": responses}, as_of="2026-04-01")
    wide = cs.answers_wide(ds, surveys=["nps", "csat"])
    assert wide.drop(columns="respondent").fillna(-1).to_numpy().tolist() == [["a", 9, 4], ["a", -1, 2], ["b", 7, -1]]  # the last by as_of
    assert cs.answers_wide(ds, surveys=["nps", "csat"], unit="account").fillna(-1).to_numpy().tolist() == [["a", 9, 3], ["b", 7, -1]]
    with pytest.raises(ParameterError, match="none twice"):
        cs.answers_wide(ds, surveys=["nps", "nps"])
    with pytest.raises(ParameterError, match="unit must be 'respondent' or 'account', not 'user'"):
        cs.answers_wide(ds, surveys="nps", unit="user")


@pytest.mark.slow
@pytest.mark.coverage
def test_limits_contain_the_truth_as_often_as_they_promise(repository: Path) -> None:
    """A part of benchmarks/coverage/drivers.py: 50 samples of 150 accounts, simulation error of 95 % is 3.1 points."""
    study = runpy.run_path(str(repository / "benchmarks" / "coverage" / "drivers.py"))
    found = study["study"](50, sizes=(150,))
    held = found[found["metric"].isin(["lmg", "johnson", "driver_lead", "driver_correlation"])]
    assert held["coverage"].between(0.84, 1).all(), held
    assert held["coverage"].mean() > 0.92

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.metrics.penalty_reward import penalty_reward
from cs_analysis.stats.estimates import COLUMNS

GOLDEN = Path(__file__).parents[1] / "golden" / "importance"


def ratings(rows: int, *, effects: dict[str, tuple[float, float]], seed: int = 0, noise: float = 0.5) -> pd.DataFrame:
    """Return ratings of 1 to 5 with the given penalty and reward of each item."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.integers(1, 6, rows) for name in effects})
    overall = sum(low * (table[name] <= 2) + high * (table[name] == 5) for name, (low, high) in effects.items())
    return table.assign(overall=5 + overall + noise * rng.normal(size=rows))


def kinds(found: pd.DataFrame) -> dict[str, str]:
    return found[found["metric"] == "penalty_reward"].set_index("driver")["verdict"].to_dict()


def test_equals_r_with_clustered_limits() -> None:
    found = penalty_reward(pd.read_csv(GOLDEN / "ratings.csv"), outcome="overall", drivers=["speed", "price"], cluster="account")
    wanted = pd.read_csv(GOLDEN / "contrasts.csv")
    assert tuple(found.columns) == ("driver", "verdict", *COLUMNS)
    assert found[["metric", "driver"]].to_numpy().tolist() == wanted[["metric", "driver"]].to_numpy().tolist()
    assert_allclose(found[["estimate", "conf_low", "conf_high", "n"]], wanted[["estimate", "conf_low", "conf_high", "n"]], rtol=1e-10)
    assert kinds(found) == {"speed": "basic", "price": "excitement"}


def test_means_by_hand_with_one_item() -> None:
    table = pd.DataFrame({"speed": [1, 2, 3, 4, 4, 5, 5], "overall": [2, 4, 5, 6, 7, 8, 9]})  # low mean 3, middle 6, high 8.5
    found = penalty_reward(table, outcome="overall", drivers=["speed"]).set_index("metric")
    assert found["estimate"].round(9).to_dict() == {"penalty": -3, "reward": 2.5, "penalty_reward": -0.5}
    assert found["n"].to_dict() == {"penalty": 2, "reward": 2, "penalty_reward": 7}
    # residuals -1 1 | -1 0 1 | -.5 .5; variance of the penalty: (2/4 + 2/9) x n/(n-1) (n-1)/(n-k) = .7222 x 7/4, of 7 single rows; t(6) = 2.4469
    assert found.loc["penalty", "conf_high"] == pytest.approx(-3 + 2.446912 * np.sqrt((2 / 4 + 2 / 9) * 7 / 4))


def test_kinds_are_claimed_where_limits_allow() -> None:
    effects = {"basic": (-1.0, 0.1), "delight": (-0.1, 1.0), "linear": (-0.8, 0.8), "nothing": (0.0, 0.0)}
    found = kinds(penalty_reward(ratings(3000, effects=effects), outcome="overall", drivers=list(effects)))
    assert found == {"basic": "basic", "delight": "excitement", "linear": "performance", "nothing": "not shown"}


def test_few_answers_claim_nothing() -> None:
    effects = {"basic": (-0.5, 0.1), "delight": (-0.1, 0.5), "linear": (-0.4, 0.4)}
    found = kinds(penalty_reward(ratings(40, effects=effects, noise=1.0), outcome="overall", drivers=list(effects)))
    assert set(found.values()) == {"not shown"}


def test_alike_is_measured_by_the_factor() -> None:
    table = ratings(4000, effects={"item": (-1.0, 0.7)})
    calls = {factor: kinds(penalty_reward(table, outcome="overall", drivers=["item"], factor=factor))["item"] for factor in (1.2, 2.0)}
    assert calls == {1.2: "basic", 2.0: "performance"}


def test_borders_by_item() -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"ten": rng.integers(0, 11, 500), "five": rng.integers(1, 6, 500)})
    table["overall"] = np.where(table["ten"] <= 6, -2.0, 0.0) + rng.normal(size=500) * 0.1
    found = penalty_reward(table, outcome="overall", drivers=["ten", "five"], low={"ten": 6, "five": 2}, high={"ten": 9, "five": 5})
    assert found.loc[0, "estimate"] == pytest.approx(-2, abs=0.05)
    assert found.loc[0, "n"] == (table["ten"] <= 6).sum()
    with pytest.raises(ParameterError, match="must be said for ratings other than 1 to 5; 'ten' has 0"):
        penalty_reward(table, outcome="overall", drivers=["ten", "five"])


def test_an_item_without_low_answers_has_no_penalty() -> None:
    table = ratings(200, effects={"a": (-1.0, 0.5), "b": (-1.0, 0.5)})
    table["a"] = table["a"].clip(lower=3)
    found = penalty_reward(table, outcome="overall", drivers=["a", "b"]).set_index(["metric", "driver"])
    assert found.loc[[("penalty", "a"), ("penalty_reward", "a")], "estimate"].isna().all()
    # half of the middle answers were low, with the outcome 1 less: high ones lie .5 + .5 above
    assert found.loc[("reward", "a"), "estimate"] == pytest.approx(1.0, abs=0.2)
    assert found.loc[("penalty_reward", "a"), "verdict"] == "not shown"
    assert found.loc[("penalty", "b"), "conf_high"] < 0


def test_not_applicable_is_held_apart() -> None:
    table = ratings(2000, effects={"a": (-1.0, 0.5), "b": (-0.5, 0.2)})
    gone = np.random.default_rng(2).random(2000) < 0.3
    table = table.assign(a=table["a"].astype(float).mask(gone), overall=np.where(gone, 9.0, table["overall"]))
    found = penalty_reward(table, outcome="overall", drivers=["a", "b"], missing="not_applicable").set_index(["metric", "driver"])
    assert found.loc[("penalty", "a"), "estimate"] == pytest.approx(-1, abs=0.1)
    assert found.loc[("penalty_reward", "a"), "n"] == 2000
    with pytest.raises(ParameterError, match="answers are missing for 'a'"):
        penalty_reward(table, outcome="overall", drivers=["a", "b"])


def test_a_single_account_has_no_limits() -> None:
    table = ratings(50, effects={"a": (-1.0, 0.5)}).assign(account="only")
    found = penalty_reward(table, outcome="overall", drivers=["a"], cluster="account")
    assert found["conf_low"].isna().all()
    assert kinds(found) == {"a": "not shown"}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"factor": 1}, ParameterError, "factor must be above 1, such as 2, not 1"),
        ({"missing": "pairwise"}, ParameterError, "penalties and rewards need whole rows"),
        ({"low": 5, "high": 4}, ParameterError, "low must lie below high; for 'a' they are 5 and 4"),
        ({"low": {"b": 2}, "high": 5}, ParameterError, "low must name a border for every driver; 'a' has none"),
        ({"low": 2, "high": 3}, NotEnoughDataError, r"'a' has low \d+, middle 0, high \d+\. Set `low` and `high`"),
        ({"low": 0, "high": 6}, NotEnoughDataError, "'a' has low 0, middle 60, high 0"),
        ({"conf_level": 1}, ParameterError, "conf_level must lie between 0 and 1"),
        ({"drivers": ["a", "copy"]}, ParameterError, r"'copy' is determined by 'a'"),
        ({"drivers": ["a", "halves"]}, ParameterError, r"'halves \(low\)' is determined by 'a \(low\)'"),
    ],
)
def test_what_is_out_of_range_is_refused(options: dict, error: type[Exception], message: str) -> None:
    table = ratings(60, effects={"a": (-1.0, 0.5)}, seed=3)
    table = table.assign(copy=6 - table["a"], halves=table["a"].map({1: 2, 2: 1, 3: 4, 4: 3, 5: 5}))
    with pytest.raises(error, match=message):
        penalty_reward(table, **{"outcome": "overall", "drivers": ["a"], **options})

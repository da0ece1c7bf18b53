"""The bootstrap against a plain loop, scipy on the same replicates, and a normal law it must agree with."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import stats

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.stats import resampling
from cs_analysis.stats.resampling import bootstrap, largest_share


def kept(sums: pd.DataFrame) -> pd.Series:
    return sums["kept"] / sums["start"]


@pytest.fixture
def accounts() -> pd.DataFrame:
    """Return skewed amounts at the start and what was kept of them, one row an account."""
    rng = np.random.default_rng(3)
    start = rng.lognormal(5, 1, 60).round(2)
    return pd.DataFrame({"start": start, "kept": start * rng.choice([0, 0.5, 1.0], 60, p=[0.15, 0.1, 0.75])})


class Recorder:
    """A statistic that remembers what it returned."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []

    def __call__(self, sums: pd.DataFrame) -> pd.Series:
        self.seen.append(kept(sums).to_numpy())
        return kept(sums)


class TestResult:
    def test_one_row_of_estimates(self, accounts: pd.DataFrame) -> None:
        found = bootstrap(accounts, kept, rng=1, metric="gross_revenue_retention", unit="share")
        assert list(found.columns) == ["metric", "unit", "estimate", "conf_low", "conf_high", "n"]
        row = found.iloc[0]
        assert (row["metric"], row["unit"], row["n"]) == ("gross_revenue_retention", "share", 60)
        assert row["estimate"] == pytest.approx(accounts["kept"].sum() / accounts["start"].sum(), rel=1e-12)
        assert row["conf_low"] < row["estimate"] < row["conf_high"]

    def test_names_by_default(self, accounts: pd.DataFrame) -> None:
        assert bootstrap(accounts, kept, rng=1, replicates=100)[["metric", "unit"]].to_numpy().tolist() == [["bootstrap", "ratio"]]

    def test_several_numbers_of_the_same_replicates(self, accounts: pd.DataFrame) -> None:
        def both(sums: pd.DataFrame) -> pd.DataFrame:
            return pd.DataFrame({"kept": kept(sums), "lost": 1 - kept(sums)})

        found = bootstrap(accounts, both, rng=1, method="percentile", unit="share")
        assert found["metric"].tolist() == ["kept", "lost"]
        assert_frame_equal(found.iloc[:1], bootstrap(accounts, kept, rng=1, method="percentile", metric="kept", unit="share"))
        # what is lost is one minus what is kept, in every replicate: the limits change places
        assert found["conf_low"].iloc[1] == pytest.approx(1 - found["conf_high"].iloc[0], rel=1e-12)
        assert bootstrap(accounts, both, rng=1)["conf_high"].iloc[1] == pytest.approx(1 - bootstrap(accounts, kept, rng=1)["conf_low"].iloc[0], rel=1e-6)


class TestLargestShare:
    def test_by_hand(self) -> None:
        # 60 of 10 + 60 + 30; of refunds 5 of 2 + 5 + 3 whatever their sign; nothing of nothing
        table = pd.DataFrame({"mrr": [10, 60, 30], "refunds": [2.0, -5.0, 3.0], "none": 0})
        found = largest_share(table)
        np.testing.assert_allclose(found["estimate"], [0.6, 0.5, np.nan])
        assert found["sum"].tolist() == ["mrr", "refunds", "none"]
        assert found["n"].tolist() == [3, 3, 3]
        assert found[["conf_low", "conf_high"]].isna().all(axis=None)

    def test_equal_accounts_and_a_single_one(self) -> None:
        assert largest_share(pd.DataFrame({"mrr": [7] * 8}))["estimate"].tolist() == [1 / 8]
        assert largest_share(pd.DataFrame({"mrr": [7]}))["estimate"].tolist() == [1]

    def test_no_cluster(self, accounts: pd.DataFrame) -> None:
        with pytest.raises(NotEnoughDataError, match="no cluster"):
            largest_share(accounts.iloc[:0])


class TestOtherImplementations:
    @pytest.mark.parametrize(("method", "theirs"), [("bca", "BCa"), ("percentile", "percentile")])
    @pytest.mark.parametrize("conf_level", [0.8, 0.95])
    def test_limits_equal_scipy_on_the_same_replicates(self, accounts: pd.DataFrame, method: str, theirs: str, conf_level: float) -> None:
        statistic = Recorder()
        found = bootstrap(accounts, statistic, rng=1, method=method, conf_level=conf_level).iloc[0]
        replicates = next(values for values in statistic.seen if len(values) == 2000)
        limits = stats.bootstrap(
            (accounts["kept"], accounts["start"]),
            lambda part, whole, axis=-1: part.sum(axis) / whole.sum(axis),
            paired=True,
            vectorized=True,
            n_resamples=0,
            bootstrap_result=SimpleNamespace(bootstrap_distribution=replicates),
            confidence_level=conf_level,
            method=theirs,
        ).confidence_interval
        assert (found["conf_low"], found["conf_high"]) == (pytest.approx(limits.low, rel=1e-9), pytest.approx(limits.high, rel=1e-9))

    @pytest.mark.slow
    def test_replicates_are_spread_like_those_of_a_plain_loop(self, accounts: pd.DataFrame) -> None:
        statistic, rng = Recorder(), np.random.default_rng(9)
        bootstrap(accounts, statistic, rng=1, replicates=4000)
        ours = next(values for values in statistic.seen if len(values) == 4000)
        loop = [kept(accounts.iloc[rng.integers(0, 60, 60)].sum()) for _ in range(4000)]
        assert stats.ks_2samp(ours, loop).pvalue > 0.01

    def test_mean_of_many_is_the_normal_interval(self) -> None:
        values = np.random.default_rng(4).normal(10, 2, 400)
        table = pd.DataFrame({"value": values, "one": 1})
        found = bootstrap(table, lambda sums: sums["value"] / sums["one"], rng=1, replicates=8000).iloc[0]
        half = 1.96 * values.std() / 20
        assert found["conf_low"] == pytest.approx(values.mean() - half, abs=0.015)
        assert found["conf_high"] == pytest.approx(values.mean() + half, abs=0.015)


class TestLaws:
    def test_a_seed_is_a_result(self, accounts: pd.DataFrame) -> None:
        first = bootstrap(accounts, kept, rng=1)
        assert_frame_equal(bootstrap(accounts, kept, rng=1), first)
        assert_frame_equal(bootstrap(accounts, kept, rng=np.random.default_rng(1)), first)
        assert bootstrap(accounts, kept, rng=2)["conf_low"].iloc[0] != first["conf_low"].iloc[0]

    def test_row_order_and_index_do_not_matter_and_inputs_stay(self, accounts: pd.DataFrame) -> None:
        mixed = accounts.sample(frac=1, random_state=0).set_index(np.arange(60) * 7)
        before = mixed.copy(deep=True)
        assert_frame_equal(bootstrap(mixed, kept, rng=1), bootstrap(accounts, kept, rng=1))
        assert_frame_equal(mixed, before)

    def test_blocks_do_not_matter(self, accounts: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = bootstrap(accounts, kept, rng=1)
        monkeypatch.setattr(resampling, "_CELLS_PER_BLOCK", 60 * 7)
        assert_frame_equal(bootstrap(accounts, kept, rng=1), whole, rtol=1e-12)

    def test_money_columns_of_exact_decimals(self, accounts: pd.DataFrame) -> None:
        exact = accounts.map(lambda value: Decimal(str(value)))
        assert_frame_equal(bootstrap(exact, kept, rng=1), bootstrap(accounts, kept, rng=1))


class TestMissingLimits:
    def limits(self, table: pd.DataFrame, statistic: object = kept, **options: object) -> list[float]:
        return bootstrap(table, statistic, rng=1, **options)[["conf_low", "conf_high"]].iloc[0].tolist()

    def test_a_single_cluster(self) -> None:
        found = bootstrap(pd.DataFrame({"start": [10], "kept": [7]}), kept, rng=1).iloc[0]
        assert (found["estimate"], found["n"]) == (0.7, 1)
        assert found[["conf_low", "conf_high"]].isna().all()

    @pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
    def test_replicates_that_do_not_vary(self, accounts: pd.DataFrame, share: float) -> None:
        assert np.isnan(self.limits(accounts.assign(kept=accounts["start"] * share))).all()

    @pytest.mark.parametrize("method", ["bca", "percentile"])
    def test_a_limit_among_infinite_replicates(self, method: str) -> None:
        # one of ten accounts has a denominator: (9/10)^10 = 35 % of the replicates are infinite, the largest ones
        table = pd.DataFrame({"gained": 1.0, "lost": [1.0] + [0.0] * 9})
        low, high = self.limits(table, lambda sums: sums["gained"] / sums["lost"], method=method)
        assert low == pytest.approx(10 / 4, abs=1)
        assert np.isnan(high)

    def test_undefined_replicates_count_as_beyond_either_end(self) -> None:
        table = pd.DataFrame({"start": [1.0] + [0.0] * 9, "kept": [1.0] + [0.0] * 9})
        assert np.isnan(self.limits(table)).all()

    def test_few_undefined_replicates_leave_the_limits(self) -> None:
        # without a denominator in (5/10)^10 = .1 % of the replicates
        table = pd.DataFrame({"start": [1.0, 2.0, 3.0, 4.0, 5.0] + [0.0] * 5, "kept": [0.0, 1.0, 3.0, 2.0, 5.0] + [0.0] * 5})
        low, high = self.limits(table, method="percentile")
        assert 0 < low < 11 / 15 < high <= 1


class TestInput:
    def test_no_cluster(self, accounts: pd.DataFrame) -> None:
        with pytest.raises(NotEnoughDataError, match="no cluster to resample"):
            bootstrap(accounts.iloc[:0], kept, rng=1)

    @pytest.mark.parametrize("rng", [None, True, -1, 1.5, "seed"])
    def test_randomness_must_be_given(self, accounts: pd.DataFrame, rng: object) -> None:
        with pytest.raises(ParameterError, match="rng must be a seed"):
            bootstrap(accounts, kept, rng=rng)

    @pytest.mark.parametrize("values", [["a"] * 60, [np.nan] + [1.0] * 59, [np.inf] + [1.0] * 59])
    def test_columns_must_be_numbers(self, accounts: pd.DataFrame, values: list[object]) -> None:
        with pytest.raises(ParameterError, match="column 'account_id' holds something else"):
            bootstrap(accounts.assign(account_id=values), kept, rng=1)

    def test_the_statistic_must_return_one_number_a_row(self, accounts: pd.DataFrame) -> None:
        for wrong in (lambda sums: sums.to_numpy(), lambda sums: 0.5, lambda sums: sums.iloc[:0], lambda sums: sums[["kept", "kept"]]):
            with pytest.raises(ParameterError, match="statistic must return one number, or a table of named numbers, for each of 1 rows"):
                bootstrap(accounts, wrong, rng=1)

    def test_too_few_replicates(self, accounts: pd.DataFrame) -> None:
        with pytest.raises(ParameterError, match="replicates must be at least 100"):
            bootstrap(accounts, kept, rng=1, replicates=10)

    def test_unknown_method(self, accounts: pd.DataFrame) -> None:
        with pytest.raises(ParameterError, match="method must be 'bca' or 'percentile', not 'basic'"):
            bootstrap(accounts, kept, rng=1, method="basic")

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases

STAYS = {"a": 10, "b": 40, "c": 60, "d": 60, "e": 90, "f": None}


def company(**options: object) -> cs.Dataset:
    """Return customers of 1 January 2026: x stays 10, 40 and 60 days, y 60, 90 and on."""
    begun = pd.Timestamp("2026-01-01")
    rows = [(f"s{name}", name, "2026-01-01", None if days is None else str((begun + pd.Timedelta(days, "D")).date()), 10.0) for name, days in STAYS.items()]
    people = accounts(**dict.fromkeys(STAYS, "2026-01-01")).assign(segment=list("xxxyyy"), region=list("nsnsns"), third=list("pqrpqr"))
    return cs.read_dataset({"accounts": people, "subscriptions": phases(*rows)}, as_of="2026-04-30", **options)


class TestCustomerTime:
    def test_the_mean_of_days_up_to_the_horizon(self) -> None:
        # up to day 80: x (10 + 40 + 60) / 3, y (60 + 80 + 80) / 3
        table = cs.customer_time(company(), horizon="80d", by="segment")
        assert table[["segment", "n"]].values.tolist() == [["x", 3], ["y", 3]]
        assert table["estimate"].tolist() == pytest.approx([110 / 3, 220 / 3])
        assert set(table["unit"]) == {"days"}

    def test_a_horizon_beyond_what_was_seen_has_no_figure(self) -> None:
        table = cs.customer_time(company(), by="segment")  # a year; all of x had left by day 60
        assert table["estimate"].tolist() == pytest.approx([110 / 3, np.nan], nan_ok=True)

    def test_equals_the_mean_of_the_stays_in_a_table(self) -> None:
        rng = np.random.default_rng(4)
        days = rng.integers(1, 100, 40)
        rows = [(f"s{n}", f"a{n}", "2026-01-01", str((pd.Timestamp("2026-01-01") + pd.Timedelta(int(d), "D")).date()), 1.0) for n, d in enumerate(days)]
        ds = cs.read_dataset({"accounts": accounts(**{f"a{n}": "2026-01-01" for n in range(40)}), "subscriptions": phases(*rows)}, as_of="2026-04-30")
        assert cs.customer_time(ds, horizon="50d")["estimate"].iloc[0] == pytest.approx(np.minimum(days, 50).mean())


class TestDifference:
    def test_a_group_minus_all_others(self) -> None:
        table = cs.customer_time_difference(company(), by="segment", horizon="80d")
        assert table[["segment", "n"]].values.tolist() == [["x", 3]]
        assert table["estimate"].tolist() == pytest.approx([-110 / 3])

    def test_of_three_groups_each_is_compared_with_the_two_others(self) -> None:
        # p 10 and 60, q 40 and 80, r 60 and 80
        table = cs.customer_time_difference(company(), by="third", horizon="80d", correction="holm")
        gaps = table[table["metric"] == "customer_time_difference"]
        assert gaps["estimate"].tolist() == pytest.approx([35 - 65, 60 - 52.5, 70 - 47.5])
        assert gaps["n"].tolist() == [2, 2, 2]
        assert table["comparisons"].unique().tolist() == [3]
        adjusted = table.loc[table["metric"] == "customer_time_adjusted_p_value", "estimate"]
        assert adjusted.between(0, 1).all()
        assert len(adjusted) == 3

    @pytest.mark.parametrize("by", [None, ["segment", "region"]])
    def test_groups_are_made_by_one_column(self, by: object) -> None:
        with pytest.raises(cs.errors.ParameterError, match="by must name one column"):
            cs.customer_time_difference(company(), by=by)

    def test_an_unknown_correction_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match="correction must be"):
            cs.customer_time_difference(company(), by="segment", horizon="80d", correction="bonferroni")


def log_rank(rows: list[tuple[str, str, int, bool]]) -> float:
    """Return the chi-square of two groups from (stratum, group, days, left), end by end."""
    gap, variance = 0.0, 0.0
    for stratum in {row[0] for row in rows}:
        layer = [row for row in rows if row[0] == stratum]
        for day in {row[2] for row in layer if row[3]}:
            at_risk = [row for row in layer if row[2] >= day]
            n, first = len(at_risk), sum(row[1] == "x" for row in at_risk)
            ends = sum(row[2] == day and row[3] for row in layer)
            gap += sum(row[2] == day and row[3] and row[1] == "x" for row in layer) - ends * first / n
            variance += 0 if n == 1 else ends * (first / n) * (1 - first / n) * (n - ends) / (n - 1)
    return gap**2 / variance


class TestTest:
    @pytest.mark.parametrize("strata", [None, "region"])
    def test_equals_the_sum_over_the_ends(self, strata: str | None) -> None:
        rows = [
            (region if strata else "", segment, STAYS[name] or 120, STAYS[name] is not None)
            for name, segment, region in zip("abcdef", "xxxyyy", "nsnsns", strict=True)
        ]
        table = cs.churn_test(company(), by="segment", strata=strata)
        assert table.shape == (1, 3)
        assert table["statistic"].iloc[0] == pytest.approx(log_rank(rows))
        assert table["df"].iloc[0] == 1

    @pytest.mark.parametrize(("by", "strata"), [(None, None), ("segment", "segment")])
    def test_groups_and_strata_are_different_columns(self, by: object, strata: object) -> None:
        with pytest.raises(cs.errors.ParameterError, match="by must name columns, and none of strata"):
            cs.churn_test(company(), by=by, strata=strata)


class TestBand:
    @pytest.mark.slow
    def test_it_is_the_curve_with_wider_limits(self) -> None:
        ds, _ = cs.simulate_company(accounts=80, months=10, seed=2)
        band, curve = cs.customer_survival_band(ds), cs.customer_survival(ds)
        pd.testing.assert_frame_equal(band.drop(columns=["conf_low", "conf_high"]), curve.drop(columns=["conf_low", "conf_high"]))
        inside = band["conf_low"].notna()
        width = (band["conf_high"] - band["conf_low"])[inside]
        assert (width > (curve["conf_high"] - curve["conf_low"])[inside]).mean() > 0.9

    def test_outside_the_stretch_there_are_no_limits(self) -> None:
        band = cs.customer_survival_band(company(), between=[30, 70], method="equal_precision")
        assert band.set_index("time_days")["conf_low"].notna().to_dict() == {10.0: False, 40.0: True, 60.0: True, 90.0: False}

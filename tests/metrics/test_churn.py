import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from helpers import accounts, phases


def company(as_of: str = "2026-04-15", **options: object) -> cs.Dataset:
    tables = {
        "accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-02-05", d="2026-01-01").assign(segment=["x", "x", "y", "y"]),
        "subscriptions": phases(
            ("s1", "a", "2026-01-01", None, 10),
            ("s2", "b", "2026-01-01", "2026-02-15", 10),  # lost in February
            ("s3", "c", "2026-02-05", "2026-02-20", 10),  # joined and left inside February
            ("s4", "d", "2026-01-01", "2026-03-05", 10),  # left in March ...
            ("s5", "d", "2026-03-20", None, 10),  # ... and back by its end
        ),
    }
    return cs.read_dataset(tables, as_of=as_of, **options)


def rates(table: pd.DataFrame, metric: str = "logo_churn_rate") -> dict[str, tuple[float, int]]:
    rows = table[table["metric"] == metric]
    return {f"{row.period:%Y-%m}": (row.estimate, row.n) for row in rows.itertuples() if row.n}


class TestLogoChurnRate:
    def test_lost_over_customers_at_the_start(self) -> None:
        assert rates(cs.logo_churn_rate(company())) == {"2026-02": (pytest.approx(1 / 3), 3), "2026-03": (0.0, 2)}

    def test_joined_and_left_inside_is_counted_apart(self) -> None:
        assert rates(cs.logo_churn_rate(company()), "joined_and_left") == {"2026-02": (1.0, 3), "2026-03": (0.0, 2)}

    @pytest.mark.slow
    def test_the_unfinished_month_has_no_row(self) -> None:
        table = cs.logo_churn_rate(company("2026-03-30"))
        assert table["period"].max() == pd.Timestamp("2026-02-01")
        assert cs.logo_churn_rate(company("2026-03-31"))["period"].max() == pd.Timestamp("2026-03-01")

    def test_quarters_see_leaving_and_coming_back_as_neither(self) -> None:
        table = cs.logo_churn_rate(company("2026-06-30"), period="quarter")
        assert rates(table) == {"2026-04": (0.0, 2)}

    def test_without_customers_at_the_start_the_rate_is_missing(self) -> None:
        table = cs.logo_churn_rate(company())
        january = table[(table["period"] == "2026-01-01") & (table["metric"] == "logo_churn_rate")].iloc[0]
        assert january["n"] == 0
        assert np.isnan(january[["estimate", "conf_low", "conf_high"]].astype(float)).all()

    def test_an_unknown_column_is_an_error_with_what_there_is(self) -> None:
        with pytest.raises(cs.errors.MissingColumnsError, match=r"no column 'segmnt'.*Did you mean 'segment'"):
            cs.logo_churn_rate(company(), by="segmnt")

    def test_nobody_ever_a_customer_gives_an_empty_table(self) -> None:
        ds = cs.read_dataset(
            {"accounts": accounts(a="2026-01-01"), "subscriptions": phases(("s", "a", "2026-01-01", None, 1), kind=["trial"])}, as_of="2026-04-15"
        )
        assert cs.logo_churn_rate(ds).empty


class TestCustomerSurvival:
    @pytest.mark.slow
    def test_the_product_limit_by_hand(self) -> None:
        # first spells: c 15 days (left), b 45 (left), d 63 (left), a 105 and running
        table = cs.customer_survival(company())
        assert table["time_days"].tolist() == [15, 45, 63]
        assert table["n"].tolist() == [4, 3, 2]
        assert table["estimate"].tolist() == pytest.approx([3 / 4, 3 / 4 * 2 / 3, 3 / 4 * 2 / 3 * 1 / 2])

    def test_a_later_start_of_observation_truncates_on_the_left(self) -> None:
        tables = {
            "accounts": accounts(a="2026-01-01", b="2026-01-01", c="2026-02-05", e="2026-02-06", gone="2026-01-01"),
            "subscriptions": phases(
                ("s1", "a", "2026-01-01", None, 10),
                ("s2", "b", "2026-01-01", "2026-02-15", 10),  # day 45
                ("s3", "c", "2026-02-05", "2026-02-20", 10),  # day 15
                ("s6", "e", "2026-02-06", None, 10),
                ("s7", "gone", "2026-01-01", "2026-02-10", 10),  # left before anyone looked
            ),
        }
        # seen from 10 February on: a and b from their day 40, c from day 5, e from day 4; `gone` is not on record
        table = cs.customer_survival(cs.read_dataset(tables, as_of="2026-04-15"), observed_from="2026-02-10")
        assert table[["time_days", "n"]].values.tolist() == [[15, 2], [45, 3]]
        assert table["estimate"].tolist() == pytest.approx([1 / 2, 1 / 2 * 2 / 3])

    def test_a_scheduled_end_is_not_an_end_yet(self) -> None:
        sold = phases(
            ("s", "a", "2026-01-01", "2026-06-01", 1),
            ("t", "b", "2026-01-01", "2026-03-01", 1),
            cancelled_at=list(pd.to_datetime(["2026-03-01"] * 2, utc=True)),
        )
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01", b="2026-01-01"), "subscriptions": sold}, as_of="2026-04-15")
        table = cs.customer_survival(ds)
        assert table[["time_days", "estimate", "n"]].values.tolist() == [[59, 0.5, 2]]

    def test_nobody_ever_a_customer_is_not_enough_data(self) -> None:
        ds = cs.read_dataset({"accounts": accounts(a="2026-01-01"), "subscriptions": phases().iloc[:0]}, as_of="2026-04-15")
        with pytest.raises(cs.errors.NotEnoughDataError):
            cs.customer_survival(ds)

    def test_equals_lifelines_on_the_same_customers(self) -> None:
        lifelines = pytest.importorskip("lifelines", reason="caps pandas below 3")
        rng = np.random.default_rng(8)
        days = rng.integers(1, 300, 80)
        rows = [(f"s{k}", f"a{k}", "2026-01-01", str(pd.Timestamp("2026-01-01") + pd.Timedelta(int(d), "D")), 1.0) for k, d in enumerate(days)]
        people = accounts(**{f"a{k}": "2026-01-01" for k in range(80)})
        ds = cs.read_dataset({"accounts": people, "subscriptions": phases(*rows)}, as_of="2026-06-30")
        observed = days <= 180
        oracle = lifelines.KaplanMeierFitter().fit(np.minimum(days, 181), observed)
        table = cs.customer_survival(ds)
        np.testing.assert_allclose(table["estimate"], oracle.predict(table["time_days"]), rtol=0, atol=1e-12)


class TestSnapshot:
    """A table of customers with a flag for those who left in the last month: two years of survivors, one month of leavers."""

    def company(self) -> cs.Dataset:
        begun = pd.date_range("2024-05-01", periods=200, freq="3D")
        left = [None if number % 5 else "2026-04-10" for number in range(200)]
        rows = [(f"s{k}", f"a{k}", str(day.date()), end, 10.0) for k, (day, end) in enumerate(zip(begun, left, strict=True))]
        people = accounts(**{f"a{k}": str(day.date()) for k, day in enumerate(begun)})
        return cs.read_dataset({"accounts": people, "subscriptions": phases(*rows)}, as_of="2026-04-30")

    def test_a_curve_from_day_0_is_refused(self) -> None:
        with pytest.raises(cs.errors.ParameterError, match=r"all 40 ends lie after 2026-04-10.*observed_from='2026-04-01'"):
            cs.customer_survival(self.company())

    def test_with_the_first_day_of_the_record_the_hazard_is_that_of_the_month(self) -> None:
        table = cs.customer_survival(self.company(), observed_from="2026-04-01")
        assert table["n"].max() < 20  # each age is seen for a month only

    def test_saying_that_nobody_left_before_is_believed(self) -> None:
        table = cs.customer_survival(self.company(), observed_from="2024-05-01")
        assert table["n"].iloc[0] > 150

    def test_periods_before_the_record_have_no_rate(self) -> None:
        table = cs.logo_churn_rate(self.company(), observed_from="2026-04-01")
        assert rates(table) == {"2026-04": (pytest.approx(0.2), 200)}

"""Values over life by hand and in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.stats.value_over_life import Stream, Terms, Value, streams

MONTH = 30.4375


def stream(durations: pd.DataFrame, paid: pd.DataFrame, now: pd.DataFrame | None = None) -> Stream:
    """Return a stream of one group."""
    return Stream({}, durations, paid, pd.DataFrame({"unit": [], "amount": []}) if now is None else now)


def lives(*rows: tuple[float, bool]) -> pd.DataFrame:
    """Return durations seen from the start, from (duration, observed)."""
    return pd.DataFrame({"enter_days": 0.0, "duration_days": [row[0] for row in rows], "observed": [row[1] for row in rows]})


def flat(units: int, months: int, amount: float = 30.4375) -> pd.DataFrame:
    """Return the same amount for each unit and month of age."""
    grid = pd.MultiIndex.from_product([range(units), range(months)], names=["unit", "month"]).to_frame(index=False)
    return grid.assign(amount=amount, seen=1)


def terms(days: int, *, margin: float = 1.0, rate: float = 0.0) -> Terms:
    """Return terms in days."""
    return Terms(days=days, margin=margin, discount_rate=rate)


def test_one_a_day_over_the_days_lived() -> None:
    # 30.4375 a month is 1 a day; one of two leaves after 10 days, the other stays 20: 10 x 1 + 10 x 1/2 = 15
    own = stream(lives((10, True), (20, True)), flat(2, 1))
    assert own.value(own.path(30), terms(30)).amount == pytest.approx(15.0)


def test_margin_and_discount() -> None:
    own = stream(lives((400, False), (400, False)), flat(2, 13))
    value = own.value(own.path(365), terms(365, margin=0.5, rate=0.10)).amount
    force = np.log(1.1) / 365.25
    assert value == pytest.approx(0.5 * (1 - np.exp(-force * 365)) / force, rel=1e-6)


def test_amounts_follow_the_survivors_of_each_age() -> None:
    # the one that pays 4 a day leaves after a month, the one that pays 1 stays two: month 0: mean (4 + 1)/2; month 1: S = 1/2 x 1
    paid = pd.DataFrame({"unit": [0, 1, 1], "month": [0, 0, 1], "amount": [4 * MONTH, MONTH, MONTH], "seen": 1})
    own = stream(lives((30.4375, True), (61, True)), paid)
    assert own.value(own.path(60), terms(60)).amount == pytest.approx(30 * 2.5 + 30 * 0.5)  # the middle of day 30 is past 30.4375


def test_a_month_without_amounts_takes_the_month_before() -> None:
    paid = flat(2, 3).query("month != 1")
    own = stream(lives((90, False), (90, False)), paid)
    assert own.value(own.path(85), terms(85)).amount == pytest.approx(85.0)


@pytest.mark.slow
@pytest.mark.lifelines
def test_a_constant_hazard_beyond_the_data_in_closed_form() -> None:
    # exponential lives of mean 500 days seen for 300: value of the horizon = (1 - e^(-h 1500)) / h with h = 1/500 + the force of interest
    u = (np.arange(4000) + 0.5) / 4000
    life = -500 * np.log(1 - u)
    units = lives(*[(min(day, 300.0), bool(day <= 300)) for day in life])
    own = stream(units, flat(1, 10))
    force = 1 / 500 + np.log(1.1) / 365.25
    value = own.value(own.path(1500), terms(1500, rate=0.10)).amount
    assert value == pytest.approx((1 - np.exp(-force * 1500)) / force, rel=0.005)
    within = own.value(own.path(1500), terms(1500, rate=0.10), within=True).amount
    assert within == pytest.approx((1 - np.exp(-force * 300)) / force, rel=0.003)


@pytest.mark.slow
@pytest.mark.lifelines
def test_a_residual_value_without_memory_is_that_of_a_new_unit() -> None:
    u = (np.arange(4000) + 0.5) / 4000
    life = -500 * np.log(1 - u)
    units = lives(*[(min(day, 300.0), bool(day <= 300)) for day in life])
    staying = np.flatnonzero(~units["observed"])
    own = stream(units, flat(1, 10), pd.DataFrame({"unit": staying, "amount": MONTH}))
    value = own.residual(terms(1000))
    assert value is not None
    assert value.amount == pytest.approx(500 * (1 - np.exp(-2)), rel=0.01)


def test_a_residual_value_by_hand() -> None:
    # ends on day 2 (1 of 4) and day 4 (1 of 2); one of age 3 pays 2 a day: over 2 days S(3.5)/S(3.5) + S(4.5)/S(3.5) = 1 + 1/2, so 3
    units = lives((2, True), (3, False), (4, True), (6, False))
    own = stream(units, flat(4, 1), pd.DataFrame({"unit": [1], "amount": [2 * MONTH]}))
    value = own.residual(terms(2))
    assert value is not None
    assert value.amount == pytest.approx(3.0)
    assert stream(units, flat(4, 1)).residual(terms(2)) is None


def test_influences_of_amounts_are_those_of_leaving_a_unit_out() -> None:
    rng = np.random.default_rng(4)
    life = rng.integers(40, 400, 120)
    units = lives(*[(float(day), True) for day in life])
    rows = [(unit, month, rng.lognormal(3, 1)) for unit, day in enumerate(life) for month in range(int(day // MONTH))]
    paid = pd.DataFrame(rows, columns=["unit", "month", "amount"]).assign(seen=1)

    def value(out: int | None) -> Value:
        kept = units.drop(index=[] if out is None else [out])
        place = pd.Series(np.arange(len(kept)), index=kept.index)
        own = paid[paid["unit"] != out]
        part = stream(kept.reset_index(drop=True), own.assign(unit=own["unit"].map(place)))
        return part.value(part.path(300), terms(300, margin=0.7, rate=0.1))

    whole = value(None)
    jackknife = [whole.amount - value(unit).amount for unit in range(0, 120, 10)]
    np.testing.assert_allclose(whole.influences[::10], jackknife, rtol=0.1, atol=0.05 * np.abs(jackknife).max())
    assert whole.influences.sum() == pytest.approx(0, abs=1e-9 * whole.amount)


def test_limits_are_symmetric_for_the_logarithm() -> None:
    low, high = Value(100.0, np.array([10.0, -10.0])).limits(0.95)  # variance 200 x 2/1 = 400, se 20
    assert low * high == pytest.approx(100.0**2)
    assert np.log(high / 100) == pytest.approx(1.959964 * 0.2, rel=1e-6)


def test_one_unit_or_no_spread_has_no_limits() -> None:
    assert np.isnan(Value(100.0, np.array([0.0])).limits(0.95)).all()
    assert np.isnan(Value(100.0, np.array([0.0, 0.0])).limits(0.95)).all()
    assert np.isnan(Value(0.0, np.array([1.0, -1.0])).limits(0.95)).all()


def test_a_ratio_has_the_influences_of_both() -> None:
    ratio = Value(10.0, np.array([1.0, -1.0])).over(Value(5.0, np.array([0.5, -0.5])))
    assert ratio.amount == 2.0
    np.testing.assert_allclose(ratio.influences, 0.0)  # both move together: (1 - 2 x 0.5) / 5
    assert np.isnan(Value(10.0, np.array([1.0])).over(Value(0.0, np.array([0.0]))).amount)


def test_an_amount_is_reached_on_the_day_it_is() -> None:
    own = stream(lives((100, False), (100, False)), flat(2, 4))
    day, _, pace = own.reached(12.25, terms(90))
    assert day == pytest.approx(12.25)
    assert pace == pytest.approx(1.0)
    assert np.isnan(own.reached(95.0, terms(90))[0])


@pytest.mark.parametrize("margin", [0, -0.5, 1.5, 80, np.nan, "80%", True])
def test_a_margin_is_a_share(margin: object) -> None:
    with pytest.raises(ParameterError, match="margin must be a share above 0 and at most 1"):
        Terms.of("12mo", margin=margin, discount_rate=0.1)  # type: ignore[arg-type]


def test_streams_keep_groups_apart_and_in_order() -> None:
    start = pd.Timestamp("2026-01-01")
    spells = pd.DataFrame(
        {"account_id": ["a", "b", "c"], "by.kind": ["y", "x", "y"], "start_at": start, "end_at": [pd.NaT, start + pd.Timedelta("5D"), pd.NaT]}
    )
    paid = pd.DataFrame({"account_id": ["c", "a", "b"], "month": 0, "amount": [3.0, 1.0, 2.0], "seen": 1})
    now = pd.DataFrame({"account_id": ["c", "a"], "amount": [3.0, 1.0]})
    as_of = pd.Timestamp("2026-01-31", tz="UTC")
    found = list(streams(spells.assign(ended_by="ended"), paid, now, as_of=as_of, keys=["by.kind"]))
    assert [part.keys for part in found] == [{"by.kind": "x"}, {"by.kind": "y"}]
    assert [part.table["account_id"].tolist() for part in found] == [["b"], ["a", "c"]]
    assert found[1].paid.sort_values("unit")[["unit", "amount"]].to_numpy().tolist() == [[0, 1.0], [1, 3.0]]
    assert found[0].now.empty

"""What a Bass curve says about one feature: known, not yet known, or nothing at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis.errors import NotEnoughDataError
from cs_analysis.report.diffusion import diffusion

START = pd.Timestamp("2025-01-01", tz="UTC")
# Adopters in each 28 days of 400 accounts by the Bass curve with p = .03, q = .5, m = 300, rounded by hand to whole accounts.
BEFORE = {period: 300 * (1 - np.exp(-0.53 * period)) / (1 + 0.5 / 0.03 * np.exp(-0.53 * period)) for period in range(14)}
ADOPTERS = [round(BEFORE[period + 1]) - round(BEFORE[period]) for period in range(13)]


def company(adopters: list[int]) -> cs.Dataset:
    """Return 400 accounts that began on one day, so many of which first shared a report in the middle of each 28 days."""
    accounts = pd.DataFrame({"account_id": [f"A{number:03d}" for number in range(400)], "started_at": START})
    period = np.repeat(np.arange(len(adopters)), adopters)
    first = START + pd.to_timedelta(28 * period + 14, unit="D")
    events = pd.DataFrame({"account_id": accounts["account_id"][: len(period)], "user_id": "U", "event": "shared", "event_at": first})
    return cs.read_dataset({"accounts": accounts, "events": events}, as_of=START + pd.Timedelta(28 * len(adopters), "D"))


@pytest.mark.slow
def test_a_curve_past_its_peak_says_how_many_will_ever_adopt() -> None:
    found = diffusion(company(ADOPTERS), "shared", released={"shared": START}, ahead=2)
    terms = found.coefficients.set_index("term")
    assert terms.loc["m", "estimate"] == pytest.approx(300, abs=6)
    assert found.ceiling == max(terms.loc["m", "estimate"], sum(ADOPTERS))
    assert found.verdict.startswith("If nobody left, about ")
    so_far = found.forecast[found.forecast["metric"] == "adopters_by_wait"]
    assert so_far["estimate"].tolist() == ADOPTERS
    assert found.forecast.loc[found.forecast["metric"] == "adopters", "period"].tolist() == list(range(1, 16))
    assert set(found.errors["metric"]) == {"forecast_error_ratio"}


def test_a_curve_before_its_peak_says_that_the_end_cannot_be_known_yet() -> None:
    found = diffusion(company([2, 4, 7, 12, 20]), "shared")
    assert found.ceiling == "eligible"
    assert "shared" in found.verdict
    assert "be known yet" in found.verdict or found.verdict.startswith("There is no Bass curve for shared: ")
    assert found.errors is None


def test_without_a_curve_there_is_nothing_to_draw_and_the_verdict_says_why() -> None:
    found = diffusion(company([1, 0]), "shared")
    assert found.verdict.startswith("There is no Bass curve for shared: ")
    assert found.forecast is None
    with pytest.raises(NotEnoughDataError, match="There is no Bass curve for shared"):
        found.draw()


@pytest.mark.slow
def test_the_picture_shows_the_adopters_so_far_as_bars_and_the_curve_over_them() -> None:
    found = diffusion(company(ADOPTERS), "shared", released={"shared": START}, ahead=2)
    ax = found.draw(language="de")
    assert [bar.get_height() for bar in ax.patches] == ADOPTERS
    curve = found.forecast[found.forecast["metric"] == "adopters"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), curve["estimate"])

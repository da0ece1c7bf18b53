"""The sentence above the cards."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cs_analysis.report.headline import headline
from cs_analysis.stats.estimates import estimates
from cs_analysis.stats.intervals import wilson

MONTHS = pd.to_datetime(["2026-08-01", "2026-09-01", "2026-10-01"])


def shares(metric: str, *hits: int, n: int = 1000) -> pd.DataFrame:
    rate = wilson(np.array(hits), n)
    return estimates({"period": MONTHS[-len(hits) :]}, metric=metric, unit="share", **rate._asdict(), n=[n] * len(hits))


def test_better_and_worse_go_by_what_the_figure_means() -> None:
    """Less churn and less retention both fell; one is good, one is not."""
    said = headline([shares("logo_churn_rate", 90, 30), shares("activation_rate", 500, 300), shares("csat", 500, 505)], MONTHS[-1])
    better, worse = said.split(". ")
    assert better == "Better than in September 2026: Logo churn rate (6.0 percentage points down)"
    assert worse == "Worse than in September 2026: Activation rate (20.0 percentage points down)."


def test_where_nothing_is_clear_that_is_said_and_where_nothing_compares_nothing() -> None:
    assert headline([shares("csat", 500, 505)], MONTHS[-1]) == "Since September 2026 no headline estimate changed beyond noise."
    assert headline([shares("csat", 500)], MONTHS[-1]) == ""
    assert headline([], MONTHS[-1]) == ""
    facts = estimates({"period": MONTHS}, metric="mrr", unit="EUR", estimate=[1.0, 2, 3], n=[5, 5, 6])
    assert headline([facts], MONTHS[-1]) == ""


def test_only_the_month_asked_for_counts() -> None:
    table = shares("logo_churn_rate", 30, 90, 30)
    assert headline([table], MONTHS[1]).startswith("Worse than in August 2026")
    assert headline([table], MONTHS[2]).startswith("Better than in September 2026")


def test_different_periods_have_no_name_in_common() -> None:
    quarters = estimates(
        {"period": pd.to_datetime(["2026-04-01", "2026-07-01"])},
        metric="nps",
        unit="points",
        estimate=[10, 40],
        conf_low=[5, 35],
        conf_high=[15, 45],
        n=[900, 900],
    )
    assert headline([quarters, shares("logo_churn_rate", 90, 30)], MONTHS[-1]).startswith(
        "Better than in the period before: Net Promoter Score (30 points up), Logo"
    )


def test_changes_judged_together_must_be_further_from_noise() -> None:
    """Half width sqrt(2) at level .95, so z = d 1.959964 / sqrt(2). d = 1.5: z = 2.0789, p = .0376; of 4 figures adjusted to 4 x .0376 = .15.

    d = 2: z = 2.7718, p = .00557, adjusted to .0223.
    """

    def figure(metric: str, change: float) -> pd.DataFrame:
        limits = {"conf_low": [-1.0, change - 1], "conf_high": [1.0, change + 1]}
        return estimates({"period": MONTHS[1:]}, metric=metric, unit="points", estimate=[0.0, change], n=[90, 90], **limits)

    still = [figure(name, 0.1) for name in ("csat", "ces", "activation_rate")]
    assert headline([figure("nps", 1.5), *still], MONTHS[-1]).startswith("Better than in September 2026: Net Promoter Score")
    apart = "The 4 changes are judged together here; a card judges its own alone."
    assert headline([figure("nps", 1.5), *still], MONTHS[-1], together=0.95) == f"Since September 2026 no headline estimate changed beyond noise. {apart}"
    assert headline([figure("nps", 2.0), *still], MONTHS[-1], together=0.95) == f"Better than in September 2026: Net Promoter Score (2 points up). {apart}"


@pytest.mark.parametrize(("language", "words"), [("de", "Besser als September 2026"), ("tr", "Eylül 2026 dönemine göre daha iyi")])
def test_other_languages(language: str, words: str) -> None:
    assert headline([shares("logo_churn_rate", 90, 30)], MONTHS[-1], language=language).startswith(words)

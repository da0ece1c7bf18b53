"""Effects of actions: who takes part, weights, figures and limits by hand; what a verdict needs; what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special

import cs_analysis as cs
from cs_analysis.errors import CSAnalysisError, MissingColumnsError, MissingTableError, NotEnoughDataError, ParameterError
from helpers import phases, utc

WINDOWS = {"landmark": "10d", "horizon": "20d"}
LEFT, STAYED = "2026-03-02T12:00", "2026-03-03"  # the trial of January's end has its landmark on 10 February and its end on 2 March


def company(ends: dict[str, str | None], *, acted: pd.DataFrame, touch: dict[str, str] | None = None, as_of: str = "2026-03-15", **tables: Any) -> cs.Dataset:
    """Return customers from 10 January on, until `ends`."""
    names = list(ends)
    known = pd.DataFrame({"account_id": names, "started_at": utc(*["2026-01-10"] * len(names)), "touch": [(touch or {}).get(name, "low") for name in names]})
    sold = phases(*((f"s-{name}", name, "2026-01-10", end, 100.0) for name, end in ends.items()))
    return cs.read_dataset({"accounts": known, "subscriptions": sold, "actions": acted, **tables}, as_of=as_of, timezone="UTC")


def actions(days: dict[str, str], *, action: str = "webinar") -> pd.DataFrame:
    """Return actions from account_id=acted_at."""
    return pd.DataFrame({"account_id": list(days), "action": action, "kind": action, "acted_at": utc(*days.values()), "completed": True})


def group(name: str, count: int, stay: int) -> dict[str, str | None]:
    """Return ends of accounts, of which the first `stay` are customers on the trial's last day."""
    return {f"{name}{number:02d}": STAYED if number < stay else LEFT for number in range(count)}


def of_groups(*, high_treated: int = 5, low_treated: int = 3, high_other: int = 3, low_other: int = 6, **options: Any) -> cs.Dataset:
    """Return 6 and 6 treated, 6 and 12 others of high and low touch, as many of which stay; and four who take no part."""
    sizes = {"ht": (6, high_treated), "lt": (6, low_treated), "ho": (6, high_other), "lo": (12, low_other)}
    ends = {account: end for name, (count, stay) in sizes.items() for account, end in group(name, count, stay).items()}
    days = {account: "2026-02-05" for account in ends if account[1] == "t"}
    days |= {"ht00": "2026-02-01", "lt00": "2026-02-10T23:59"}  # the first day after the trial's beginning, and the landmark itself
    days |= {"ho00": "2026-02-11"}  # the day after
    ends |= {"before": STAYED, "on-the-day": LEFT, "left-with": "2026-02-10", "left-without": "2026-02-10"}
    days |= {"before": "2026-01-20", "on-the-day": "2026-01-31T23:00", "left-with": "2026-02-03"}
    given = actions(days)
    missed = actions({"lo00": "2026-02-05"}).assign(completed=False)
    touch = {account: "high" for account in ends if account[0] == "h"}
    return company(ends, acted=pd.concat([given, missed, *options.pop("more", [])]), touch=touch, **options)


def effect(ds: cs.Dataset, action: Any = "webinar", outcome: Any = "retention", **options: Any) -> pd.DataFrame:
    return cs.action_effect(ds, action, outcome, **{**WINDOWS, "adjust_for": ["touch"], **options})


def figures(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows without those on covariates, by metric."""
    return table[table["covariate"].isna()].set_index("metric")


def by_strata(stratum: Sequence[int], treated: Sequence[int], outcome: Sequence[int], *, account: Sequence[int]) -> tuple[float, float, float, float]:
    """Return the means, the error and the effective accounts where the chance of treatment is the share in each stratum, all written out."""
    rows = pd.DataFrame({"s": stratum, "t": treated, "y": outcome, "account": account}, dtype="float64")
    e = rows.groupby("s")["t"].transform("mean")
    weight = e.where(rows["t"] == 0, 1 - e)
    total = weight[rows["t"] == 1].sum()
    means = [(weight * rows["y"])[rows["t"] == side].sum() / total for side in (1, 0)]
    away = rows["y"] - np.where(rows["t"] == 1, *means)
    influence = (np.where(rows["t"] == 1, 1, -1) * weight * away - away.groupby(rows["s"]).transform("mean") * (rows["t"] - e)) / total
    sums = influence.groupby(rows["account"]).sum()
    effective = min(total**2 / (weight[rows["t"] == side].groupby(rows["account"]).sum() ** 2).sum() for side in (1, 0))
    return means[0], means[1], float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1))), effective


def test_one_trial_by_hand() -> None:
    """Half of 12 accounts of high touch are treated and a third of 18 of low: weights 1/2 and 1/2, 2/3 and 1/3; 7 in all on each side.

    Stayed: (5/2 + 3 * 2/3) / 7 = 4.5/7 and (3/2 + 6/3) / 7 = 3.5/7. Without weights 8/12 - 9/18. Effective accounts: 49 / (6/4 + 6 * 4/9) of the treated.
    """
    table = effect(usual())
    found = figures(table)
    assert found.loc["treated_outcome", "estimate"] == pytest.approx(4.5 / 7)
    assert found.loc["compared_outcome", "estimate"] == pytest.approx(3.5 / 7)
    assert found.loc["action_effect", "estimate"] == pytest.approx(1 / 7)
    assert found.loc["action_effect_naive", "estimate"] == pytest.approx(1 / 6)
    assert found.loc["effective_accounts", "estimate"] == pytest.approx(49 / (6 / 4 + 6 * 4 / 9))
    assert found.loc[["action_effect", "compared_outcome", "action_effect_naive"], "n"].tolist() == [12, 18, 30]
    assert found.loc["action_effect", "verdict"] == "not shown"
    assert found.loc["e_value", "estimate"] == 1
    assert found["unit"].head(4).tolist() == ["share"] * 4
    stayed = [1] * 5 + [0] + [1] * 3 + [0] * 3 + [1] * 3 + [0] * 3 + [1] * 6 + [0] * 6
    one, other, error, effective = by_strata([1] * 6 + [0] * 6 + [1] * 6 + [0] * 12, [1] * 12 + [0] * 18, stayed, account=range(30))
    assert (one, other) == pytest.approx((4.5 / 7, 3.5 / 7))
    reach = special.stdtrit(effective - 1, 0.975) * error
    assert found.loc["action_effect", ["conf_low", "conf_high"]].tolist() == pytest.approx([1 / 7 - reach, 1 / 7 + reach], rel=1e-6)


def test_balance_by_hand() -> None:
    """High touch: 1/2 of the treated, 1/3 of the others, variances 1/4 and 2/9; with weights 3/7 of both. There is one month only."""
    table = effect(usual()).dropna(subset="covariate").set_index(["metric", "covariate"])["estimate"]
    assert table["balance_before"].to_dict() == pytest.approx({"touch: high": (1 / 6) / np.sqrt((1 / 4 + 2 / 9) / 2), "month": 0})
    assert table["balance"].to_dict() == pytest.approx({"touch: high": 0, "month": 0}, abs=1e-9)


@pytest.mark.slow
def test_matched_pairs_by_hand() -> None:
    """All 12 treated have a partner of their touch. Of high touch 5 of 6 stay beside nobody, of low 3 of 6 beside everybody: differences 5 * 1, 4 * 0, 3 * -1.

    Their mean is 2/12 and the squares beyond it 8 - 12/36 = 23/3.
    """
    found = figures(effect(of_groups(high_other=0, low_other=12), method="match"))
    error = np.sqrt(23 / 3 * 12 / 11) / 12
    expected = [1 / 6, 1 / 6 - special.stdtrit(11, 0.975) * error, 1 / 6 + special.stdtrit(11, 0.975) * error]
    assert found.loc["action_effect", ["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(expected)
    assert found.loc[["treated_outcome", "compared_outcome"], "estimate"].tolist() == pytest.approx([8 / 12, 6 / 12])
    assert found.loc["effective_accounts", "estimate"] == pytest.approx(12)


@pytest.mark.slow
def test_accounts_in_several_trials_are_one_cluster_each() -> None:
    """In February 12 of 36 are treated, in March 12 of the 24 others, of whom all who stayed until March take part again."""
    ends = {f"a{k:02d}": ("2026-03-01" if k % 4 == 0 else None) if k < 12 else "2026-03-20" if k % 3 == 0 else None for k in range(36)}
    acted = actions({f"a{k:02d}": "2026-02-05" if k < 12 else "2026-03-05" for k in range(24)})
    found = figures(effect(company(ends, acted=acted, as_of="2026-04-05"), adjust_for=[]))
    first = [(0, k < 12, not (k < 12 and k % 4 == 0), k) for k in range(36)]
    second = [(1, k < 24, k % 3 != 0, k) for k in range(12, 36)]
    stratum, treated, stayed, account = (list(map(int, column)) for column in zip(*first, *second, strict=True))
    one, other, error, effective = by_strata(stratum, treated, stayed, account=account)
    assert found.loc["action_effect", "estimate"] == pytest.approx(one - other, rel=1e-6)
    assert found.loc["effective_accounts", "estimate"] == pytest.approx(effective, rel=1e-6)
    assert found.loc["action_effect", "conf_high"] == pytest.approx(one - other + special.stdtrit(effective - 1, 0.975) * error, rel=1e-6)
    assert found.loc[["action_effect", "compared_outcome", "action_effect_naive"], "n"].tolist() == [24, 24, 36]


@pytest.mark.slow
def test_what_happens_after_as_of_plays_no_part() -> None:
    later = actions({f"lo{k:02d}": "2026-03-16" for k in range(12)})
    pd.testing.assert_frame_equal(effect(of_groups(more=[later])), effect(usual()))
    own = pd.DataFrame({"account_id": ["lo00", "lo01", "ht00"], "reached_at": ["2026-03-03", "2026-04-01", "2026-03-02"]})
    found = figures(effect(usual(), outcome=own))
    assert found.loc[["treated_outcome", "compared_outcome"], "estimate"].tolist() == pytest.approx([1 / 2 / 7, 0])  # the trial ends on 2 March


def test_own_tables_are_read_as_those_on_record() -> None:
    days = {
        **{f"{touch}t{k:02d}": "2026-02-05" for touch in "hl" for k in range(6)},
        "before": "2026-01-20",
        "on-the-day": "2026-01-31",
        "left-with": "2026-02-03",
    }
    own = pd.DataFrame({"account_id": list(days), "acted_at": list(days.values())}, index=range(50, 50 + len(days)))
    again = pd.concat([own, own.assign(acted_at="2026-03-01")])  # the first day counts
    for table in (own, again, again.iloc[::-1]):
        pd.testing.assert_frame_equal(effect(usual(), table), effect(usual()))


def test_who_had_reached_it_before_is_not_asked() -> None:
    """Two of low touch had reached it by the landmark; two treated of high touch reach it after: weights 1/2 and 1/2, and 5/8 and 3/8 of 6 + 10."""
    own = pd.DataFrame({"account_id": ["lo00", "lo01", "ht00", "ht01"], "reached_at": ["2026-01-15", "2026-02-10", "2026-02-11", "2026-03-02"]})
    found = figures(effect(usual(), outcome=own))
    assert found.loc["treated_outcome", "estimate"] == pytest.approx(2 / 2 / (6 / 2 + 6 * 5 / 8))
    assert found.loc["compared_outcome", "n"] == 16


@pytest.mark.slow
def test_verdicts_of_an_effect() -> None:
    """All of the treated stay and nobody else: the limits are the estimate. A larger company in which as many stay on both sides shows that there is none."""
    helps, harms = (figures(effect(of_groups(high_treated=a, low_treated=a, high_other=b, low_other=2 * b))) for a, b in ((6, 1), (1, 5)))
    assert (helps.loc["action_effect", "verdict"], harms.loc["action_effect", "verdict"]) == ("helps", "harms")
    assert helps.loc["e_value", "estimate"] > 1 < harms.loc["e_value", "estimate"]
    alike = of_groups(high_treated=3, low_treated=3, high_other=3, low_other=6)
    limits = figures(effect(alike)).loc["action_effect"]
    assert limits["estimate"] == pytest.approx(0)
    for margin, verdict in ((limits["conf_high"] * 1.01, "none beyond the margin"), (limits["conf_high"] * 0.99, "not shown"), (None, "not shown")):
        assert figures(effect(alike, margin=margin)).loc["action_effect", "verdict"] == verdict


@pytest.mark.slow
def test_what_tells_the_groups_apart_for_certain_cannot_be_compared() -> None:
    ends = {f"a{k:02d}": None if k % 3 else LEFT for k in range(30)}
    acted = actions({f"a{k:02d}": "2026-02-05" for k in range(12)})
    table = effect(company(ends, acted=acted, touch={f"a{k:02d}": "high" for k in range(12)}))
    found = figures(table)
    assert found.loc["action_effect", "verdict"] == "cannot be compared"
    assert found.loc[["action_effect", "treated_outcome"], "estimate"].isna().all()
    assert found.loc["action_effect_naive", "estimate"] == pytest.approx(8 / 12 - 12 / 18)
    assert not {"negative_control", "e_value"} & set(found.index)


def in_use(treated: Sequence[int], others: Sequence[int]) -> cs.Dataset:
    """Return accounts that use the product on as many days of each four weeks, 15 of whom have a webinar in February."""
    days = {f"{name}{k:02d}": uses[k % len(uses)] for name, uses in (("t", treated), ("o", others)) for k in range(15)}
    used = [(pd.Timestamp("2025-08-01") + pd.Timedelta(day, "D"), name) for name, count in days.items() for day in range(270) if day % 28 < count]
    seen = pd.DataFrame(used, columns=["event_at", "account_id"]).assign(user_id=lambda frame: frame["account_id"], event="report")
    sold = phases(*((f"s-{name}", name, "2025-08-01", None, 100.0) for name in days))
    known = pd.DataFrame({"account_id": list(days), "started_at": "2025-08-01"})
    tables = {"accounts": known, "subscriptions": sold, "events": seen, "actions": actions({f"t{k:02d}": "2026-02-05" for k in range(15)})}
    return cs.read_dataset(tables, as_of="2026-04-25", timezone="UTC")


@pytest.mark.slow
def test_the_negative_control_sees_earlier_differences_and_adjusting_takes_them_away() -> None:
    """A lasting difference in use is no effect. Use is what is adjusted for then, and nobody's changes: nothing is left, to the last digit."""
    ds = in_use([8, 12, 16], [4, 8, 12])
    raw = figures(effect(ds, outcome="usage", adjust_for=[]))
    assert raw.loc["action_effect", "estimate"] > 3  # not 4: before February those treated are among the others
    assert raw.loc["action_effect", "verdict"] == "not to be trusted"
    assert raw.loc["negative_control", "conf_low"] > 0
    assert "e_value" not in raw.index  # days are no share
    fair = figures(effect(ds, outcome="usage", adjust_for=["active_days_28"]))
    assert fair.loc[["action_effect", "negative_control"], "estimate"].tolist() == pytest.approx([0, 0], abs=1e-6)


@cache
def usual() -> cs.Dataset:
    return of_groups()


ONE = pd.DataFrame({"account_id": ["ht00"], "acted_at": ["2026-02-05"]})


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"action": "seminar"}, ParameterError, "no action 'seminar'; there are webinar"),
        ({"outcome": "joy"}, ParameterError, "retention, renewal, expansion, usage"),
        ({"outcome": "usage"}, MissingColumnsError, "events"),
        ({"method": "magic"}, ParameterError, "'overlap' or 'match', not 'magic'"),
        ({"conf_level": 95}, ParameterError, "conf_level"),
        ({"landmark": "1mo"}, ParameterError, "landmark"),
        ({"horizon": "soon"}, ParameterError, "horizon"),
        ({"horizon": "400d"}, NotEnoughDataError, "shorter horizon"),
        ({"adjust_for": ["touch", "colour"]}, ParameterError, "'colour'"),
        ({"action": ONE}, NotEnoughDataError, "1 had the action"),
        ({"action": ONE.assign(acted_at=None)}, ParameterError, "row 0 is not so, 1 in all"),
        (
            {"action": ONE.assign(account_id="nobody", acted_at="soon")},
            ParameterError,
            "in the data; row 0 .*; every row must have a moment",
        ),
        ({"action": ["webinar"]}, ParameterError, "must be a kind or name"),
        ({"adjust_for": "account_id"}, ParameterError, "'account_id' is none"),
        ({"margin": 0}, ParameterError, "above 0"),
        ({"action": ONE.drop(columns="acted_at")}, MissingColumnsError, "acted_at"),
        ({"outcome": ONE}, MissingColumnsError, "reached_at"),
        ({"action": "quick_reply"}, MissingTableError, "tickets"),
    ],
)
def test_what_is_refused_says_why(options: dict[str, Any], error: type[CSAnalysisError], words: str) -> None:
    with pytest.raises(error, match=words):
        effect(usual(), **options)


def test_nobody_without_the_action_is_not_enough() -> None:
    everybody = pd.DataFrame({"account_id": usual().tables["accounts"].to_pandas()["account_id"], "acted_at": "2026-02-05"})
    with pytest.raises(NotEnoughDataError, match="0 had not"):
        effect(usual(), everybody)


def test_where_everybody_stays_nothing_is_shown() -> None:
    """All stay: the difference is 0, and as nobody differs nothing says how far off it may be."""
    found = figures(effect(company({f"a{k:02d}": None for k in range(30)}, acted=actions({f"a{k:02d}": "2026-02-05" for k in range(12)})), adjust_for=[]))
    assert found.loc["action_effect", ["estimate", "verdict"]].tolist() == [0.0, "not shown"]
    assert found.loc["action_effect", ["conf_low", "conf_high"]].isna().all()

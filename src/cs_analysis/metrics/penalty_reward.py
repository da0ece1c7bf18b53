"""Which items annoy where they are bad and which delight where they are good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.facts.response_columns import table_of
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.importance.asymmetry import Contrasts, contrasts
from cs_analysis.stats.importance.limits import Limited
from cs_analysis.stats.importance.ratings import Missing, Ratings, read_ratings

Floats = npt.NDArray[np.float64]
Border = float | Mapping[str, float] | None

BASIC, PERFORMANCE, EXCITEMENT, NOT_SHOWN = "basic", "performance", "excitement", "not shown"
_USUAL = {"low": 2.0, "high": 5.0}


def penalty_reward(
    table: Any,
    *,
    outcome: str,
    drivers: Sequence[str],
    low: Border = None,
    high: Border = None,
    cluster: str | None = None,
    missing: Missing = "refuse",
    factor: float = 2.0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Penalty of low and reward of high answers to each item, in points of the outcome, and which kind of factor the item is shown to be.

    One regression of the outcome on low and high answers to all items, each against its middle answers. An item whose penalty is larger is a basic
    factor: its absence annoys, its presence is taken for granted. One whose reward is larger is an excitement factor. Where neither is more than
    `factor` times the other it is a performance factor. A kind is claimed only when the limits allow for no other: that penalty and reward do not
    differ clearly does not show that they are alike, and with few answers most items are "not shown".

    Association again, not effect (see `key_drivers`): those who rate an item low may rate everything low. Low and high mean what the borders say, and
    another cut can give another kind.

    Parameters
    ----------
    table : data frame
        Any pandas, polars or Arrow table with one row an answer.
    outcome : str
        Column of overall satisfaction or the like; its steps are taken as equal.
    drivers : list of str
        Columns of ratings.
    low, high : float or mapping of driver to float, optional
        Up to which rating an answer is low, and from which on it is high. Without them 2 and 5, for ratings from 1 to 5 only.
    cluster : str, optional
        Column that says which rows belong together, usually `account_id`.
    missing : {"refuse", "complete", "not_applicable"}
        What a missing answer is, as for `key_drivers`; "not_applicable" holds rows without an answer apart from low, middle and high ones.
    factor : float
        Up to how many times the larger of penalty and reward may be the smaller for an item to be a performance factor; above 1.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the keys `driver` and `verdict`, unit `points` (of the outcome).

        * `penalty`: outcome of low answers less that of middle ones, other items alike; usually negative. `n` = low answers.
        * `reward`: the same for high answers. `n` = high answers. Penalty or reward are missing where the item has no such answer.
        * `penalty_reward`: reward plus penalty (a negative number where annoyance is larger), with the `verdict` "basic", "performance", "excitement" or
          "not shown"; `n` = rows. A basic factor has a penalty below 0 and this sum below 0, an excitement factor a reward above 0 and the sum above
          0, each by its limits; a performance factor has both limits of reward less factor x penalty, and of penalty less factor x reward (penalties
          as positive numbers), on the side of "smaller", and is that first of all.

        Limits are cluster-robust with t quantiles, clusters - 1 degrees of freedom; missing where there are no more clusters than effects.

    Raises
    ------
    MissingColumnsError
        A named column is absent.
    ParameterError
        Borders that do not enclose a middle, or none for ratings that are not 1 to 5; missing answers, as for `key_drivers`; a factor of 1 or less;
        items that are low or high in just the same rows.
    NotEnoughDataError
        An item without any middle answer or with no other; fewer rows than effects.

    References
    ----------
    Brandt (1987), in Surprenant (ed.), Add Value to Your Service, American Marketing Association, 61-65. Matzler and Sauerwein (2002), International
    Journal of Service Industry Management 13, 314-332. Mikulić and Prebežac (2011), Managing Service Quality 21, 46-66, for why the kinds hang on
    the cuts.

    Examples
    --------
    >>> item = [1, 2, 3, 4, 5, 5] * 10
    >>> answers = pd.DataFrame({"speed": item, "overall": [{1: 1, 2: 1, 3: 3, 4: 3, 5: 4}[rating] for rating in item]})
    >>> found = penalty_reward(answers, outcome="overall", drivers=["speed"])
    >>> found[["metric", "estimate", "verdict"]].round(2).to_dict("split")["data"]
    [['penalty', -2.0, None], ['reward', 1.0, None], ['penalty_reward', -1.0, 'basic']]
    """
    check_conf_level(conf_level)
    if not factor > 1:
        raise ParameterError(f"factor must be above 1, such as 2, not {factor!r}: penalty and reward are never shown to be equal.")
    if missing == "pairwise":
        raise ParameterError("penalties and rewards need whole rows. Use missing='complete' or 'not_applicable'.")
    ratings = read_ratings(table_of(table), outcome=outcome, drivers=drivers, cluster=cluster, missing=missing)
    borders = {"low": _border(ratings, low, name="low"), "high": _border(ratings, high, name="high")}
    _check_borders(ratings, **borders)
    found = contrasts(ratings, **borders)
    return stack(_tables(found, ratings, factor=factor, conf_level=conf_level))


def _border(ratings: Ratings, border: Border, *, name: str) -> list[float]:
    """Return a border for each driver."""
    if isinstance(border, Mapping):
        if lacking := [driver for driver in ratings.drivers if driver not in border]:
            raise ParameterError(f"{name} must name a border for every driver; {lacking[0]!r} has none.")
        return [float(border[driver]) for driver in ratings.drivers]
    if border is not None:
        return [float(border)] * len(ratings.drivers)
    for driver, answers in zip(ratings.drivers, ratings.x.T, strict=True):
        if strange := sorted(set(answers[~np.isnan(answers)]) - {1.0, 2.0, 3.0, 4.0, 5.0}):
            raise ParameterError(f"what is {name} must be said for ratings other than 1 to 5; {driver!r} has {strange[0]:g}. Pass {name}=.")
    return [_USUAL[name]] * len(ratings.drivers)


def _check_borders(ratings: Ratings, *, low: list[float], high: list[float]) -> None:
    for driver, lower, upper in zip(ratings.drivers, low, high, strict=True):
        if not lower < upper:
            raise ParameterError(f"low must lie below high; for {driver!r} they are {lower:g} and {upper:g}.")


def _tables(found: Contrasts, ratings: Ratings, *, factor: float, conf_level: float) -> list[pd.DataFrame]:
    """Return penalties, rewards, and their sums with what they show."""
    low, high = (_weights(places, len(found.effects)) for places in (found.low, found.high))

    def of(weights: Floats) -> Limited:
        return found.of(weights, conf_level=conf_level)

    penalty, reward, both = of(low), of(high), of(low + high)
    alike = [of(high + factor * low), of(-low - factor * high)]
    verdicts = _verdicts(penalty, reward, both, alike=alike)
    whole = np.full(len(low), len(ratings.y))
    rows = (("penalty", penalty, None, found.counts[0]), ("reward", reward, None, found.counts[1]), ("penalty_reward", both, verdicts, whole))
    keys = pd.DataFrame({"driver": ratings.drivers})
    return [estimates(keys.assign(verdict=verdict), metric=metric, unit="points", **limits._asdict(), n=number) for metric, limits, verdict, number in rows]


def _weights(places: list[int], width: int) -> Floats:
    """Return rows that pick out effects; missing for an effect that is not there."""
    rows = np.zeros((len(places), width))
    for row, place in enumerate(places):
        rows[row] = np.nan if place < 0 else np.arange(width) == place
    return rows


def _verdicts(penalty: Limited, reward: Limited, both: Limited, *, alike: list[Limited]) -> list[str]:
    """Return what each item is shown to be."""
    shown = {
        PERFORMANCE: (alike[0].conf_high < 0) & (alike[1].conf_high < 0),
        BASIC: (penalty.conf_high < 0) & (both.conf_high < 0),
        EXCITEMENT: (reward.conf_low > 0) & (both.conf_low > 0),
    }
    return [str(kind) for kind in np.select(list(shown.values()), list(shown), default=NOT_SHOWN)]

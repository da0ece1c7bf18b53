"""What goes with satisfaction: how much of an outcome each of several ratings accounts for, and whether they are several things at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.facts.response_columns import table_of
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.importance.halo import alpha, component_shares, explained_by_first, inflation
from cs_analysis.stats.importance.latent import latent_relations
from cs_analysis.stats.importance.limits import Limited, percentile_limits, ranks
from cs_analysis.stats.importance.noise import unrelated, with_noise
from cs_analysis.stats.importance.ratings import Missing, Ratings, read_ratings
from cs_analysis.stats.importance.relations import Relations, applicable_columns, applicable_relations, complete_relations, pairwise_relations
from cs_analysis.stats.importance.relative_weights import johnson
from cs_analysis.stats.importance.subsets import lmg
from cs_analysis.stats.resampling import generator

Floats = npt.NDArray[np.float64]
Method = Literal["lmg", "johnson"]

ALL, NOISE, OUTCOME = "(all)", "(noise)", "(outcome)"
ONE, SEVERAL, NOT_SHOWN = "one impression", "several impressions", "not shown"
IMPORTANCE_NOTE = (
    "Importance is association: it says what varies together with the outcome among these customers, not what would happen if a driver were improved. "
    "What was not asked is not in it, and ratings given together share a mood."
)
"""To be printed wherever importances are shown."""

_PARTS: dict[str, Callable[[Floats, Sequence[int] | None], Floats]] = {"lmg": lmg, "johnson": johnson}
_KEYS = ["driver", "over", "verdict"]
_DEALS, _CELLS = 400, 8_000_000  # of noise; rows dealt out in all, where there are many
_ALIKE, _SURE = 0.5, 0.95  # of what the first component could hold beyond an equal share; quantile of a second component by chance


class _Found(NamedTuple):
    """Correlations of all rows and of every replicate (none for a single cluster), and what makes rows of estimates of them."""

    whole: Floats
    drawn: Floats | None
    rows: int
    conf_level: float

    def limited(self, of: Callable[[Floats], Floats]) -> Limited:
        """Return a function of correlation matrices with its limits, corrected for bias."""
        drawn = None if self.drawn is None else of(self.drawn)
        return percentile_limits(of(self.whole)[0], drawn, conf_level=self.conf_level, corrected=True)

    def table(self, values: Limited | Callable[[Floats], Floats], *, metric: str, unit: str, **keys: Any) -> pd.DataFrame:
        """Return rows of estimates."""
        limits = values if isinstance(values, Limited) else self.limited(values)
        frame = pd.DataFrame({name: np.broadcast_to(np.asarray(keys.get(name), dtype="object"), len(limits.estimate)) for name in _KEYS})
        return estimates(frame, metric=metric, unit=unit, **limits._asdict(), n=np.full(len(frame), self.rows))


def key_drivers(
    table: Any,
    *,
    outcome: str,
    drivers: Sequence[str],
    method: Method | Sequence[Method] = ("lmg", "johnson"),
    ordinal: bool = False,
    cluster: str | None = None,
    missing: Missing = "refuse",
    rng: int | np.random.Generator = 0,
    replicates: int = 2000,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Parts of R squared that go with each driver, their ranks and leads with limits, and whether the drivers are several things at all.

    R squared of the outcome on all drivers is shared out among them. `lmg`: each driver's gain in R squared, averaged over all orders in which the drivers
    can enter (exact, over all subsets). `johnson`: through the nearest uncorrelated columns, an approximation that also runs with many drivers. Both are
    never negative and sum to R squared, not to 1: the rest of the outcome goes with none of them.

    Read them with four warnings. **Importance is association** (`IMPORTANCE_NOTE`). A driver without any effect of its own gets a part of what it shares
    with drivers that have one. A part cannot be negative, so chance alone makes it positive: `importance_of_noise` says how much. And where all ratings
    are one general impression, its importance is spread over all of them, and an order among them means little: `halo_share`.

    A missing answer is not a middle one, so `missing` must say what it is. "complete": rows with all answers count. "pairwise": each correlation is of
    the rows that have both. "not_applicable": the item does not concern the customer; the driver is then two columns that enter together, its answers
    less their mean (0 without one) and whether there is one, and its part is that of both. Rows without an outcome, or without any driver, do not count.

    Parameters
    ----------
    table : data frame
        Any pandas, polars or Arrow table with one row an answer. `answers_wide` makes one of a dataset whose items are surveys.
    outcome : str
        Column of what is to be explained, such as overall satisfaction; numbers.
    drivers : list of str
        Columns of numbers, such as ratings of 1 to 5; at most 20 for `lmg`, whose work doubles with each (12 take a second, 20 some minutes).
    method : {"lmg", "johnson"} or list of them
        Which parts; ranks, leads and noise are those of the first.
    ordinal : bool
        Whether the outcome is ordered categories without equal steps (at most 25). R squared is that of the normal variable behind it in a cumulative probit
        model (McKelvey and Zavoina).
    cluster : str, optional
        Column that says which rows belong together, usually `account_id`: whole accounts are drawn. Rows are independent without it.
    missing : {"refuse", "complete", "pairwise", "not_applicable"}
        What a missing answer is.
    rng : int or Generator
        Seed or source of randomness.
    replicates : int
        Number of replicates, at least 100.
    conf_level : float
        Level of the limits.

    Returns
    -------
    DataFrame
        Estimates with the key `driver`, and `over` and `verdict` where they apply; `n` = rows that count, unless said otherwise.

        * `lmg`, `johnson`, unit `share`: the driver's part. The lower limit is 0 where the part is no larger than noise could make it.
        * `r_squared`, unit `share`, driver "(all)": their sum.
        * `driver_rank`, unit `count`: 1 is the largest part; limits are ranks over the replicates.
        * `driver_lead`, unit `share`: the part less that of the next driver, `over`. The order is the sample's: a lead is shown where its limits exclude 0.
        * `driver_correlation`, unit `ratio`: with the outcome, alone. `variance_inflation`, unit `ratio`: 1 / (1 - R squared of the driver on the others).
        * `importance_of_noise`, unit `share`, driver "(noise)": the part of one more driver without any relation, made by dealing out the drivers' answers
          anew to the clusters; mean, and between the limits conf_level of its values.
        * `halo_share`, unit `share`, driver "(all)": part of the drivers' variance in their first principal component, with the `verdict` "one
          impression" (its excess over 1 / drivers is shown to be above half of what it could be, and no second component is shown), "several
          impressions" (it is shown to be below, or a second component is shown) or "not shown". `halo_share_by_chance`: the same of drivers dealt out
          anew (parallel analysis), limits as for noise. `halo_r_squared`: R squared of the outcome on that component alone. `item_alpha`, unit
          `ratio`: Cronbach's standardised alpha.
        * `answered_share`, unit `share`: rows of the table with an answer, by driver and for "(outcome)"; for "(all)" the rows that count. Facts without
          limits, `n` = rows of the table.

        Limits of parts, ranks and leads are quantiles of the replicates, others are corrected for bias; missing for a single cluster. In
        `benchmarks/coverage/drivers.py` 95 % limits contained the truth of parts in 89 to 97 % with 50 accounts and 91 to 98 % with 150 and 600, of leads
        in 92 to 99 %, of R squared in 84 to 91 % with 50 and 93 to 95 % with more. With 50 rows and five drivers R squared is .06 too high, and a
        part whose truth is 0 is .016 on average.

    Raises
    ------
    MissingColumnsError
        A named column is absent.
    ParameterError
        An unknown method or rule; more than 20 drivers for `lmg`; a column of other things than numbers; answers are missing and `missing` does not say
        what that means (the message counts them); a driver that others determine, such as a copy.
    NotEnoughDataError
        Fewer rows than drivers and two; a column without variance; pairwise correlations that contradict each other.
    ConvergenceError
        For an ordinal outcome: drivers separate its categories.

    References
    ----------
    Lindeman, Merenda and Gold (1980), Introduction to Bivariate and Multivariate Analysis, 119-127. Kruskal (1987), The American Statistician 41, 6-10.
    Grömping (2006), Journal of Statistical Software 17(1); (2007), The American Statistician 61, 139-147. Johnson (2000), Multivariate Behavioral
    Research 35, 1-19. McKelvey and Zavoina (1975), Journal of Mathematical Sociology 4, 103-120. Horn (1965), Psychometrika 30, 179-185. Wirtz and
    Bateson (1995), International Journal of Service Industry Management 6(3), 84-102, for halo in ratings of satisfaction.

    Examples
    --------
    >>> answers = pd.DataFrame({"speed": [1, 2, 3, 4, 5, 5], "price": [3, 1, 4, 2, 5, 3], "overall": [2, 2, 3, 4, 5, 4]})
    >>> found = key_drivers(answers, outcome="overall", drivers=["speed", "price"], method="lmg", replicates=100)
    >>> found.loc[found["metric"].isin(["lmg", "r_squared"]), ["driver", "estimate"]].round(3).to_dict("split")["data"]
    [['speed', 0.739], ['price', 0.189], ['(all)', 0.929]]
    """
    names = _methods(method)
    source = generator(rng)
    if replicates < 100:
        raise ParameterError(f"replicates must be at least 100 for limits to mean anything, not {replicates!r}.")
    ratings = read_ratings(table_of(table), outcome=outcome, drivers=drivers, cluster=cluster, missing=missing)
    relations = _relations(ratings, missing=missing, ordinal=ordinal)
    drawn = relations.drawn(replicates=replicates, rng=source) if ratings.clusters > 1 else None
    found = _Found(relations.whole[None], drawn, len(ratings.y), check_conf_level(conf_level))
    noise = None if drawn is None else with_noise(relations, ratings, deals=_deals(ratings), rng=source)
    importance = _importance(found, ratings, relations, methods=names, noise=noise)
    return stack([*importance, *_single(found, ratings, relations), *_halo(found, ratings, relations, rng=source), _answered(ratings)])


def _methods(method: Method | Sequence[Method]) -> list[Method]:
    names: list[Any] = [method] if isinstance(method, str) else list(method)
    if not names or any(name not in get_args(Method) for name in names):
        raise ParameterError(f"method must be 'lmg', 'johnson' or a list of them, not {method!r}.")
    return list(dict.fromkeys(names))


def _relations(ratings: Ratings, *, missing: Missing, ordinal: bool) -> Relations:
    """Return how drivers and outcome relate."""
    if not ordinal:
        return {"pairwise": pairwise_relations, "not_applicable": applicable_relations}.get(missing, complete_relations)(ratings)
    if missing == "pairwise":
        raise ParameterError("an ordinal outcome needs whole rows. Use missing='complete' or 'not_applicable', or ordinal=False.")
    columns, sizes = applicable_columns(ratings)
    return latent_relations(columns, ratings, sizes=sizes)


def _importance(found: _Found, ratings: Ratings, relations: Relations, *, methods: list[Method], noise: Floats | None) -> Iterator[pd.DataFrame]:
    """Yield importances by each method, then their sum, ranks and leads, and what noise would get, by the first."""
    for name in methods:
        share = _PARTS[name]
        parts, drawn = share(found.whole, relations.columns), None if found.drawn is None else share(found.drawn, relations.columns)
        chance = None if noise is None else _spread(share(noise, [1, *relations.columns])[:, 0], found.conf_level)
        limits = percentile_limits(parts[0], drawn, conf_level=found.conf_level)
        yield found.table(_from_noise(limits, chance), metric=name, unit="share", driver=ratings.drivers)
        if name == methods[0]:
            yield from _comparisons(found, parts, drawn, drivers=np.array(ratings.drivers, dtype="object"))
            total = percentile_limits(
                parts[0].sum(keepdims=True), None if drawn is None else drawn.sum(axis=1, keepdims=True), conf_level=found.conf_level, corrected=True
            )
            yield found.table(total, metric="r_squared", unit="share", driver=ALL)
            if chance is not None:
                yield found.table(chance, metric="importance_of_noise", unit="share", driver=NOISE)


def _from_noise(limits: Limited, noise: Limited | None) -> Limited:
    """Return limits from 0 for what is no larger than noise."""
    return limits if noise is None else limits._replace(conf_low=np.where(limits.estimate <= noise.conf_high, 0.0, limits.conf_low))


def _spread(values: Floats, conf_level: float) -> Limited:
    """Return the mean of values and between which limits most of them are."""
    return Limited(*(np.array([value]) for value in (values.mean(), *np.quantile(values, [(1 - conf_level) / 2, (1 + conf_level) / 2]))))


def _comparisons(found: _Found, parts: Floats, drawn: Floats | None, *, drivers: npt.NDArray[np.object_]) -> Iterator[pd.DataFrame]:
    """Yield ranks, and the lead of each driver over the next."""

    def limits(of: Callable[[Floats], Floats]) -> Limited:
        return percentile_limits(of(parts)[0], None if drawn is None else of(drawn), conf_level=found.conf_level)

    place, low, high = limits(ranks)
    yield found.table(Limited(place, np.floor(low), np.ceil(high)), metric="driver_rank", unit="count", driver=drivers)
    order = np.argsort(-np.round(parts[0], 12), kind="stable")
    ahead, behind = order[:-1], order[1:]
    if len(behind):
        lead = limits(lambda values: values[:, ahead] - values[:, behind])
        yield found.table(lead, metric="driver_lead", unit="share", driver=drivers[ahead], over=drivers[behind])


def _single(found: _Found, ratings: Ratings, relations: Relations) -> Iterator[pd.DataFrame]:
    """Yield what each driver shows alone."""
    first = _firsts(relations)
    yield found.table(lambda found: found[:, first, -1], metric="driver_correlation", unit="ratio", driver=ratings.drivers)
    if len(first) > 1:
        yield found.table(lambda found: inflation(_items(found, first)), metric="variance_inflation", unit="ratio", driver=ratings.drivers)


def _halo(found: _Found, ratings: Ratings, relations: Relations, *, rng: np.random.Generator) -> Iterator[pd.DataFrame]:
    """Yield how much of the drivers is one general impression."""
    first = _firsts(relations)
    if len(first) < 2:
        return

    def shares(matrices: Floats) -> Floats:
        return component_shares(_items(matrices, first))

    limits, verdict, chance = found.limited(shares), NOT_SHOWN, None
    if found.drawn is not None:
        chance = component_shares(unrelated(relations, ratings, deals=_deals(ratings) // 4, rng=rng))
        verdict = _verdict(limits, chance=chance)
    largest = Limited(*(limit[:1] for limit in limits))
    yield found.table(largest, metric="halo_share", unit="share", driver=ALL, verdict=verdict)
    if chance is not None:
        yield found.table(_spread(chance[:, 0], found.conf_level), metric="halo_share_by_chance", unit="share", driver=ALL)
    yield found.table(lambda found: explained_by_first(_items(found, [*first, -1]))[:, None], metric="halo_r_squared", unit="share", driver=ALL)
    yield found.table(lambda found: alpha(_items(found, first))[:, None], metric="item_alpha", unit="ratio", driver=ALL)


def _verdict(shares: Limited, *, chance: Floats) -> str:
    """Return whether the items are one impression or several, or neither is shown."""
    items = len(shares.estimate)
    low, high = ((float(limit[0]) * items - 1) / (items - 1) for limit in (shares.conf_low, shares.conf_high))
    second = float(shares.conf_low[1]) > float(np.quantile(chance[:, 1], _SURE))
    if second or high < _ALIKE:
        return SEVERAL
    return ONE if low > _ALIKE else NOT_SHOWN


def _answered(ratings: Ratings) -> pd.DataFrame:
    """Return how many rows have an answer, and how many counted."""
    keys = pd.DataFrame({"driver": [*ratings.drivers, OUTCOME, ALL], "over": None, "verdict": None})
    share = [*ratings.answered, len(ratings.y) / ratings.given]
    return estimates(keys, metric="answered_share", unit="share", estimate=share, n=np.full(len(share), ratings.given))


def _deals(ratings: Ratings) -> int:
    return max(100, min(_DEALS, _CELLS // len(ratings.y)))


def _firsts(relations: Relations) -> list[int]:
    """Return the place of each driver's answers among the columns."""
    return [int(place) for place in np.cumsum([0, *relations.columns[:-1]])]


def _items(matrices: Floats, places: Sequence[int]) -> Floats:
    """Return the correlations of some columns."""
    return np.asarray(matrices[:, list(places)][:, :, list(places)])

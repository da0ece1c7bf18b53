"""Where customers go on the success map from month to month, what that comes to if it goes on so, and whether it may be taken to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import special

from cs_analysis.data.dataset import Dataset
from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.groups import By, as_named, group_columns
from cs_analysis.facts.journey import LEFT, Stages, journeys, stage_names, stages_or_default
from cs_analysis.facts.journey_panel import Panel, stage_panel
from cs_analysis.stats.clusters import clustered_share
from cs_analysis.stats.estimates import check_conf_level, estimates, stack
from cs_analysis.stats.intervals import wilson_limits
from cs_analysis.stats.move_tests import moves_alike
from cs_analysis.stats.resampling import bootstrap
from cs_analysis.stats.risk import grouped

Floats = npt.NDArray[np.float64]
Source = int | np.random.Generator
_REPLICATES = 1000
_FEWEST = 3  # months of moves from which rates are worth a projection


def stage_moves(ds: Dataset, stages: Stages = None, *, order: bool = True, by: By = None, conf_level: float = 0.95) -> pd.DataFrame:
    """Share of the customers at a stage at a month's beginning that are at each stage, or have left, at its end: the monthly moves so far.

    Counted over all finished calendar months since the first account. Who left has left for good here.

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages, order, by
        As for `success_map`.
    conf_level : float
        Level of the limits, which are clustered by account.

    Returns
    -------
    DataFrame
        Estimates with the keys `step`, `stage` (at the beginning), `to_step` and `to_stage` ("(left)" comes last); moves that nobody made have no row. Metric
        `stage_moves`, unit `share`, Wilson limits on an effective number, `n` = customers' months at the stage.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `success_map`; fewer than two finished months.

    References
    ----------
    Anderson and Goodman (1957), Annals of Mathematical Statistics 28, 89-110.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> moves = cs.stage_moves(ds, {"signed up": "signed_up", "value": "goal reached"})
    >>> moves[["stage", "to_stage"]].iloc[0].tolist()
    ['signed up', 'signed up']
    """
    check_conf_level(conf_level)
    named, keys = stages_or_default(ds, stages), group_columns(by)
    panel = stage_panel(ds, journeys(ds, named, order=order, by=by), count=len(named), keys=keys)
    rows = panel.moves()
    told = pd.concat([panel.accounts.iloc[rows["row"]].reset_index(drop=True), rows.rename(columns={"from": "step", "to": "to_step"})], axis=1)
    sums = told.groupby([*keys, "step", "account_id", "to_step"], dropna=False).size().rename("made").reset_index()
    totals = told.groupby([*keys, "step", "account_id"], dropna=False).size().rename("all").reset_index()
    pairs = sums[[*keys, "step", "to_step"]].drop_duplicates().merge(totals, on=[*keys, "step"])
    cells = pairs.merge(sums, on=[*keys, "step", "account_id", "to_step"], how="left").fillna({"made": 0})
    shown, group = grouped(cells, [*keys, "step", "to_step"])
    share = clustered_share(cells["made"], cells["all"], groups=group, conf_level=conf_level)
    table = estimates(shown, metric="stage_moves", unit="share", **share._asdict(), n=np.bincount(group, cells["all"]))
    return as_named(_with_names(table, list(named), ["step", "to_step"]))


def stage_outlook(
    ds: Dataset, stages: Stages = None, *, months: int = 6, order: bool = True, by: By = None, conf_level: float = 0.95, rng: Source = 0
) -> pd.DataFrame:
    """Share of today's customers that will be at each stage, or will have left, after so many months if they go on moving as so far.

    A Markov projection: each month the shares of `stage_moves` apply to whoever is at a stage. It supposes that how long somebody has been at a stage does
    not matter (no memory), that rates stay as they were (constant), and that customers come from one mould; `stage_projection_error` tests the first two
    and holds a projection against what came. New customers are not in it. A stage from which no month has been seen keeps its customers.

    The limits are for what will be seen: they hold the error of the rates, by resampling accounts, and the chance of so many customers' moves.

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages
        As for `success_map`.
    months : int
        How many months ahead, 1 to 60, from `as_of`.
    order, by
        As for `success_map`.
    conf_level : float
        Level of the limits.
    rng : int or Generator
        Seed or source of randomness.

    Returns
    -------
    DataFrame
        Estimates with the keys `months_ahead` (1 to `months`), `step` and `stage` ("(left)" comes last). Metric `stage_outlook`, unit `share`, `n` =
        customers now; all is missing for a group without one, the limits with a single account.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `success_map`; fewer than two finished months; `months` out of range.

    References
    ----------
    Kemeny and Snell (1960), Finite Markov Chains. Efron and Tibshirani (1993), An Introduction to the Bootstrap.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=6)
    >>> table = cs.stage_outlook(ds, {"signed up": "signed_up", "value": "goal reached"}, months=2)
    >>> table.groupby("months_ahead")["estimate"].sum().round(9).tolist()
    [1.0, 1.0]
    """
    check_conf_level(conf_level)
    if not (isinstance(months, int) and 1 <= months <= 60):
        raise ParameterError(f"months must be a whole number from 1 to 60, not {months!r}.")
    named, keys = stages_or_default(ds, stages), group_columns(by)
    table = journeys(ds, named, order=order, by=by)
    panel = stage_panel(ds, table, count=len(named), keys=keys)
    parts = []
    for shown, part in _groups(panel, keys):
        start = _start(part)
        projected = _projected(part, start, months=months, conf_level=conf_level, rng=rng)
        parts.append(pd.concat([_repeated(shown, len(projected)), projected], axis=1))
    found = pd.concat(parts, ignore_index=True)
    numbers = {name: found.pop(name) for name in ("estimate", "conf_low", "conf_high", "n")}
    return as_named(_with_names(estimates(found, metric="stage_outlook", unit="share", **numbers), list(named), ["step"]))


def stage_projection_error(
    ds: Dataset, stages: Stages = None, *, hold_out: int = 3, order: bool = True, by: By = None, conf_level: float = 0.95, rng: Source = 0
) -> pd.DataFrame:
    """How far a projection made some months ago lies from what came, and whether what it supposes holds.

    The moves up to `hold_out` months before the last month end project the customers of then to that month end; the error is half the sum of the differences
    between the projected and the actual shares: the share of customers put at a wrong stage on balance. The tests ask, over all months, whether customers
    new at a stage move on as those who had been there a month before (no memory), and those of the first half of the months as of the second (constant).

    Parameters
    ----------
    ds : Dataset
        As for `success_map`.
    stages
        As for `success_map`.
    hold_out : int
        How many months are held out.
    order, by
        As for `success_map`.
    conf_level, rng
        As for `stage_outlook`.

    Returns
    -------
    DataFrame
        Estimates, unit `share`. Metric `stage_projection_error`, a fact, `n` = customers then; `projected_stage_share` with the limits of `stage_outlook` and
        `actual_stage_share`, a fact, both with the keys `step` and `stage`; `no_memory_p_value` and `constant_rates_p_value`, `n` = months at a stage that the
        tests rest on, missing without a stage with ten on either side. A small value speaks against what is supposed; a large one shows nothing.

    Raises
    ------
    MissingTableError, MissingColumnsError, NotEnoughDataError, ParameterError
        As for `stage_outlook`; fewer months than those held out and three more.

    References
    ----------
    Anderson and Goodman (1957), Annals of Mathematical Statistics 28, 89-110.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> ds, _ = cs.simulate_company(accounts=30, months=8)
    >>> table = cs.stage_projection_error(ds, {"signed up": "signed_up", "value": "goal reached"})
    >>> bool(table["estimate"].iloc[0] < 0.5)
    True
    """
    check_conf_level(conf_level)
    named, keys = stages_or_default(ds, stages), group_columns(by)
    panel = stage_panel(ds, journeys(ds, named, order=order, by=by), count=len(named), keys=keys)
    months = panel.states.shape[1]
    if not (isinstance(hold_out, int) and hold_out >= 1):
        raise ParameterError(f"hold_out must be a whole number of months from 1, not {hold_out!r}.")
    if months < hold_out + _FEWEST:
        raise NotEnoughDataError(f"to hold out {hold_out} months there must be {hold_out + _FEWEST} finished ones; there are {months}. Hold out fewer.")
    parts = [
        _repeated(shown, len(rows)).join(rows)
        for shown, part in _groups(panel, keys)
        for rows in _checked(part, hold_out=hold_out, conf_level=conf_level, rng=rng)
    ]
    found = pd.concat(parts, ignore_index=True)
    metrics = found["metric"].drop_duplicates()
    tables = [
        estimates(rows[[*keys, "step"]], metric=name, unit="share", **{column: rows[column] for column in ("estimate", "conf_low", "conf_high", "n")})
        for name in metrics
        for rows in [found[found["metric"] == name].reset_index(drop=True)]
    ]
    return as_named(_with_names(stack(tables), list(named), ["step"]))


def _checked(panel: Panel, *, hold_out: int, conf_level: float, rng: Source) -> Iterator[pd.DataFrame]:
    """Return the rows of the back-test and of the tests for one group."""
    early, last = panel.until(-hold_out), panel.states[:, -1]
    start = _start(early)
    projected = _projected(early, start, months=hold_out, conf_level=conf_level, rng=rng).query("months_ahead == @hold_out").drop(columns="months_ahead")
    present = (early.now >= 0) & (early.now < panel.left)
    actual = np.bincount(last[present], minlength=panel.left + 1) / max(present.sum(), 1)
    error = np.abs(projected["estimate"].to_numpy() - actual).sum() / 2
    facts = {"conf_low": np.nan, "conf_high": np.nan, "step": np.nan}
    yield pd.DataFrame([{"metric": "stage_projection_error", "estimate": error, "n": present.sum(), **facts}])
    yield projected.assign(metric="projected_stage_share").reset_index(drop=True)
    yield pd.DataFrame({**facts, "metric": "actual_stage_share", "step": np.arange(panel.left + 1), "estimate": actual, "n": present.sum()})
    moves = panel.moves()
    kinds = {"no_memory_p_value": moves["new"], "constant_rates_p_value": moves["month"] < (panel.states.shape[1] - 1) / 2}
    for metric, kind in kinds.items():
        test = moves_alike(moves.assign(kind=kind))
        yield pd.DataFrame([{"metric": metric, "estimate": test.p_value, "n": test.moves, **facts}])


def _groups(panel: Panel, keys: list[str]) -> Iterator[tuple[pd.DataFrame, Panel]]:
    """Return the keys of each group, one row, and its panel."""
    shown, group = grouped(panel.accounts, keys)
    for number in range(len(shown)):
        yield shown.iloc[[number]], panel.of(group == number)


def _start(panel: Panel) -> Floats:
    """Return how many customers are at each stage now; nobody has left of them."""
    here = (panel.now >= 0) & (panel.now < panel.left)
    return np.bincount(panel.now[here], minlength=panel.left + 1).astype("float64")


def _projected(panel: Panel, start: Floats, *, months: int, conf_level: float, rng: Source) -> pd.DataFrame:
    """Return `months_ahead`, `step`, `estimate`, limits and `n` of the projection from a start."""
    width, n = panel.left + 1, start.sum()
    share = start / n if n else np.full(width, np.nan)
    moves = panel.moves()
    pair = moves["from"].to_numpy() * width + moves["to"].to_numpy()
    made, column = np.unique(pair, return_inverse=True)
    counts = np.bincount(moves["row"].to_numpy() * len(made) + column, minlength=len(panel.states) * len(made)).reshape(len(panel.states), len(made))

    def ahead(sums: pd.DataFrame) -> pd.DataFrame:
        matrices = _matrices(sums.to_numpy("float64"), made, width)
        states, steps = np.broadcast_to(share, (len(sums), width)), []
        for _ in range(months):
            states = np.einsum("rs,rst->rt", states, matrices)
            steps.append(states)
        return pd.DataFrame(np.concatenate(steps, axis=1))

    found = bootstrap(pd.DataFrame(counts), ahead, rng=rng, replicates=_REPLICATES, conf_level=conf_level, method="percentile", unit="share")
    keys = pd.DataFrame({"months_ahead": np.repeat(np.arange(1, months + 1), width), "step": np.tile(np.arange(width), months)})
    estimate = found["estimate"].clip(0, 1)
    low, high = _foreseen(estimate, found["conf_low"], found["conf_high"], n=n, conf_level=conf_level)
    return keys.assign(estimate=estimate, conf_low=low, conf_high=high, n=int(n))


def _matrices(sums: Floats, made: npt.NDArray[np.int64], width: int) -> Floats:
    """Return the transition matrix of each replicate from its sums of the moves made; a state without a move is kept."""
    flat = np.zeros((len(sums), width * width))
    flat[:, made] = sums
    counts = flat.reshape(len(sums), width, width)
    totals = counts.sum(axis=2, keepdims=True)
    return np.where(totals > 0, counts / np.where(totals > 0, totals, 1.0), np.eye(width))


def _foreseen(share: pd.Series, low: pd.Series, high: pd.Series, *, n: float, conf_level: float) -> tuple[Floats, Floats]:
    """Return Wilson's limits on the number of customers that has the variance of the rates and of chance together."""
    z = special.ndtri((1 + conf_level) / 2)
    chance = (share * (1 - share)).to_numpy() / n if n else np.full(len(share), np.nan)
    rates = ((high - low).to_numpy() / (2 * z)) ** 2
    effective = np.where(chance > 0, n * chance / np.where(chance > 0, chance + np.nan_to_num(rates), 1.0), n)
    limits = wilson_limits(share.to_numpy(), n=effective, conf_level=conf_level)
    return np.asarray(limits.conf_low), np.asarray(limits.conf_high)


def _repeated(row: pd.DataFrame, times: int) -> pd.DataFrame:
    return row.loc[row.index.repeat(times)].reset_index(drop=True)


def _with_names(table: pd.DataFrame, stages: list[str], columns: list[str]) -> pd.DataFrame:
    """Return a table with the stage's name after each column of stage numbers."""
    names = {**stage_names(stages), len(stages) + 1: LEFT}
    named = table
    for column in columns:
        place = list(named.columns).index(column) + 1
        named.insert(place, column.replace("step", "stage"), named[column].map(names).astype("object"))
    return named

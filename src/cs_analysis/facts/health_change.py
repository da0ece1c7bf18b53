"""A change of scores between two dates, split into what the measures did to it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.health_points import BEYOND, Floats, Scored, checked_features, scored, summing_to
from cs_analysis.facts.health_rules import Rules
from cs_analysis.facts.health_scaling import closed_rules

MOVED, FOUND, LOST, CUT = "moved", "became_known", "became_missing", "cut_off"
_MIDDLE = 50.0


class Changes(NamedTuple):
    """What changed between two dates.

    `totals`: `account_id, change, inputs` (measures known on both dates); `pieces`: `account_id, measure, reason, piece`, which sum to the change exactly.
    """

    before: pd.Timestamp
    at: pd.Timestamp
    totals: pd.DataFrame
    pieces: pd.DataFrame


def changes(rules: Rules, features: pd.DataFrame, *, between: Any = None) -> Changes:
    """Return how scores changed between two dates, of accounts that have one on both.

    A measure known on both dates has the reason `moved`, one known on the later alone `became_known`, on the earlier alone `became_missing`. Where missing
    values are left out, the measures known on both dates are compared with the weights that they have among themselves; a measure that became known
    adds its distance from the score of these, times its weight on the later date, one that became missing takes its distance on the earlier date
    off (where no measure is known on both dates, the distance from 50). All of these sum to the change.

    Raises
    ------
    NotEnoughDataError
        The table has fewer than two dates.
    ParameterError
        `between` are not two dates of the table, the earlier first.
    """
    table = checked_features(rules, features)
    before, at = _two_dates(table["at"], between)
    closed = closed_rules(rules, table)
    earlier, later = (table[table["at"] == date].set_index("account_id").sort_index() for date in (before, at))
    both = earlier.index.intersection(later.index)
    there = ~np.isnan(scored(closed, earlier.loc[both].reset_index()).score) & ~np.isnan(scored(closed, later.loc[both].reset_index()).score)
    accounts = both[there]
    old, new = (scored(closed, rows.loc[accounts].reset_index()) for rows in (earlier, later))
    pieces, reasons = _pieces(closed, old, new)
    pieces = summing_to(new.score - old.score, pieces)
    names = [*closed.features, BEYOND]
    shown = [pd.DataFrame({"account_id": accounts, "measure": name, "reason": reasons[:, i], "piece": pieces[:, i]}) for i, name in enumerate(names)]
    totals = pd.DataFrame({"account_id": accounts, "change": new.score - old.score, "inputs": (old.known & new.known).sum(axis=1)})
    listed = pd.concat(shown, ignore_index=True)
    return Changes(before, at, totals, listed[listed["reason"] != ""].reset_index(drop=True))


def _two_dates(dates: pd.Series, between: Any) -> tuple[pd.Timestamp, pd.Timestamp]:
    """Return the two dates that are compared."""
    known = sorted(dates.unique())
    if between is None:
        if len(known) < 2:
            raise NotEnoughDataError(f"a change needs two dates; the features have {len(known)}. Make them with health_features(ds, at=[...]).")
        return known[-2], known[-1]
    wanted = [pd.Timestamp(date) for date in ([between] if isinstance(between, str) else between)]
    if len(wanted) != 2 or not set(wanted) <= set(known) or wanted[0] >= wanted[1]:
        shown = ", ".join(f"{date:%Y-%m-%d}" for date in known[-6:])
        raise ParameterError(f"between must be two dates of the features, the earlier first, such as the last ones ({shown}), not {between!r}.")
    return wanted[0], wanted[1]


def _pieces(rules: Rules, old: Scored, new: Scored) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Return what each measure, and holding the score within its scale, did to each score, and why."""
    reasons = np.select([old.known & new.known, new.known, old.known], [MOVED, FOUND, LOST], "").astype(object)
    by_weights = rules.style == "mean" and rules.missing == "leave_out"
    pieces = _reweighted(rules, old, new) if by_weights else np.nan_to_num(new.parts) - np.nan_to_num(old.parts)
    cut = new.beyond - old.beyond
    pieces = np.where(reasons == "", 0.0, pieces)  # the stand-in of a measure that is never known may differ by a rounding
    return np.column_stack([pieces, cut]), np.column_stack([reasons, np.where(cut != 0, CUT, "").astype(object)])


def _reweighted(rules: Rules, old: Scored, new: Scored) -> Floats:
    """Return what each measure did to a weighted mean over what is known."""
    weights = np.array([measure.weight for measure in rules.measures])
    both = old.known & new.known
    common = weights * both
    total = common.sum(axis=1, keepdims=True)
    share = common / np.where(total > 0, total, np.inf)
    first, last = (np.where(total > 0, (share * np.nan_to_num(each.points)).sum(axis=1, keepdims=True), _MIDDLE) for each in (old, new))
    moved = share * np.nan_to_num(new.points - old.points)
    lost = np.where(both, 0.0, old.weights) * (first - np.nan_to_num(old.points))
    found = np.where(both, 0.0, new.weights) * (np.nan_to_num(new.points) - last)
    return np.asarray(moved + lost + found, dtype="float64")

"""Who went from one persona to another between two dates, and whether more did than noise alone would move."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cs_analysis.errors import NotEnoughDataError, ParameterError
from cs_analysis.facts.persona_rows import NEVER_USED, UNASSIGNED, Choice
from cs_analysis.stats.estimates import COLUMNS, check_conf_level, estimates, stack
from cs_analysis.stats.grouping.groups import Groups
from cs_analysis.stats.grouping.verdict import NO_STRUCTURE
from cs_analysis.stats.intervals import Floats, Interval, difference, net_share, wilson
from cs_analysis.stats.matching_labels import matched_groups
from cs_analysis.stats.resampling import generator
from cs_analysis.stats.transitions import transition_shares

NEW, LEFT = "new", "left"
_KEYS = ("model", "from_persona", "to_persona", "persona", "feature", "verdict")
_BEYOND, _NOT_SHOWN, _UNKNOWN = "beyond noise", "not shown", "noise unknown"
_SHIFTED, _MAKESHIFT, _NONE_NOW = "shifted", "no counterpart", "no structure now"


class _Personas(Protocol):
    """What migration needs of a `PersonaFit`."""

    @property
    def verdict(self) -> str: ...
    @property
    def k(self) -> int: ...
    @property
    def centres(self) -> pd.DataFrame: ...
    @property
    def stability(self) -> pd.DataFrame: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def choice(self) -> Choice: ...
    @property
    def groups(self) -> Groups | None: ...
    def predict(self, features: pd.DataFrame) -> pd.DataFrame: ...
    def again(self, features: pd.DataFrame, **choices: object) -> _Personas: ...


class _Refit(NamedTuple):
    """A fit of a later table, the place of each of its personas in the first fit, and whether no other of the first fit is nearer."""

    fit: _Personas
    earlier: npt.NDArray[np.intp]
    nearest: npt.NDArray[np.bool_]

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Return the persona of each account, under the names of the first fit."""
        letters = self.fit.centres["persona"].to_numpy()
        return self.fit.predict(features).replace({"persona": dict(zip(letters, letters[self.earlier], strict=True))})


def persona_migration(
    fit: _Personas,
    then: pd.DataFrame,
    now: pd.DataFrame,
    *,
    repeat: pd.DataFrame | None = None,
    refit: bool = False,
    rng: int | np.random.Generator = 0,
    conf_level: float = 0.95,
) -> pd.DataFrame:
    """Return where the accounts of each persona were at a later date, and whether more moved than noise alone would move.

    Accounts near a border are of one persona in one month and of another in the next although nothing changed: a share of moves by itself shows no
    movement. `repeat` tells how many: the same features of another window as long that ends where that of `then` begins. Between such neighbours hardly
    anybody truly moves, so what seems to move is the noise floor; who truly moves in so short a time makes it too high rather than too low.

    * `persona_migration`: share of the accounts of `from_persona` that are of `to_persona` at `now`, with limits of Wilson by row. "never used" and
      "unassigned" are states too; "new" accounts are in `now` alone, those that "left" in `then` alone.
    * `moved_share`: share with another persona, of the accounts with one at both dates ("never used" is one, "unassigned" is none).
    * `moved_share_noise`: the same from `repeat` to `then`.
    * `moved_beyond_noise`: share that moved between the dates alone minus share that did between `repeat` and `then` alone, of the accounts with a
      persona at all three, with score limits for pairs. `verdict` is "beyond noise" where these are above 0, else "not shown"; "noise unknown"
      without `repeat`.

    With `refit`, personas are made anew from `now` too, as many, on the same scales (logarithms or not), and named after those of `fit` whose centres lie
    closest (least sum of squares). Rows with `model` "refitted" are by those, and the floor with personas made anew from `repeat`. Their limits take
    the personas as given and are too narrow by what making them anew adds: go by the verdict of "frozen". Then

    * `refit_agreement`: share of the accounts of `now` with the same persona by both.
    * `centre_shift`: centre of the new personas less that of `fit`, in standard deviations of `fit`, with limits from drawing the accounts of each anew as
      if they were different ones (too wide rather than too narrow). `verdict`: "shifted" where they exclude 0, else "not shown"; "no counterpart"
      where another centre of `fit` is nearer; "no structure now" where the later accounts fall into no groups and `fit` found some.

    Parameters
    ----------
    fit : PersonaFit
        Personas, as a rule made from `then`.
    then, now : DataFrame
        Features of two dates, one row an account, with the columns of the fit.
    repeat : DataFrame, optional
        Features measured again at about the time of `then`, from other days: of `health_features`, those of the date 28 days earlier.
    refit : bool
        Whether personas are made anew from `now` as well.
    rng : int or Generator
        Seed or source of randomness of the new personas.
    conf_level : float
        Level of the limits, each by itself.

    Returns
    -------
    DataFrame
        Estimates with the keys `model` ("frozen", "refitted"), `from_persona`, `to_persona`, `persona`, `feature`, `verdict`.

    Raises
    ------
    NotEnoughDataError
        There are no personas, by the verdict; or, with `refit`, too few accounts, or a feature that no longer varies.
    MissingColumnsError, ParameterError
        As for `fit_personas`; `now` is not later than `then`, or `repeat` not another date.

    References
    ----------
    Wilson (1927), Journal of the American Statistical Association 22, 209-212. Kuhn (1955), Naval Research Logistics Quarterly 2, 83-97.

    Examples
    --------
    >>> import cs_analysis as cs
    >>> rng = np.random.default_rng(1)
    >>> low, high = rng.normal([3, 3, 3], 0.5, (40, 3)), rng.normal([8, 3, 9], 0.5, (30, 3))
    >>> then = pd.DataFrame(np.vstack([low, high]), columns=["days", "users", "reports"]).assign(account_id=range(70))
    >>> fit = cs.fit_personas(then, null_tables=19, most=3)
    >>> now = then.assign(account_id=[*range(5, 70), *range(5)])
    >>> found = persona_migration(fit, then, now)
    >>> found.query("metric == 'moved_share'")[["estimate", "n", "verdict"]].round(3).to_dict("records")
    [{'estimate': 0.152, 'n': 66, 'verdict': 'noise unknown'}]
    """
    level, source = check_conf_level(conf_level), generator(rng)
    _check_dates(then, now, repeat)
    names, before = fit.centres["persona"].tolist(), fit.predict(then)
    frozen = fit.predict(now)
    parts = [_moves(before, frozen, None if repeat is None else fit.predict(repeat), names=names, conf_level=level).assign(model="frozen")]
    if refit:
        later = _refitted(fit, now, rng=source, conf_level=level)
        again = None if repeat is None else _refitted(fit, repeat, rng=source, conf_level=level).predict(repeat)
        moves = _moves(before, later.predict(now), again, names=names, conf_level=level)
        parts += [part.assign(model="refitted") for part in (moves, _agreement(frozen, later.predict(now), level), _shift(fit, later, level))]
    return stack(parts).reindex(columns=[*_KEYS, *COLUMNS])


def _check_dates(then: pd.DataFrame, now: pd.DataFrame, repeat: pd.DataFrame | None) -> None:
    """Raise `ParameterError` where the tables bear dates, and these are not in order."""
    first, last, other = (None if table is None or "at" not in table.columns or table.empty else table["at"].iloc[0] for table in (then, now, repeat))
    if first is not None and last is not None and not first < last:
        raise ParameterError(f"now must be later than then; then is of {first}, now of {last}. Swap them.")
    if other is not None and other in (first, last):
        raise ParameterError(f"repeat must be of days of its own; it is of {other}, as another table is. Take features of one window earlier than then.")


def _moves(then: pd.DataFrame, now: pd.DataFrame, repeat: pd.DataFrame | None, *, names: list[str], conf_level: float) -> pd.DataFrame:
    """Return the transition matrix, and the share that moved beside its noise floor."""
    states = _states(then=then, now=now, **({} if repeat is None else {"repeat": repeat}))
    floor = _moved(states["repeat"], states["then"]) if repeat is not None else _nobody(states)
    moved = _moved(states["then"], states["now"])
    both = moved.notna() & floor.notna()
    only_now, only_before = (int((one[both] > other[both]).sum()) for one, other in ((moved, floor), (floor, moved)))
    beyond = net_share((only_before, int(both.sum()) - only_before - only_now, only_now), conf_level=conf_level)
    verdict = _UNKNOWN if repeat is None else _BEYOND if beyond.conf_low > 0 else _NOT_SHOWN
    rows = [("moved_share", _share(moved, conf_level), moved.count()), ("moved_share_noise", _share(floor, conf_level), floor.count())]
    told = [estimates({}, metric=name, unit="share", **found._asdict(), n=n) for name, found, n in (*rows, ("moved_beyond_noise", beyond, both.sum()))]
    return stack([_matrix(states, names, conf_level=conf_level), *(table.assign(verdict=verdict) for table in told)])


def _states(**tables: pd.DataFrame) -> pd.DataFrame:
    """Return the state of each account at each date, missing where it was not a customer."""
    return pd.concat({name: table.set_index("account_id")["persona"] for name, table in tables.items()}, axis=1)


def _nobody(states: pd.DataFrame) -> pd.Series:
    return pd.Series(np.nan, index=states.index)


def _moved(first: pd.Series, last: pd.Series) -> pd.Series:
    """Return 1 for whose persona differs and 0 for whose does not; missing without a persona at both dates."""
    known = first.notna() & last.notna() & (first != UNASSIGNED) & (last != UNASSIGNED)
    return (first != last).astype("float64").where(known)


def _share(moved: pd.Series, conf_level: float) -> Interval:
    return wilson(moved.sum(), moved.count(), conf_level=conf_level)


def _matrix(states: pd.DataFrame, names: list[str], *, conf_level: float) -> pd.DataFrame:
    """Return the share of each state that went to each."""
    known = states[states["then"].notna() | states["now"].notna()]
    pairs = pd.DataFrame({"from": known["then"].fillna(NEW), "to": known["now"].fillna(LEFT)})
    order = [*names, NEVER_USED, UNASSIGNED, NEW, LEFT]
    seen = pd.MultiIndex.from_product([[name for name in order if name in set(pairs[end])] for end in ("from", "to")], names=["from", "to"])
    moves = pairs.value_counts().reindex(seen, fill_value=0).rename("count").reset_index()
    found = transition_shares(moves[(moves["from"] != NEW) | (moves["to"] != LEFT)], conf_level=conf_level)
    keys = found.rename(columns={"from": "from_persona", "to": "to_persona"})[["from_persona", "to_persona"]]
    return estimates(keys, metric="persona_migration", unit="share", **found[["estimate", "conf_low", "conf_high", "n"]])


def _refitted(fit: _Personas, table: pd.DataFrame, *, rng: np.random.Generator, conf_level: float) -> _Refit:
    """Return as many personas made of another table in the same way, with the names of those whose centres lie closest."""
    level = {"null_tables": ceil(1 / (1 - conf_level)) - 1, "conf_level": conf_level}
    # As `predict` does: who lacks a value at another date is unassigned.
    missing = "median" if fit.choice.missing == "median" else "complete"
    other = fit.again(table, k=fit.k, missing=missing, rng=rng, **level)
    if gone := [name for name in fit.columns if name not in other.columns]:
        raise NotEnoughDataError(f"personas cannot be made anew: {', '.join(gone)} no longer varies. Choose refit=False, or fit without it.")
    return _Refit(other, *matched_groups(_groups(fit).partition.centres, _in_scales_of(fit, other, _groups(other).partition.centres)))


def _groups(fit: _Personas) -> Groups:
    if fit.groups is None:
        raise NotEnoughDataError("there are no personas, by the verdict.")
    return fit.groups


def _in_scales_of(fit: _Personas, other: _Personas, centres: Floats) -> Floats:
    """Return places in the standard deviations of one fit as places in those of the first."""
    pairs = zip(_groups(other).scales, _groups(fit).scales, centres.T, strict=True)
    return np.column_stack([first.scaled(own.original(values), drawn_in=False) for own, first, values in pairs])


def _agreement(frozen: pd.DataFrame, refitted: pd.DataFrame, conf_level: float) -> pd.DataFrame:
    """Return the share of accounts with the same persona by both models."""
    states = _states(frozen=frozen, refitted=refitted)
    same = 1 - _moved(states["frozen"], states["refitted"])
    return estimates({}, metric="refit_agreement", unit="share", **_share(same, conf_level)._asdict(), n=same.count())


def _shift(fit: _Personas, later: _Refit, conf_level: float) -> pd.DataFrame:
    """Return how far the centre of each persona has gone, in standard deviations of the first fit."""
    order = np.argsort(later.earlier)
    limits = (_in_scales_of(fit, later.fit, part)[order] for part in _groups(later.fit).centre_limits(conf_level))
    shift = difference(Interval(*limits), _groups(fit).centre_limits(conf_level))
    surely, nearest = (shift.conf_low > 0) | (shift.conf_high < 0), later.nearest[order][:, None]
    verdict = np.where(nearest, np.where(surely, _SHIFTED, _NOT_SHOWN), _MAKESHIFT).astype(object)
    if later.fit.verdict == NO_STRUCTURE != fit.verdict:
        verdict[:] = _NONE_NOW
    personas, features = fit.centres["persona"].tolist(), list(fit.columns)
    keys = {"persona": np.repeat(personas, len(features)), "feature": features * len(personas), "verdict": verdict.ravel()}
    n = np.repeat(later.fit.stability["accounts"].to_numpy()[order], len(features))
    return estimates(keys, metric="centre_shift", unit="ratio", **{name: part.ravel() for name, part in shift._asdict().items()}, n=n)

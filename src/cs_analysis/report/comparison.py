"""Two runs side by side: what moved beyond noise, what an earlier period says differently now, and what came or went."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import special

from cs_analysis import glossary
from cs_analysis.errors import ParameterError
from cs_analysis.report.figures import FIGURE, SERIES, Figures, read_figures
from cs_analysis.stats.differences import adjusted_p_values
from cs_analysis.stats.intervals import Floats, Interval, difference, p_value_of_difference

VALUES = ["estimate", "conf_low", "conf_high", "n"]
COLUMNS = (
    *("kind", "headline", *SERIES, "grain", "period_before", "period"),
    *(f"{name}_before" for name in VALUES),
    *VALUES,
    *("difference", "difference_low", "difference_high", "p_value", "adjusted_p_value", "beyond_noise", "judged"),
)
_EQUAL = 1e-8  # relative; numbers of a pack have ten digits
_ABOUT_THE_RUN = ("data", "as_of", "period", "language", "company", "conf_level")  # parameters that may differ without making figures of another kind


@dataclass(frozen=True)
class Comparison:
    """What two runs say differently.

    Attributes
    ----------
    changes : DataFrame
        A row a figure, with the columns `COLUMNS`. `kind` is `moved` (tested), `fact` (differs, and is not tested), `restated`, `gone` or `new`.
    notes : tuple of str
        What stands in the way of a comparison, such as other parameters.
    rate : float
        About the chance that any figure is called changed where none has, among headline figures and among the others alike.
    before, after : str
        Instants up to which the data of the two runs are known.
    """

    changes: pd.DataFrame
    notes: tuple[str, ...]
    rate: float
    before: str
    after: str

    @property
    def beyond_noise(self) -> pd.DataFrame:
        """The figures that moved beyond noise, headline figures first."""
        found = self.changes[self.changes["beyond_noise"]]
        return found.sort_values("headline", ascending=False, kind="stable", ignore_index=True)

    @property
    def alerts(self) -> pd.DataFrame:
        """The headline figures that moved beyond noise, each once, whatever number of reports show it."""
        found = self.beyond_noise
        return found[found["headline"]].drop_duplicates(["metric", "unit", "keys", *_both(VALUES)], ignore_index=True)

    @property
    def tested(self) -> int:
        """Number of headline figures that were tested, each counted once."""
        rows = self.changes[(self.changes["kind"] == "moved") & self.changes["headline"]]
        return len(rows.drop_duplicates(["metric", "unit", "keys", *_both(VALUES)]))

    @property
    def worse(self) -> bool:
        """Whether a headline figure changed for the worse beyond noise."""
        return bool((self.alerts["judged"] == "worse").any())


def compare_packs(before: str | Path, after: str | Path, *, rate: float = 0.05) -> Comparison:
    """What the second of two runs says that the first did not, with a stated rate of false alarms.

    Figures are matched by report, metric, unit and all keys.

    * **moved**: headline figures of the newest period of each run, and figures without a period. The limits of a difference d = a - b are
      d - sqrt((a - low_a)^2 + (high_b - b)^2) and its mirror image; the p value is that of a normal law with this half width. Benjamini and Hochberg's
      procedure at `rate` is applied to the headline figures, each counted once, and to the other figures apart.
    * **fact**: figures without limits, and naive ones, that differ. They are told and not tested.
    * **restated**: the same period, which was over at the first run, says something else now: rows were corrected or came in late. Where both runs are of
      one day, every difference is of this kind.
    * **gone**, **new**: a figure that only one of the runs has.

    The two runs are treated as independent. They share customers, and mostly rows, so that their figures go together and true limits of the differences are
    narrower. On simulated pairs of months without a change (12 shares and a mean, 100 and 400 customers) 6 to 7 % of runs rang where all customers were new
    and 3 to 4 % where nine in ten were the same; each figure by its own interval would ring in 38 to 50 %. Where figures had changed, 1 to 5 % of the alarms
    were false; of rises by 10 percentage points one in seven was found with 100 customers, and three in four or more with 400.

    Parameters
    ----------
    before, after : path
        Folders of two runs.
    rate : float
        The rate of false alarms.

    Returns
    -------
    Comparison

    Raises
    ------
    ReportError
        A folder is no pack.
    ParameterError
        `rate` does not lie between 0 and 1.

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300. Zou and Donner (2008), Statistics in Medicine 27, 1693-1702.

    Examples
    --------
    In a checkout::

        found = compare_packs("reports/2026-09", "reports/2026-10")
        print(found.alerts)
    """
    return compared(read_figures(Path(before)), read_figures(Path(after)), rate=rate)


def compared(before: Figures, after: Figures, *, rate: float = 0.05) -> Comparison:
    """Return what two sets of figures say differently (see `compare_packs`)."""
    if not 0 < rate < 1:
        raise ParameterError(f"rate must lie between 0 and 1, such as 0.05, not {rate!r}.")
    common = before.complete & after.complete
    old, new = (figures.table[figures.table["report"].isin(common)] for figures in (before, after))
    tested, facts = _moved(before, after, old=old, new=new, rate=rate)
    parts = [tested, facts, _restated(before, after, old=old, new=new), _only(old, new, "gone"), _only(new, old, "new")]
    filled = [part for part in parts if len(part)]
    changes = pd.concat(filled, ignore_index=True) if filled else parts[0]
    changes = changes.reindex(columns=list(COLUMNS)).astype({"headline": bool})
    changes = changes.assign(beyond_noise=changes["beyond_noise"].eq(True), judged=changes["judged"].fillna(""))
    return Comparison(changes, _notes(before, after), rate, before.as_of, after.as_of)


def _moved(before: Figures, after: Figures, *, old: pd.DataFrame, new: pd.DataFrame, rate: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the newest figures of both runs: those that are tested, and those that differ and are not."""
    pairs = _paired(_newest(old), _newest(new), SERIES)
    later = before.as_of != after.as_of
    further_on = (pairs["period_before"] != pairs["period"]) | (later & (~pairs["over_before"] | (pairs["period"] == "")))
    pairs = pairs[further_on].reset_index(drop=True)
    pairs = _with_difference(pairs, [figures.conf_levels() for figures in (before, after)])
    testable = pairs["p_value"].notna() & ~pairs["metric"].map(_is_naive)
    tested, facts = pairs[testable].reset_index(drop=True), pairs[~testable & _differ(pairs)]
    for headline in (True, False):
        rows = tested[tested["headline"] == headline]
        once = rows.drop_duplicates(["metric", "unit", "keys", *_both(VALUES)])
        p = once["p_value"].to_numpy()
        adjusted = dict(zip(p, adjusted_p_values(p, "benjamini_hochberg"), strict=True))  # equal p values are adjusted equally
        tested.loc[rows.index, "adjusted_p_value"] = rows["p_value"].map(adjusted)
    tested["beyond_noise"] = tested["adjusted_p_value"] <= rate if len(tested) else False
    return tested.assign(kind="moved"), facts.assign(kind="fact", p_value=np.nan)


def _newest(table: pd.DataFrame) -> pd.DataFrame:
    """Return of each headline figure its newest period, and the figures without a period."""
    shown = table[table["headline"] | (table["period"] == "")].sort_values("period", kind="stable")
    return shown.drop_duplicates(SERIES, keep="last").sort_index()


def _restated(before: Figures, after: Figures, *, old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the figures of periods that were over at the first run, and of two runs of one day all, of which the second says something else."""
    same_day = before.as_of == after.as_of
    pairs = _paired(old[same_day | (old["over"] & (old["period"] != ""))], new, FIGURE)
    pairs = _with_difference(pairs.assign(period_before=pairs["period"]), [figures.conf_levels() for figures in (before, after)])
    return pairs[_differ(pairs)].assign(kind="restated", p_value=np.nan, difference_low=np.nan, difference_high=np.nan)


def _only(table: pd.DataFrame, other: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the newest figure of each series that the other run does not have."""
    missing = ~pd.MultiIndex.from_frame(table[SERIES]).isin(pd.MultiIndex.from_frame(other[SERIES]))
    rows = table[missing].sort_values("period", kind="stable").drop_duplicates(SERIES, keep="last").sort_index()
    return rows.assign(kind=kind) if kind == "new" else rows.rename(columns={name: f"{name}_before" for name in ("period", *VALUES)}).assign(kind=kind)


def _paired(old: pd.DataFrame, new: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    pairs = new.merge(old, on=on, suffixes=("", "_before"), validate="one_to_one")
    return pairs.assign(headline=pairs["headline"] | pairs["headline_before"])


def _with_difference(pairs: pd.DataFrame, conf_levels: list[pd.Series]) -> pd.DataFrame:
    """Return pairs with the difference, its limits at the level of the second run, its p value, and which way is better."""
    z = [special.ndtri((1 + pairs["report"].map(levels).to_numpy("float64")) / 2) for levels in conf_levels]
    was, now = _interval(pairs, "_before", scale=z[1] / z[0]), _interval(pairs, "", scale=np.ones(len(pairs)))
    gap = difference(now, was)
    p_values = p_value_of_difference(gap, conf_level=pairs["report"].map(conf_levels[1]).to_numpy("float64"))
    words = [judged(change, metric) for change, metric in zip(gap.estimate, pairs["metric"], strict=True)]
    return pairs.assign(difference=gap.estimate, difference_low=gap.conf_low, difference_high=gap.conf_high, p_value=p_values, judged=words)


def _interval(pairs: pd.DataFrame, suffix: str, *, scale: Floats) -> Interval:
    """Return the intervals of one run with their half widths rescaled; of one that is open to a side, that limit is infinite."""
    estimate, low, high = (pairs[f"{name}{suffix}"].to_numpy("float64") for name in VALUES[:3])
    given = np.isfinite(low) | np.isfinite(high)
    low, high = np.where(given & np.isnan(low), -np.inf, low), np.where(given & np.isnan(high), np.inf, high)
    return Interval(estimate, estimate - scale * (estimate - low), estimate + scale * (high - estimate))


def _differ(pairs: pd.DataFrame) -> pd.Series:
    same = np.isclose(pairs["estimate"].to_numpy(), pairs["estimate_before"].to_numpy(), rtol=_EQUAL, atol=0.0)
    return pd.Series(~same, index=pairs.index)


def _is_naive(metric: str) -> bool:
    return "naive" in metric.split("_")


def judged(change: float, metric: str) -> str:
    """Return whether a change is for the better or the worse; nothing where no way is better."""
    direction = glossary.entry(metric).direction if metric in glossary.names() else "none"
    if change == 0 or direction == "none":
        return ""
    return "better" if (change > 0) == (direction == "higher") else "worse"


def _both(names: list[str]) -> list[str]:
    return [*names, *(f"{name}_before" for name in names)]


def _notes(before: Figures, after: Figures) -> tuple[str, ...]:
    """Return in sentences what makes the two runs hard to compare."""
    old, new = before.manifest["reports"], after.manifest["reports"]
    alone = [(name, "first") for name in before.complete - after.complete] + [(name, "second") for name in after.complete - before.complete]
    notes = [f"only the {which} run has the report {name} complete." for name, which in sorted(alone)]
    other = {name for report in old if report in new for name in _other_parameters(old[report], new[report])}
    if other:
        notes.append(f"the runs differ in {', '.join(sorted(other))}: figures of another kind may bear the same name.")
    versions = [str(figures.manifest.get("versions", {}).get("cs-analysis", "")) for figures in (before, after)]
    if versions[0] != versions[1]:
        notes.append(f"the runs were made by versions {versions[0]} and {versions[1]}: definitions may have changed.")
    if before.ambiguous or after.ambiguous:
        notes.append(f"{max(before.ambiguous, after.ambiguous)} figures share their keys with another of the same report and are not compared.")
    return tuple(notes)


def _other_parameters(old: dict[str, dict[str, object]], new: dict[str, dict[str, object]]) -> list[str]:
    was, now = old.get("parameters", {}), new.get("parameters", {})
    return [name for name in {*was, *now} if name not in _ABOUT_THE_RUN and was.get(name) != now.get(name)]

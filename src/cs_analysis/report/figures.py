"""The numbers of a pack as one table in which every figure has a name of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cs_analysis.errors import ReportError
from cs_analysis.report.place import manifest
from cs_analysis.show.text import Grain, grain_of
from cs_analysis.stats.estimates import COLUMNS

SERIES = ["report", "metric", "unit", "keys"]
FIGURE = [*SERIES, "period"]
_NO_KEYS = {*COLUMNS, "report", "kpi", "unfinished"}  # `kpi` is another name of the metric
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_FREQUENCIES: dict[Grain, str] = {"day": "D", "month": "M", "quarter": "Q", "year": "Y"}


@dataclass(frozen=True)
class Figures:
    """The numbers of one pack.

    Attributes
    ----------
    table : DataFrame
        A row a figure: `report, metric, unit, keys, period`, the estimate, its limits, `n`, whether it is a `headline`, its period's `grain`, and
        whether that was `over`.
    ambiguous : int
        Number of figures that were left out because another value stands under the same name.
    manifest : mapping
        What the pack says about itself.
    """

    table: pd.DataFrame
    ambiguous: int
    manifest: Mapping[str, Any]

    @property
    def as_of(self) -> str:
        """Instant up to which the data of the pack are known."""
        return str(self.manifest["as_of"])

    @property
    def complete(self) -> set[str]:
        """The reports that ran to their end."""
        return {name for name, report in self.manifest["reports"].items() if not report.get("error")}

    def conf_levels(self) -> pd.Series:
        """Return the level of the limits of each report."""
        about = self.manifest["reports"].items()
        return pd.Series({name: float(report.get("parameters", {}).get("conf_level", 0.95)) for name, report in about}, dtype="float64")


def read_figures(folder: Path) -> Figures:
    """Return the numbers of a pack.

    Raises
    ------
    ReportError
        The folder is no pack, or its numbers cannot be read.
    """
    about = manifest(folder)
    if not about:
        raise ReportError(f"{folder} must be a pack of reports: a folder with run.json, kpis.json and estimates.parquet. Give the folder of a run.")
    try:
        rows = pd.read_parquet(folder / "estimates.parquet").to_dict("records")
        headlines = json.loads((folder / "kpis.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        raise ReportError(f"the numbers of the pack {folder} cannot be read: {error}. Run it again.") from error
    return figures_of(rows, headlines=headlines, about=about)


def figures_of(rows: list[dict[str, Any]], *, headlines: list[dict[str, Any]], about: Mapping[str, Any]) -> Figures:
    """Return rows of estimates as figures; of a name that bears several values none is kept."""
    table = _named(rows).dropna(subset=["estimate"]).drop_duplicates([*FIGURE, "estimate", "conf_low", "conf_high"])
    several = table.duplicated(FIGURE, keep=False)
    table = table[~several].reset_index(drop=True)
    first = pd.MultiIndex.from_frame(_named(headlines)[FIGURE])
    table["headline"] = pd.MultiIndex.from_frame(table[FIGURE]).isin(first)
    return Figures(_with_ends(table, str(about["as_of"])), int(several.sum()), about)


def detail_of(row: Mapping[str, Any]) -> str:
    """Return the keys of a row as text, without its period, unless that is a number and no day.

    Examples
    --------
    >>> detail_of({"report": "funnel", "step": 4.0, "event": "invited", "segment": None, "metric": "conversion"})
    'event=invited; step=4'
    """
    keys = ((name, _text(value)) for name, value in sorted(row.items()) if name not in _NO_KEYS)
    return "; ".join(f"{name}={text}" for name, text in keys if text and not (name == "period" and _DAY.fullmatch(text)))


def _start_of(row: Mapping[str, Any]) -> str:
    """Return the first day of the period of a row; nothing where it has none."""
    text = _text(row.get("period"))
    return text if _DAY.fullmatch(text) else ""


def _named(rows: list[dict[str, Any]]) -> pd.DataFrame:
    names = [{"report": row["report"], "keys": detail_of(row), "period": _start_of(row)} for row in rows]
    columns = [{name: row[name] for name in COLUMNS} for row in rows]
    table = pd.DataFrame([{**name, **values} for name, values in zip(names, columns, strict=True)], columns=[*FIGURE, *COLUMNS[2:]])
    return table.astype(dict.fromkeys(COLUMNS[2:5], "float64"))


def _text(value: Any) -> str:
    """Return a value as text that is the same whether a column of it holds whole or broken numbers, and nothing where it is missing."""
    if value is None or pd.isna(value):
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _with_ends(table: pd.DataFrame, as_of: str) -> pd.DataFrame:
    """Return the figures with the length of their periods, read off the starts of a series, and a mark whether they were over."""
    table["over"], table["grain"] = True, ""
    dated = table[table["period"] != ""]
    starts, known = pd.to_datetime(dated["period"]), pd.Timestamp(as_of).tz_localize(None) + pd.Timedelta(1, "us")
    table.loc[dated.index, "grain"] = starts.groupby([dated[name] for name in SERIES]).transform(grain_of)
    for grain, frequency in _FREQUENCIES.items():
        own = starts[table.loc[dated.index, "grain"] == grain]
        table.loc[own.index, "over"] = (own.dt.to_period(frequency) + 1).dt.start_time <= known
    return table

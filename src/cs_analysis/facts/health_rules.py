"""The rules of a hand-made health score: read from a mapping of weights, a TOML file or a packaged style, and checked before they are used.

A file says how points are put together, then one table a measure:

    [score]
    style = "mean"           # weighted mean of the measures' points; "sum": start plus the measures' points
    scale = [0, 10]          # of the points; scores are shown from 0 to 100
    missing = "leave_out"    # or "neutral", "worst", "no_score"
    margin = 2               # of the bands' memory, in points of the score
    dates = 2

    [[measure]]
    feature = "active_days_28"
    weight = 30
    conditions = [{ below = 4, points = 0 }, { at_least = 4, below = 12, points = 5 }, { at_least = 12, points = 10 }]

    [[measure]]
    feature = "usage_trend"
    weight = 70
    line = [{ value = -1, points = 0 }, { value = 1, points = 10 }]

    [[band]]
    name = "red"
    at_most = 50
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.facts.account_features import FEATURES
from cs_analysis.facts.health_rule_check import Fault, check_content, said
from cs_analysis.facts.health_spans import Span, span_of

Style = Literal["mean", "sum"]
Missing = Literal["leave_out", "neutral", "worst", "no_score"]
Better = Literal["higher", "lower"]

_STYLES = Path(__file__).with_name("health_styles")
_BANDS: tuple[dict[str, Any], ...] = ({"name": "red", "at_most": 50}, {"name": "yellow", "above": 50, "at_most": 75}, {"name": "green", "above": 75})


class Condition(NamedTuple):
    """Points for the values in a range."""

    span: Span
    points: float


class Knot(NamedTuple):
    """A value of a feature and the points there; between two of them points lie on a straight line."""

    value: float
    points: float


class Band(NamedTuple):
    """A named range of the score, 0 to 100."""

    name: str
    span: Span


@dataclass(frozen=True)
class Measure:
    """One feature's part in a score.

    Attributes
    ----------
    feature : str
        The column.
    weight : float
        Share of the sum of the weights; 1 in the style "sum".
    conditions : tuple of Condition
        Points for ranges of values.
    line : tuple of Knot
        Points on straight lines between values; beyond the ends as at the ends.
    better : {"higher", "lower"}
        Which end is healthy, where there are neither conditions nor a line: these are then made from the table that is scored.
    """

    feature: str
    weight: float
    conditions: tuple[Condition, ...] = ()
    line: tuple[Knot, ...] = ()
    better: Better = "higher"

    @property
    def is_open(self) -> bool:
        """Tell whether its points are still to be made from a table."""
        return not self.conditions and not self.line


@dataclass(frozen=True)
class Rules:
    """Checked rules of a health score.

    Attributes
    ----------
    name : str
        The packaged style, the file or "weights".
    style : {"mean", "sum"}
        Weighted mean of points, or `start` plus points, held within the scale.
    missing : {"leave_out", "neutral", "worst", "no_score"}
        What a missing value counts for.
    scale : tuple of float
        Lowest and highest points.
    start : float
        What the style "sum" starts from; the middle of the scale is also what `neutral` counts.
    margin : float
        By how much the score has to pass a limit of its band to change the band at once, in points of 0 to 100.
    dates : int
        On how many dates in a row a score has to lie outside its band to change it with less than the margin.
    bands : tuple of Band
        From the worst to the best.
    measures : tuple of Measure
        What is scored.
    findings : tuple of Fault
        Warnings of the check.
    """

    name: str = field(compare=False)
    style: Style
    missing: Missing
    scale: tuple[float, float]
    start: float
    margin: float
    dates: int
    bands: tuple[Band, ...]
    measures: tuple[Measure, ...]
    findings: tuple[Fault, ...] = field(default=(), compare=False)

    @property
    def features(self) -> tuple[str, ...]:
        """Return the features of the measures, in their order."""
        return tuple(measure.feature for measure in self.measures)


def read_rules(weights: Any, *, columns: Iterable[str] | None = None) -> Rules:
    """Return checked rules.

    Parameters
    ----------
    weights : mapping, str, path or Rules
        `{feature: weight}`, where a weight may also be a table of a measure (`{"weight": 2, "better": "lower"}`); a mapping with the
        content of a file; the path of a TOML file; the name of a packaged style.
    columns : iterable of str, optional
        Columns of the table that is to be scored: a feature that is neither among them nor one of `health_features` is then refused with
        everything else.

    Raises
    ------
    ParameterError
        All that is wrong, with its place and what to do.
    """
    if isinstance(weights, Rules):
        return weights
    name, content = _content(weights)
    found = check_content(content, columns=columns)
    errors = [fault for fault in found if fault.severity == "error"]
    if errors:
        raise ParameterError(f"the rules of the health score ({name}) cannot be used: {len(errors)} problem{'s' if len(errors) > 1 else ''}.\n{said(errors)}")
    return _built(name, content, findings=tuple(found))


def check_health_rules(weights: Any, *, features: pd.DataFrame | None = None) -> pd.DataFrame:
    """All that is wrong or odd with the rules of a health score, as a table; nothing is raised for it.

    Parameters
    ----------
    weights : mapping, str, path or Rules
        As for `health_score`.
    features : DataFrame, optional
        The table that is to be scored: features that are neither in it nor known to `health_features` are then errors.

    Returns
    -------
    DataFrame
        One row a problem: `severity` ("error": the rules are refused; "warning"), `place`, `feature`, `rule`, `example`, `what_to_do`.

    Raises
    ------
    ParameterError
        There is no such file or style, or the file is no TOML.

    Examples
    --------
    >>> check_health_rules({"active_days_28": 3, "open_tickets": -1})[["severity", "place", "rule"]].values.tolist()
    [['error', 'measure 2', 'negative weight']]
    """
    columns = None if features is None else features.columns
    found = weights.findings if isinstance(weights, Rules) else check_content(_content(weights)[1], columns=columns)
    return pd.DataFrame(found, columns=list(Fault._fields)).sort_values("severity", kind="stable", ignore_index=True)


def style_names() -> list[str]:
    """Return the names of the packaged styles."""
    return sorted(path.stem for path in _STYLES.glob("*.toml"))


def _content(weights: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the name and the unchecked content of rules."""
    if isinstance(weights, Mapping):
        return "weights", weights if "measure" in weights else {"measure": [_measure_of(*item) for item in weights.items()]}
    if isinstance(weights, str) and weights in style_names():
        return weights, _parsed(_STYLES / f"{weights}.toml")
    if isinstance(weights, PathLike) or (isinstance(weights, str) and weights.endswith(".toml")):
        return Path(weights).name, _parsed(Path(weights))
    close = get_close_matches(str(weights), style_names(), n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ParameterError(
        f"weights must be a mapping of features to weights, the path of a .toml file or a packaged style ({', '.join(style_names())}), not {weights!r}.{hint}"
    )


def _measure_of(feature: Any, weight: Any) -> dict[str, Any]:
    """Return the table of a measure that is given as an item of a mapping."""
    return {"feature": feature, **weight} if isinstance(weight, Mapping) else {"feature": feature, "weight": weight}


def _parsed(path: Path) -> Mapping[str, Any]:
    """Return the content of a TOML file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as wrong:
        known = ", ".join(style_names())
        raise ParameterError(f"there is no file {str(path)!r}. Give the path of a .toml file, or one of the packaged styles: {known}.") from wrong
    except tomllib.TOMLDecodeError as wrong:
        raise ParameterError(f"{path.name} is no valid TOML: {wrong}. Correct that line.") from wrong
    except UnicodeDecodeError as wrong:
        raise ParameterError(f"{path.name} is not written in UTF-8: byte {wrong.start} cannot be read. Save it as UTF-8.") from wrong


def _built(name: str, content: Mapping[str, Any], *, findings: tuple[Fault, ...]) -> Rules:
    """Return rules from content that has passed the check."""
    score = content.get("score", {})
    low, high = (float(end) for end in score.get("scale", (0, 100)))
    style = cast("Style", score.get("style", "mean"))
    total = sum(float(row.get("weight", 1)) for row in content["measure"]) if style == "mean" else 1.0
    total = 1.0 if abs(total - 1) < 1e-9 else total  # shares stay as they are written
    return Rules(
        name=name,
        style=style,
        missing=cast("Missing", score.get("missing", "leave_out")),
        scale=(low, high),
        start=float(score.get("start", (low + high) / 2)),
        margin=float(score.get("margin", 2)),
        dates=int(score.get("dates", 2)),
        bands=tuple(Band(row["name"], span_of(row)) for row in content.get("band", _BANDS)),
        measures=tuple(_measure(row, total) for row in content["measure"]),
        findings=findings,
    )


def _measure(row: Mapping[str, Any], total: float) -> Measure:
    feature = row["feature"]
    usual = FEATURES[feature].better if feature in FEATURES else None
    return Measure(
        feature,
        float(row.get("weight", 1)) / total,
        conditions=tuple(Condition(span_of(part), float(part["points"])) for part in row.get("conditions", ())),
        line=tuple(Knot(float(part["value"]), float(part["points"])) for part in row.get("line", ())),
        better=row.get("better", usual or "higher"),
    )

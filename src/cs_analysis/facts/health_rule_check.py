"""What is wrong with the rules of a health score: all problems at once, each with its place and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import pairwise
from math import isfinite
from numbers import Real
from typing import Any, Literal, NamedTuple

from cs_analysis.facts.account_features import FEATURES
from cs_analysis.facts.health_spans import EVERYTHING, LOWER, UPPER, Cut, Span, clashes, span_of

STYLES = ("mean", "sum")
POLICIES = ("leave_out", "neutral", "worst", "no_score")
DIRECTIONS = ("higher", "lower")
SCORE_RANGE = Span(Cut(0.0, after=False), Cut(100.0, after=True))

_PARTS = ("score", "measure", "band")
_SCORE = ("style", "scale", "missing", "start", "margin", "dates")
_MEASURE = ("feature", "weight", "conditions", "line", "better")
_LIMITS = (*LOWER, *UPPER)
_WHOLE = (1.0, 100.0)


class Fault(NamedTuple):
    """One problem of a file of rules."""

    severity: Literal["error", "warning"]
    place: str
    feature: str
    rule: str
    example: str
    what_to_do: str


def said(faults: Iterable[Fault]) -> str:
    """Return problems as lines of a message."""
    return "\n".join(f"* {_where(fault)}: {fault.rule}: {fault.example}. {fault.what_to_do}" for fault in faults)


def check_content(content: Mapping[str, Any], *, columns: Iterable[str] | None = None) -> list[Fault]:
    """Return all that is wrong or odd with the content of a file of rules, in its order.

    `columns` are those of the table that is to be scored; without them features are not looked up.
    """
    measures = content.get("measure")
    if not measures or not _is_list_of_tables(measures):
        advice = "Write one [[measure]] table a feature, with `feature` and `weight`."
        return [Fault("error", "file", "", "no measures", "empty" if not measures else repr(measures), advice)]
    score = content.get("score", {})
    if not isinstance(score, Mapping):
        return [Fault("error", "[score]", "", "wrong type", repr(score), "Write a table: [score] and its keys below it.")]
    known = None if columns is None else sorted({*columns, *FEATURES} - {"account_id", "at"})
    found = [*_unknown_keys(content, _PARTS, place="file"), *_score(score), *_bands(content.get("band"))]
    for number, row in enumerate(measures, start=1):
        found += _measure(row, f"measure {number}", score=score, known=known)
    return [*found, *_duplicates(measures), *_sum_of_weights(measures, score)]


def _where(fault: Fault) -> str:
    return f"{fault.place} ({fault.feature})" if fault.feature else fault.place


def _is_number(value: Any) -> bool:
    return not isinstance(value, bool) and isinstance(value, Real) and isfinite(value)


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)


def _hint(name: Any, known: Iterable[str]) -> str:
    close = get_close_matches(str(name), list(known), n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Use one of: {', '.join(known)}."


def _unknown_keys(table: Mapping[str, Any], allowed: tuple[str, ...], *, place: str, feature: str = "") -> list[Fault]:
    """Find keys that are not known, which are most often misspelt."""
    return [Fault("error", place, feature, "unknown key", repr(key), _hint(key, allowed)) for key in table if key not in allowed]


def _choice(table: Mapping[str, Any], key: str, allowed: tuple[str, ...], *, place: str, feature: str = "") -> Iterator[Fault]:
    """Find a word that is not one of the allowed."""
    if key in table and table[key] not in allowed:
        yield Fault("error", place, feature, f"unknown {key}", repr(table[key]), _hint(table[key], allowed))


def _scale(score: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return the scale of the points; None where it is not one."""
    scale = score.get("scale", (0, 100))
    fine = isinstance(scale, list | tuple) and len(scale) == 2 and all(map(_is_number, scale)) and scale[0] < scale[1]
    return (float(scale[0]), float(scale[1])) if fine else None


def _score(score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what is wrong in the table [score]."""
    yield from _unknown_keys(score, _SCORE, place="[score]")
    yield from _choice(score, "style", STYLES, place="[score]")
    yield from _choice(score, "missing", POLICIES, place="[score]")
    scale = _scale(score)
    if scale is None:
        yield Fault(
            "error", "[score]", "", "inverted limits", f"scale = {score['scale']!r}", "Give the lowest and the highest points, the lowest first: [0, 100]."
        )
    elif "start" in score and not (_is_number(score["start"]) and scale[0] <= score["start"] <= scale[1]):
        advice = f"Give a number from {scale[0]:g} to {scale[1]:g}."
        yield Fault("error", "[score]", "", "start outside the scale", repr(score["start"]), advice)
    if not (_is_number(score.get("margin", 0)) and 0 <= score.get("margin", 0) < 100):
        yield Fault("error", "[score]", "", "margin is no number of points", repr(score["margin"]), "Give points of the score, from 0 to less than 100.")
    if type(score.get("dates", 1)) is not int or score.get("dates", 1) < 1:
        yield Fault("error", "[score]", "", "dates is no number of dates", repr(score["dates"]), "Give a whole number from 1 (a band changes at once).")


def _bands(bands: Any) -> list[Fault]:
    """Find what is wrong with the bands, which have to cover 0 to 100."""
    if bands is None:
        return []
    if not bands or not _is_list_of_tables(bands):
        return [Fault("error", "[[band]]", "", "no bands", repr(bands), "Write one [[band]] table a band, with `name` and its limits, or none at all.")]
    found = []
    for number, row in enumerate(bands, start=1):
        found += [*_unknown_keys(row, ("name", *_LIMITS), place=f"band {number}"), *_limits(row, f"band {number}", "")]
        if not isinstance(row.get("name"), str) or not row.get("name"):
            found.append(Fault("error", f"band {number}", "", "no name", repr(row.get("name")), "Give every band a name."))
    names = Counter(str(row.get("name")) for row in bands)
    found += [Fault("error", "[[band]]", "", "duplicate band", repr(name), "Give every band a name of its own.") for name, times in names.items() if times > 1]
    if found:
        return found
    spans = [span_of(row) for row in bands]
    advice = "Write the bands from the worst to the best, so that each score from 0 to 100 lies in one."
    found = [Fault("error", f"band {place + 1}", "", rule, words, advice) for rule, place, words in clashes(spans, within=SCORE_RANGE)]
    if not found and sorted(spans) != spans:
        found.append(Fault("error", "[[band]]", "", "wrong order", ", ".join(str(row["name"]) for row in bands), advice))
    return found


def _limits(row: Mapping[str, Any], place: str, feature: str) -> Iterator[Fault]:
    """Find limits that are no numbers, or two on the same side."""
    for name in _LIMITS:
        if name in row and not _is_number(row[name]):
            yield Fault("error", place, feature, "limit is no number", f"{name} = {row[name]!r}", "Give a number, or leave the limit out.")
    for pair in (LOWER, UPPER):
        if all(name in row for name in pair):
            yield Fault("error", place, feature, "two limits on one side", " and ".join(pair), "Keep one of the two.")


def _measure(row: Mapping[str, Any], place: str, *, score: Mapping[str, Any], known: list[str] | None) -> Iterator[Fault]:
    """Find what is wrong with one measure."""
    feature = row.get("feature")
    if not isinstance(feature, str) or not feature:
        yield Fault("error", place, "", "no feature", repr(feature), "Name the column that is measured.")
        feature = ""
    elif known is not None and feature not in known:
        yield Fault("error", place, feature, "unknown feature", repr(feature), _hint(feature, known))
    yield from _unknown_keys(row, _MEASURE, place=place, feature=feature)
    yield from _choice(row, "better", DIRECTIONS, place=place, feature=feature)
    yield from _weight(row, place, feature, style=score.get("style", "mean"))
    yield from _shape(row, place, feature, score=score)
    yield from _direction(row, place, feature)


def _weight(row: Mapping[str, Any], place: str, feature: str, *, style: Any) -> Iterator[Fault]:
    if style == "sum":
        if "weight" in row:
            yield Fault("error", place, feature, "weight in a sum", repr(row["weight"]), "In the style 'sum' the points are the weight: leave `weight` out.")
    elif not _is_number(row.get("weight")):
        yield Fault("error", place, feature, "weight is no number", repr(row.get("weight")), "Give a number of at least 0.")
    elif row["weight"] < 0:
        advice = "Give a number of at least 0; of a feature of which less is better, turn the points round (or write better = 'lower')."
        yield Fault("error", place, feature, "negative weight", repr(row["weight"]), advice)


def _shape(row: Mapping[str, Any], place: str, feature: str, *, score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what is wrong with the points of a measure."""
    given = [name for name in ("conditions", "line") if name in row]
    if len(given) == 2:
        yield Fault("error", place, feature, "conditions and line", "both are given", "Keep one of the two.")
    elif not given and score.get("style") == "sum":
        yield Fault("error", place, feature, "no points", "neither conditions nor line", "In the style 'sum' say how many points are added or taken off.")
    elif not given:
        usual = FEATURES[feature].better if feature in FEATURES else None
        if "better" not in row and usual is None:
            yield Fault("warning", place, feature, "direction not stated", "more is taken for better", "Write better = 'higher' or 'lower'.")
    elif not row[given[0]] or not _is_list_of_tables(row[given[0]]):
        yield Fault("error", place, feature, f"empty {given[0]}", repr(row[given[0]]), "Write a list of tables, such as [{ below = 5, points = 0 }].")
    else:
        yield from (_conditions if given == ["conditions"] else _line)(row[given[0]], place, feature, score=score)


def _points(row: Mapping[str, Any], place: str, feature: str, *, score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find points that are no numbers, or outside the scale of a mean."""
    scale = _scale(score)
    if not _is_number(row.get("points")):
        yield Fault("error", place, feature, "points are no number", repr(row.get("points")), "Give the points as a number.")
    elif score.get("style", "mean") == "mean" and scale and not scale[0] <= row["points"] <= scale[1]:
        advice = f"The scale goes from {scale[0]:g} to {scale[1]:g}: change the points or `scale`."
        yield Fault("error", place, feature, "points outside the scale", repr(row["points"]), advice)


def _conditions(rows: Any, place: str, feature: str, *, score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find conditions that are wrong, overlap, or leave values out."""
    found: list[Fault] = []
    for number, row in enumerate(rows, start=1):
        spot = f"{place}, condition {number}"
        found += [
            *_unknown_keys(row, (*_LIMITS, "points"), place=spot, feature=feature),
            *_limits(row, spot, feature),
            *_points(row, spot, feature, score=score),
        ]
    yield from found
    if any(fault.rule in {"limit is no number", "two limits on one side", "unknown key"} for fault in found):
        return
    advice = {
        "inverted limits": "The lower limit has to lie below the upper one.",
        "overlap": "Each value must meet one condition: move a limit, or turn `at_least` into `above` (`at_most` into `below`).",
        "gap": "Each value must meet a condition: move a limit; the first needs no lower and the last no upper limit.",
    }
    for rule, number, words in clashes([span_of(row) for row in rows], within=EVERYTHING):
        if rule != "gap" or score.get("style", "mean") == "mean":  # in a sum, a value that meets no condition adds nothing
            yield Fault("error", f"{place}, condition {number + 1}", feature, rule, words, advice[rule])


def _line(rows: Any, place: str, feature: str, *, score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find a line whose values are no numbers or do not rise."""
    for number, row in enumerate(rows, start=1):
        spot = f"{place}, line {number}"
        yield from _unknown_keys(row, ("value", "points"), place=spot, feature=feature)
        yield from _points(row, spot, feature, score=score)
        if not _is_number(row.get("value")):
            yield Fault("error", spot, feature, "value is no number", repr(row.get("value")), "Give the feature's value as a number.")
    values = [row.get("value") for row in rows]
    if all(map(_is_number, values)) and (len(values) < 2 or any(after <= before for before, after in pairwise(values))):
        yield Fault("error", place, feature, "inverted limits", f"values {values}", "Give at least two values, each larger than the one before.")


def _direction(row: Mapping[str, Any], place: str, feature: str) -> Iterator[Fault]:
    """Find a line that goes against what is taken for healthy."""
    usual = FEATURES[feature].better if feature in FEATURES else None
    line = row.get("line")
    if usual is None or not line or not _is_list_of_tables(line) or not all(_is_number(end.get("points")) for end in (line[0], line[-1])):
        return
    rises = line[-1]["points"] > line[0]["points"]
    if line[-1]["points"] != line[0]["points"] and rises != (usual == "higher"):
        yield Fault(
            "warning", place, feature, "unusual direction", f"points {'rise' if rises else 'fall'} with it", f"For most, {usual} is better: is this meant?"
        )


def _duplicates(measures: Any) -> list[Fault]:
    """Find features that are measured twice."""
    places: dict[Any, list[int]] = {}
    for number, row in enumerate(measures, start=1):
        if isinstance(row.get("feature"), str):
            places.setdefault(row["feature"], []).append(number)
    return [
        Fault("error", f"measure {numbers[1]}", feature, "duplicate measure", f"also measure {numbers[0]}", "Keep one of them.")
        for feature, numbers in places.items()
        if len(numbers) > 1
    ]


def _sum_of_weights(measures: Any, score: Mapping[str, Any]) -> Iterator[Fault]:
    """Find weights that sum to 0, or neither to 1 nor to 100."""
    weights = [row.get("weight") for row in measures]
    if score.get("style", "mean") != "mean" or not all(_is_number(weight) and weight >= 0 for weight in weights):
        return
    total = float(sum(weights))
    if total == 0:
        yield Fault("error", "weights", "", "weights sum to 0", "0", "At least one weight has to be above 0.")
    elif min(abs(total - whole) for whole in _WHOLE) > 1e-9 * total and len(set(weights)) > 1:
        yield Fault(
            "warning", "weights", "", "weights do not sum to 1 or 100", f"{total:g}", "They are divided by their sum; write them so that they sum to 100."
        )

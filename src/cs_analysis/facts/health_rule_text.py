"""Rules of a health score as the text of a file, so that rules made from weights or from a table can be kept, read and changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from cs_analysis.errors import ParameterError
from cs_analysis.facts.health_points import checked_features
from cs_analysis.facts.health_rules import Measure, Rules, read_rules
from cs_analysis.facts.health_scaling import closed_rules


def write_health_rules(weights: Any, path: str | Path, *, features: pd.DataFrame | None = None) -> Path:
    """Write the rules of a health score to a TOML file, from which `health_score` reads the same rules; return its path.

    Parameters
    ----------
    weights : mapping, str, path or Rules
        As for `health_score`: plain weights to be kept, or a packaged style to be changed.
    path : str or Path
        The file, whose name ends in .toml.
    features : DataFrame, optional
        A table that says where the points of plain weights begin and end (its 5 % and 95 % values); without it these are left to the table that is scored.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    ParameterError
        The name does not end in .toml; the rules are wrong.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     print(write_health_rules({"open_tickets": 1}, Path(folder) / "rules.toml").read_text().splitlines()[-1])
    above = 75.0
    """
    path = Path(path)
    if path.suffix != ".toml":
        raise ParameterError(f"rules are written to a .toml file, not to {path.name!r}. Change the name.")
    rules = read_rules(weights, columns=None if features is None else features.columns)
    path.write_text(as_toml(rules if features is None else closed_rules(rules, checked_features(rules, features))), encoding="utf-8")
    return path


def as_toml(rules: Rules) -> str:
    """Return rules as the text of a TOML file."""
    score = {"style": rules.style, "scale": list(rules.scale), "missing": rules.missing, "start": rules.start, "margin": rules.margin, "dates": rules.dates}
    measures = [_table("[[measure]]", _measure(measure, rules)) for measure in rules.measures]
    bands = [_table("[[band]]", {"name": band.name, **band.span.limits()}) for band in rules.bands]
    return "\n".join([_table("[score]", score), *measures, *bands])


def _measure(measure: Measure, rules: Rules) -> dict[str, Any]:
    """Return a measure as the keys of its table."""
    weight = {"weight": measure.weight} if rules.style == "mean" else {}
    if measure.conditions:
        return {"feature": measure.feature, **weight, "conditions": [{**part.span.limits(), "points": part.points} for part in measure.conditions]}
    line = {"line": [knot._asdict() for knot in measure.line]} if measure.line else {}
    return {"feature": measure.feature, **weight, **line, "better": measure.better}


def _table(head: str, content: Mapping[str, Any]) -> str:
    return "\n".join([head, *(f"{key} = {_value(value)}" for key, value in content.items()), ""])


def _value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{key} = {_value(part)}' for key, part in value.items())} }}"
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    """Return text between quotation marks, with what may not stand there as it is escaped."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in plain) + '"'

"""What a file such as `reports.toml` asks for: read strictly, every problem named at once."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cs_analysis.data.references import env_reference
from cs_analysis.errors import ParameterError
from cs_analysis.report.periods import check_period
from cs_analysis.report.scorecard_page import read_targets

_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LANGUAGES = ("en", "de", "tr")
_PERIOD_OF_TARGETS = re.compile(r"\d{4}-(\d\d|Q[1-4])")


@dataclass(frozen=True)
class Config:
    """A checked file: `options` as `run_pack` takes them, paths made absolute, and what is made of them for a period."""

    path: Path
    options: Mapping[str, Any]
    period: str
    out: str
    keep: int | None
    languages: tuple[str, ...]
    parameters: Mapping[str, Any]
    targets: Mapping[str, Any]

    def targets_of(self, label: str) -> dict[str, float]:
        """Return the targets of a period: the general ones, those of the period before them."""
        general = {name: value for name, value in self.targets.items() if not isinstance(value, Mapping)}
        return {**general, **self.targets.get(label, {})}


def read_config(path: str | Path) -> Config:
    """Return what a file asks for.

    Relative paths in it are relative to the folder it lies in. `data` may be `{ env = "NAME" }`: the path is then read from that environment
    variable when the data are read, so that nothing but the variable's name is written anywhere.

    Parameters
    ----------
    path : path
        A TOML file.

    Returns
    -------
    Config

    Raises
    ------
    ParameterError
        The file cannot be read, or breaks rules; all such are named.
    """
    path = Path(path).resolve()
    content = _content(path)
    problems = [*_unknown(content), *(problem for name, value in content.items() if name in _RULES for problem in _problem(name, value))]
    problems += [f"{name} must be given" for name in ("data", "out") if name not in content]
    problems += _together(content) if not problems else []
    if problems:
        raise ParameterError(f"{path} is no usable configuration:\n" + "\n".join(f"  {problem}" for problem in problems))
    return _config(path, content)


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ParameterError(f"{path} must be a readable TOML file; it cannot be opened ({error.strerror}). Name one with --config.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterError(f"{path} must be a TOML file in UTF-8; it cannot be read ({error}). Correct it there.") from error


def _config(path: Path, content: Mapping[str, Any]) -> Config:
    languages = content.get("language", "en")
    own = {name: content[name] for name in _HANDED_ON if name in content}
    for name in ("data", "history", "pseudonyms"):
        if name in own:
            own[name] = _path(own[name], path.parent)
    if "reports" in own:
        own["only"] = [_path(name, path.parent) if name.endswith(".ipynb") else name for name in own.pop("reports")]
    return Config(
        path=path,
        options=own,
        period=content.get("period", "last-month"),
        out=_path(content["out"], path.parent),
        keep=content.get("keep"),
        languages=(languages,) if isinstance(languages, str) else tuple(languages),
        parameters=content.get("parameters", {}),
        targets=content.get("targets", {}),
    )


def _path(value: str | Mapping[str, str], folder: Path) -> str:
    """Return a path made absolute, or the reference to the variable that holds it."""
    return str(folder / Path(value).expanduser()) if isinstance(value, str) else env_reference(value["env"])


def _unknown(content: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each key that means nothing."""
    hints = {name: get_close_matches(name, _RULES, n=1) for name in content if name not in _RULES}
    return [f"{name} is not known" + (f" (did you mean {close[0]}?)" if close else f"; there are {', '.join(_RULES)}") for name, close in hints.items()]


def _problem(name: str, value: Any) -> list[str]:
    must, holds = _RULES[name]
    if not holds(value):
        return [f"{name} must be {must}, not {value!r}"]
    try:
        _CHECKS.get(name, lambda _: None)(value)
    except ParameterError as error:
        return [f"{name}: {error}"]
    return []


def _together(content: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with values that are right one by one."""
    out, languages = content["out"], content.get("language", "en")
    name = Path(out).name if isinstance(out, str) else ""
    several = not isinstance(languages, str) and len(languages) > 1
    rules = {
        "out must hold {language}, as in reports/{period}-{language}, where there are several languages": several and "{language}" not in str(out),
        "out must end in a name with {period}, as in reports/{period}, where keep is given": "keep" in content and "{period}" not in name,
        "out may hold {period} and {language} in braces, and no others": isinstance(out, str) and bool(_other_braces(out)),
    }
    return [rule for rule, broken in rules.items() if broken]


def _other_braces(out: str) -> bool:
    return any(sign in out.replace("{period}", "").replace("{language}", "") for sign in "{}")


def _check_targets(targets: Mapping[str, Any]) -> None:
    tables = {name: value for name, value in targets.items() if isinstance(value, Mapping)}
    wrong = [name for name in tables if not _PERIOD_OF_TARGETS.fullmatch(name)]
    if wrong:
        raise ParameterError(f"targets of a period stand in a table such as [targets.2026-10]; {', '.join(wrong)} is no period.")
    for one in ({name: value for name, value in targets.items() if name not in tables}, *tables.values()):
        if any(isinstance(value, bool) or not isinstance(value, int | float) for value in one.values()):
            raise ParameterError(f"a target must be a number, as in nrr = 1.05; given is {dict(one)}.")
        read_targets(one)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_place(value: Any) -> bool:
    return _is_text(value) or _is_named(value)


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"env"} and isinstance(value["env"], str) and bool(_ENV.fullmatch(value["env"]))


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_text, value)) and len(set(value)) == len(value)


def _is_language(value: Any) -> bool:
    return value in _LANGUAGES if isinstance(value, str) else _is_texts(value) and set(value) <= set(_LANGUAGES)


def _is_number(value: Any) -> bool:
    return type(value) is int and value > 0


_TEXT = ("a text", _is_text)
_PLACE = ('a path, or { env = "NAME" } for an environment variable that holds it', _is_place)
_NUMBER = ("a whole number above 0", _is_number)
_TABLE = ("a table", lambda value: isinstance(value, Mapping))
_RULES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "data": _PLACE,
    "out": _TEXT,
    "history": _TEXT,
    "keep": _NUMBER,
    "period": _TEXT,
    "timezone": _TEXT,
    "currency": _TEXT,
    "language": ("one of en, de, tr, or a list of them", _is_language),
    "reports": ("a list of names of reports or paths of notebooks, each once", _is_texts),
    "by": _TEXT,
    "company": _TEXT,
    "conf_level": ("a number between 0 and 1", lambda value: isinstance(value, float) and 0 < value < 1),
    "observed_from": _TEXT,
    "pseudonyms": ('{ env = "NAME" } for an environment variable that holds the key', _is_named),
    "on_error": ('"raise" or "quarantine"', lambda value: value in ("raise", "quarantine")),
    "timeout": _NUMBER,
    "jobs": _NUMBER,
    "pdf": ("true or false", lambda value: isinstance(value, bool)),
    "parameters": _TABLE,
    "targets": _TABLE,
}
_CHECKS: dict[str, Callable[[Any], None]] = {"period": check_period, "targets": _check_targets}
_HANDED_ON = (
    *("data", "history", "timezone", "currency", "reports", "by", "company", "conf_level", "observed_from"),
    *("on_error", "pseudonyms", "timeout", "jobs", "pdf"),
)

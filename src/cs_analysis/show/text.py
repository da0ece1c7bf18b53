"""Numbers, dates and intervals as text: rounded to what a reader needs, written as the language writes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from numbers import Real
from typing import Literal

import pandas as pd
from babel import Locale
from babel.dates import format_date, format_skeleton
from babel.numbers import format_compact_currency, format_compact_decimal, format_currency, format_decimal, format_percent, get_currency_symbol

from cs_analysis import glossary

Grain = Literal["day", "month", "quarter", "year"]

_NO_CURRENCY = "XXX"
_WORDS = ("percentage_points", "points", "points_one", "days", "days_one", "per_month", "ms", "minutes")
_PATTERNS = {"points": "#,##0", "count": "#,##0", "ratio": "#,##0.00", "per_month": "#,##0.00", "days": "#,##0", "ms": "#,##0", "minutes": "#,##0"}
_NAMED_UNITS = ("days", "per_month", "ms", "minutes")
_NOISE = 1e-12


def value_text(value: float, unit: str, language: str = "en", *, whole: bool = False) -> str:
    """Return one value with its unit, rounded for reading; a dash where it is missing.

    Shares are written as per cent with one decimal, money in whole units from 1,000 on (with `whole` always), counts as whole numbers, points and days with
    decimals below ten. What is not nothing does not read as nothing, nor what is not all as all: such shares get a second decimal, and
    smaller ones (and ratios, rates and days) are written as a bound.

    Examples
    --------
    >>> value_text(0.0312, "share"), value_text(120400.4, "EUR"), value_text(-12.4, "points")
    ('3.1%', '€120,400', '−12')
    >>> value_text(0.0004, "share"), value_text(0.99999, "share"), value_text(0.25, "days")
    ('0.04%', '>99.99%', '0.25')
    """
    if pd.isna(value):
        return "–"
    locale = _locale(language)
    if unit == "share":
        return _share(value, locale)
    if unit in ("ratio", "per_month", "days") and _NOISE < value <= 0.005:
        return "<" + str(format_decimal(0.01, "0.00", locale=locale))
    if unit in _PATTERNS:
        return _signed(format_decimal(value, _pattern(value, unit), locale=locale))
    return _money(value, unit, locale, whole=whole or round(abs(value), 2) >= 1000)


def titled(title: str, unit: str, language: str = "en") -> str:
    """Return a title with the unit, where the numbers under it do not show theirs.

    Examples
    --------
    >>> titled("Median time", "days"), titled("Net Promoter Score", "points")
    ('Median time (days)', 'Net Promoter Score')
    """
    return f"{title} ({glossary.label(f'unit_{unit}', language)})" if unit in _NAMED_UNITS else title


def interval_text(low: float, high: float, unit: str, *, language: str = "en") -> str:
    """Return an interval as text; empty where there is none, open where one limit is missing or infinite.

    Examples
    --------
    >>> interval_text(0.02, 0.045, "share"), interval_text(120.0, float("nan"), "days")
    ('2.0% to 4.5%', '120 or more')
    """
    from_below, to_above = pd.isna(low) or low == -math.inf, pd.isna(high) or high == math.inf
    if from_below and to_above:
        return ""
    if to_above:
        return glossary.label("interval_from", language, low=value_text(low, unit, language))
    if from_below:
        return glossary.label("interval_up_to", language, high=value_text(high, unit, language))
    return glossary.label("interval", language, low=value_text(low, unit, language), high=value_text(high, unit, language))


def amount_text(value: float, unit: str, language: str = "en") -> str:
    """Return the size of a difference in words: two shares differ by percentage points, not by per cent.

    Examples
    --------
    >>> amount_text(0.012, "share"), amount_text(3.0, "points"), amount_text(1.0, "days")
    ('1.2 percentage points', '3 points', '1 day')
    """
    text = _bare(value, unit, language)
    return _with_unit(text, f"{unit}_one" if unit in ("points", "days") and text == "1" else unit, language)


def difference_text(low: float, high: float, unit: str, *, language: str = "en") -> str:
    """Return the interval of a difference in words, each limit with its sign.

    Examples
    --------
    >>> difference_text(-0.038, 0.058, "share"), difference_text(1.0, 4.0, "points")
    ('−3.8 to +5.8 percentage points', '+1 to +4 points')
    """
    low_text, high_text = (("+" if limit > 0 else "") + _bare(limit, unit, language) for limit in (low, high))
    return _with_unit(glossary.label("interval", language, low=low_text, high=high_text), unit, language)


def cents_text(amount: Decimal, language: str = "en") -> str:
    """Return an amount to the cent, without its currency; what rounds to nothing has no minus sign.

    Examples
    --------
    >>> cents_text(Decimal("-1234.5"), "de"), cents_text(Decimal("-0.001"))
    ('−1.234,50', '0.00')
    """
    rounded = amount.quantize(Decimal("0.01"))
    text = format_decimal(abs(rounded), "#,##0.00", locale=_locale(language))
    return text if rounded >= 0 else f"\N{MINUS SIGN}{text}"


def level_text(conf_level: float, language: str = "en") -> str:
    """Return a confidence level as per cent, with no more decimals than it has.

    Examples
    --------
    >>> level_text(0.95), level_text(0.975)
    ('95%', '97.5%')
    """
    locale = _locale(language)
    return str(format_percent(conf_level, locale.percent_formats[None].pattern.replace("0", "0.##"), locale=locale))


def date_text(date: pd.Timestamp, language: str = "en") -> str:
    """Return a day as text.

    Examples
    --------
    >>> date_text(pd.Timestamp("2026-10-31"))
    'October 31, 2026'
    """
    return str(format_date(date.date(), "long", locale=_locale(language)))


def period_text(start: pd.Timestamp, grain: Grain = "month", language: str = "en", *, short: bool = False) -> str:
    """Return the name of the period that starts at `start`.

    Examples
    --------
    >>> period_text(pd.Timestamp("2026-10-01")), period_text(pd.Timestamp("2026-10-01"), "quarter", short=True)
    ('October 2026', 'Q4 2026')
    """
    locale, day = _locale(language), start.date()
    if grain == "day":
        return str(format_skeleton("yMMMd", day, locale=locale) if short else format_date(day, "long", locale=locale))
    patterns = {"month": "LLL y" if short else "LLLL y", "quarter": "QQQ y" if short else "QQQQ y", "year": "y"}
    return str(format_date(day, patterns[grain], locale=locale))


def grain_of(starts: Iterable[pd.Timestamp]) -> Grain:
    """Return the length of the periods that start at these days: the longest that fits all of them.

    Examples
    --------
    >>> grain_of(pd.to_datetime(["2026-01-01", "2026-04-01"]))
    'quarter'
    """
    days = pd.Series(pd.to_datetime(list(starts))).drop_duplicates().sort_values()
    if (days.dt.day != 1).any():
        return "day"
    shortest = days.diff().min()
    if pd.isna(shortest) or shortest < pd.Timedelta(days=1):
        return "month"
    by_length: tuple[tuple[int, Grain], ...] = ((360, "year"), (85, "quarter"), (27, "month"))
    return next((grain for length, grain in by_length if shortest >= pd.Timedelta(days=length)), "day")


def key_texts(values: pd.Series, *, grain: Grain | None = None, language: str = "en", short: bool = False) -> list[str]:
    """Return the values of a key column as text: dates as periods, numbers as they are, known words translated, a missing value as the whole.

    Examples
    --------
    >>> key_texts(pd.Series(["small", None])), key_texts(pd.Series([30.0, 0.25]))
    (['small', 'all'], ['30', '0.25'])
    """
    length = (grain or grain_of(values.dropna())) if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M" else "day"
    return [_key_text(value, column=str(values.name), name=lambda day: period_text(day, length, language, short=short), language=language) for value in values]


def axis_text(unit: str, language: str = "en") -> Callable[[float, object], str]:
    """Return the function that writes the numbers along an axis: short, as 1.2M instead of 1,200,000."""
    locale = _locale(language)
    if unit == "share":
        pattern = locale.percent_formats[None].pattern.replace("0", "0.##")
        return lambda value, _: _signed(format_percent(value, pattern, locale=locale))
    if unit in ("points", "count", "days"):
        return lambda value, _: _signed(_short_number(value, locale))
    if unit in _PATTERNS:
        return lambda value, _: _signed(format_decimal(value, locale=locale))
    return lambda value, _: _signed(_short_money(value, unit, locale))


def _locale(language: str) -> Locale:
    return Locale.parse(glossary.check_language(language))


def _bare(value: float, unit: str, language: str) -> str:
    """Return the number of a difference without the word that names its unit."""
    if unit != "share":
        return value_text(value, unit, language)
    return _signed(format_decimal(100 * value, "#,##0.0", locale=_locale(language)))


def _with_unit(text: str, unit: str, language: str) -> str:
    name = "percentage_points" if unit == "share" else unit
    return glossary.label(name, language, value=text) if name in _WORDS else text


def _key_text(value: object, *, column: str, name: Callable[[pd.Timestamp], str], language: str) -> str:
    if pd.isna(value):
        return glossary.label("all", language)
    if isinstance(value, pd.Timestamp):
        return name(value)
    if isinstance(value, bool) or not isinstance(value, Real):
        return glossary.value_label(column, str(value), language)
    return _signed(format_decimal(float(value), "0.###", locale=_locale(language)))


def _share(value: float, locale: Locale) -> str:
    """Write a share with one decimal; with two where one would say none or all of what is neither, and beyond that as a bound.

    Halves round to the even digit, so the borders themselves belong to what would read as none or all.
    """
    pattern = _percent_pattern(locale)
    finer = pattern.replace("0.0", "0.00")
    if _NOISE < value <= 0.00005:
        return "<" + str(format_percent(0.0001, finer, locale=locale))
    if 0.99995 <= value < 1 - _NOISE:
        return ">" + str(format_percent(0.9999, finer, locale=locale))
    between = _NOISE < value <= 0.0005 or 0.9995 <= value < 1 - _NOISE
    return _signed(format_percent(value, finer if between else pattern, locale=locale))


def _pattern(value: float, unit: str) -> str:
    """Return how a number is written: days, and points (a mean score is 4.3 of 5), with decimals below ten."""
    if unit not in ("days", "points", "ms", "minutes") or abs(value) >= 9.95:
        return _PATTERNS[unit]
    return "0.##" if unit == "days" and abs(value) < 0.95 else "0.#"


def _short_number(value: float, locale: Locale) -> str:
    # German has no short word for thousands and writes the digits out, without grouping them.
    compact = str(format_compact_decimal(value, locale=locale, fraction_digits=1)) if abs(value) >= 10_000 else ""
    return compact if any(letter.isalpha() for letter in compact) else str(format_decimal(value, locale=locale))


def _short_money(value: float, currency: str, locale: Locale) -> str:
    if abs(value) >= 1_000_000 and currency != _NO_CURRENCY:
        return str(format_compact_currency(value, currency, locale=locale, fraction_digits=1))
    return _money(value, currency, locale, whole=abs(value) >= 10 or value == round(value))


def _money(value: float, currency: str, locale: Locale, *, whole: bool) -> str:
    if currency == _NO_CURRENCY:
        return _signed(format_decimal(value, "#,##0" if whole else "#,##0.00", locale=locale))
    pattern = locale.currency_formats["standard"].pattern
    if get_currency_symbol(currency, locale)[-1].isalpha():
        pattern = pattern.replace("¤#", "¤\xa0#")
    return _signed(format_currency(value, currency, pattern.replace(".00", "") if whole else pattern, locale=locale, currency_digits=not whole))


def _percent_pattern(locale: Locale) -> str:
    """Return the language's own way of writing per cent, with one decimal."""
    return str(locale.percent_formats[None].pattern.replace("0", "0.0"))


def _signed(text: str) -> str:
    """Write a minus sign as typographers do, so that it is not read as a hyphen, and none before what rounding left as zero."""
    return text.replace("-", "−" if any(sign in "123456789∞" for sign in text) else "")

"""What is wrong with a codebook: all problems at once, each with its place and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from cs_analysis.facts.comments.text import LANGUAGES, folded

APART = "~"
ANY = "*"
_SHORTEST = 2  # letters beside a star: with one, a term finds almost every comment


class Fault(NamedTuple):
    """One problem of a codebook."""

    severity: Literal["error", "warning"]
    language: str
    theme: str
    term: str
    rule: str
    what_to_do: str


def said(faults: Iterable[Fault]) -> str:
    """Return problems as lines of a message."""
    return "\n".join(f"* {' / '.join(part for part in fault[1:4] if part) or 'codebook'}: {fault.rule}. {fault.what_to_do}" for fault in faults)


def parts_of(term: str, language: str) -> tuple[tuple[str, ...], ...]:
    """Return the words of a term as they are compared: one tuple, or two for words that stand apart.

    Examples
    --------
    >>> parts_of("Zu teuer ~ Lizenz*", "de")
    (('zu', 'teuer'), ('lizenz*',))
    """
    plain = folded(term, language).replace("'", "").replace("-", " ")
    return tuple(tuple(part.split()) for part in plain.split(APART))


def check_content(content: Mapping[str, Any]) -> list[Fault]:
    """Return all that is wrong or odd with the content of a codebook, in its order."""
    if not content:
        return [Fault("error", "", "", "", "no languages", "Write one table a language, such as [en], with a list of terms a theme.")]
    found: list[Fault] = []
    for language, themes in content.items():
        if language not in LANGUAGES:
            found.append(Fault("error", str(language), "", "", "unknown language", f"Comments are read in {', '.join(LANGUAGES)}: name one of these."))
        elif not isinstance(themes, Mapping) or not themes:
            found.append(Fault("error", language, "", "", "no themes", "Write one list of terms a theme."))
        else:
            found += [*_themes(language, themes), *_twice(language, themes)]
    return [*found, *_untranslated(content)]


def _themes(language: str, themes: Mapping[Any, Any]) -> Iterator[Fault]:
    for theme, terms in themes.items():
        if not isinstance(theme, str) or not theme.strip():
            yield Fault("error", language, str(theme), "", "theme without a name", "Name the theme.")
        elif not isinstance(terms, list | tuple):
            yield Fault("error", language, theme, "", "terms are no list", 'Write them as a list: ["price*", "cost*"].')
        elif not terms:
            yield Fault("error", language, theme, "", "empty theme", "Write at least one term, or leave the theme out.")
        else:
            yield from (fault for term in terms for fault in _term(language, theme, term))


def _term(language: str, theme: str, term: Any) -> Iterator[Fault]:
    """Find what is wrong with one term."""

    def fault(rule: str, advice: str) -> Fault:
        return Fault("error", language, theme, str(term), rule, advice)

    if not isinstance(term, str):
        yield fault("term is no text", "Put it in quotes.")
        return
    parts = parts_of(term, language)
    plain = [word for part in parts for word in part]
    if not any(mark.isalnum() for word in plain for mark in word):
        yield fault("no letters", "Write a word.")
    elif len(parts) > 2 or not all(parts):
        yield fault("~ stands between two sides", "Write it once, with words before and after it.")
    else:
        yield from _words(plain, fault)


def _words(plain: list[str], fault: Any) -> Iterator[Fault]:
    for word in plain:
        core = word.removeprefix(ANY).removesuffix(ANY)
        if not core.isalnum():
            yield fault("bad word", "Use letters and digits, and a star only at the beginning or the end of a word.")
        elif core != word and len(core) < _SHORTEST:
            yield fault("star beside a single letter", "Write at least two letters, or the whole words that are meant.")


def _twice(language: str, themes: Mapping[Any, Any]) -> Iterator[Fault]:
    """Find terms that stand twice."""
    first: dict[tuple[tuple[str, ...], ...], str] = {}
    for theme, terms in themes.items():
        for term in terms if isinstance(terms, list | tuple) else ():
            if not isinstance(term, str):
                continue
            parts = parts_of(term, language)
            if not any(parts):
                continue
            before = first.setdefault(parts, theme) if parts not in first else first[parts]
            if before != theme:
                yield Fault("warning", language, str(theme), term, "term of two themes", f"It also stands under {before!r}: is it meant to count for both?")
            elif first.get((*parts, ("",))) == theme:
                yield Fault("warning", language, str(theme), term, "duplicate term", "Keep it once.")
            first[(*parts, ("",))] = theme


def _untranslated(content: Mapping[str, Any]) -> Iterator[Fault]:
    """Find themes that some of the languages lack."""
    known = {language: themes for language, themes in content.items() if language in LANGUAGES and isinstance(themes, Mapping)}
    for theme in dict.fromkeys(theme for themes in known.values() for theme in themes):
        for language in (language for language, themes in known.items() if theme not in themes):
            yield Fault("warning", language, str(theme), "", "theme without terms", "Comments in this language will never be found to mention it: add terms.")

"""Which themes of a codebook comments mention."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from cs_analysis.facts.comments.codebook import Codebook
from cs_analysis.facts.comments.codebook_check import ANY, parts_of
from cs_analysis.facts.comments.text import matching_words

APART = 5
"""How many words at most two sides of a term stand apart, those between them and the second itself counted."""

Flags = npt.NDArray[np.bool_]
Place = frozenset[str]


class _Term(NamedTuple):
    theme: int
    first: tuple[str, ...]
    second: tuple[str, ...]


class Tagger:
    """Finds the themes of comments in one language; each distinct word is looked up once."""

    def __init__(self, codebook: Codebook, language: str) -> None:
        self.language = language
        themes = codebook.terms.get(language, {})
        place = {theme: number for number, theme in enumerate(codebook.themes)}
        self._terms: dict[str, list[_Term]] = {}
        for theme, terms in themes.items():
            for term in terms:
                first, *second = parts_of(term, language)
                self._terms.setdefault(first[0], []).append(_Term(place[theme], first, second[0] if second else ()))
        self._listed = {word for group in self._terms.values() for term in group for word in (*term.first, *term.second)}
        self._inside = [word for word in self._listed if word.startswith(ANY) and word.endswith(ANY)]
        self._seen: dict[str, Place] = {}

    def themes(self, text: str) -> set[int]:
        """Return the numbers of the themes that a text mentions."""
        seen = self._seen
        places = [seen[word] if word in seen else self._patterns(word) for word in matching_words(text, self.language)]
        return {
            term.theme
            for start, patterns in enumerate(places)
            for pattern in patterns
            for term in self._terms.get(pattern, ())
            if _follows(term.first, places, start) and (not term.second or _near(term, places, start))
        }

    def _patterns(self, word: str) -> Place:
        """Return the words of terms that a word of a comment is one of."""
        forms = {word, *(word[:end] + ANY for end in range(1, len(word) + 1)), *(ANY + word[start:] for start in range(len(word)))}
        found = frozenset(forms & self._listed | {pattern for pattern in self._inside if pattern.strip(ANY) in word})
        return self._seen.setdefault(word, found)


def tagged(texts: Sequence[str], languages: Iterable[str], codebook: Codebook) -> Flags:
    """Return which comment (rows) mentions which theme of the codebook (columns); none for a language without terms."""
    taggers = {language: Tagger(codebook, language) for language in codebook.languages}
    flags = np.zeros((len(texts), len(codebook.themes)), dtype=bool)
    for row, (text, language) in enumerate(zip(texts, languages, strict=True)):
        if language in taggers:
            flags[row, list(taggers[language].themes(text))] = True
    return flags


def _follows(part: tuple[str, ...], places: Sequence[Place], start: int) -> bool:
    """Tell whether the words of a part stand one after the other from a place on."""
    if len(part) == 1:
        return start < len(places) and part[0] in places[start]
    return start + len(part) <= len(places) and all(word in places[start + step] for step, word in enumerate(part))


def _near(term: _Term, places: Sequence[Place], start: int) -> bool:
    """Tell whether the second part stands within reach of the first."""
    end = start + len(term.first)
    after = range(end, min(end + APART, len(places)))
    before = range(max(0, start - APART - len(term.second) + 1), start - len(term.second) + 1)
    return any(_follows(term.second, places, place) for place in (*before, *after))

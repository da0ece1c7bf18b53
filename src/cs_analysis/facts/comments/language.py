"""The language of a comment: English, German or Turkish, another one, or unknown where the text does not say.

A small model of its own, from lists of words: a word is drawn from a language's list, or made letter by letter from the triples of letters in that list.
The language under which the words of a comment are most likely is taken if it is clearly the most likely one.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cs_analysis.facts.comments.text import LANGUAGES, folded, lowered, normalised

UNKNOWN, OTHER = "unknown", "other"

_CLASSES = (*LANGUAGES, OTHER)
_LISTED = 0.5  # chance that a word comes from the list
_SURE = np.log(4.0)  # the most likely language is taken if it is at least so much likelier than the next
_ALPHABET = 40.0  # letters that may follow two others
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_NOT_TEXT = re.compile(r"https?://\S+|www\.\S+|\S+@\S+|\[(?:e-mail|phone|IBAN|card)\]")
_OWN_LETTERS = (("tr", re.compile("[ğşı]")), ("de", re.compile("[ßä]")))
_OTHER_SCRIPT = re.compile("[\u0370-\u1dff\u2e80-\ud7ff]")
_LETTER_WEIGHT = 3.0

Floats = npt.NDArray[np.float64]


def language_of(text: str) -> str:
    """Return the language of a text: `en`, `de`, `tr`, `other`, or `unknown` where no word or no clear answer is in it.

    Words that several languages share ("super", "ok") leave it unknown.

    Examples
    --------
    >>> [language_of(text) for text in ("Too slow", "Viel zu teuer", "cok yavas", "Trop cher pour nous", "ok")]
    ['en', 'de', 'tr', 'other', 'unknown']
    """
    return languages_of([text])[0]


def languages_of(texts: Sequence[str]) -> list[str]:
    """Return the language of each text, as `language_of`; a word is weighed once however often it comes."""
    number: dict[str, int] = {}
    found = [_words(text) for text in texts]
    places = np.fromiter((number.setdefault(word, len(number)) for row in found for word in row or ()), dtype="int64")
    owner = np.repeat(np.arange(len(texts)), [len(row or ()) for row in found])
    weights = np.array([_weights(word) for word in number]).reshape(-1, len(_CLASSES))
    total = np.stack([np.bincount(owner, column[places], len(texts)) for column in weights.T], axis=1)
    first = np.argmax(total, axis=1)
    ordered = np.sort(total, axis=1)
    sure = ordered[:, -1] - ordered[:, -2] >= _SURE
    return [
        OTHER if row is None else _CLASSES[best] if row and clear else UNKNOWN for row, best, clear in zip(found, first.tolist(), sure.tolist(), strict=True)
    ]


def _words(text: str) -> list[str] | None:
    """Return the words of a text by which its language is told; None where it is not in Latin letters."""
    plain = normalised(text)
    plain = _NOT_TEXT.sub(" ", plain) if "@" in plain or "/" in plain or "[" in plain or "www" in plain else plain
    if not plain.isascii() and len(_OTHER_SCRIPT.findall(plain)) > len(plain) / 4:
        return None
    return _WORD.findall(lowered(plain, "en"))


def _weights(word: str) -> Floats:
    """Return the logarithm of the chance of a word in each language."""
    model = _model()
    plain = {language: folded(word, "de" if language == "de" else "tr") for language in _CLASSES}
    weights = [
        np.log(_LISTED * ((word in model[name][0]) or (plain[name] in model[name][0])) / len(model[name][0]) + (1 - _LISTED) * _spelt(word, model[name][1]))
        for name in _CLASSES
    ]
    marks = [_LETTER_WEIGHT * sum(language == name and bool(letters.search(word)) for language, letters in _OWN_LETTERS) for name in _CLASSES]
    return np.asarray([weight + mark for weight, mark in zip(weights, marks, strict=True)], dtype="float64")


def _spelt(word: str, triples: Counter[str]) -> float:
    """Return the chance that a word is made letter by letter, each given the two before it."""
    text = f"  {word} "
    parts = [(triples[text[place : place + 3]] + 0.5) / (triples[text[place : place + 2]] + 0.5 * _ALPHABET) for place in range(len(text) - 2)]
    return float(np.prod(np.maximum(parts, 1e-9)) + 1e-300)


@lru_cache(maxsize=1)
def _model() -> dict[str, tuple[frozenset[str], Counter[str]]]:
    """Return the words of each language, also without their marks, and how often two and three letters follow each other in them."""
    lists = tomllib.loads(Path(__file__).with_name("languages.toml").read_text(encoding="utf-8"))
    return {name: _counted(name, set(lists[name].split())) for name in _CLASSES}


def _counted(language: str, words: set[str]) -> tuple[frozenset[str], Counter[str]]:
    plain = {folded(word, "de" if language == "de" else "tr") for word in words}
    triples: Counter[str] = Counter()
    for text in (f"  {word} " for word in sorted(words | plain)):
        triples.update(text[place : place + 3] for place in range(len(text) - 2))
        triples.update(text[place : place + 2] for place in range(len(text) - 2))
    return frozenset(words | plain), triples

"""Casing and words in three languages."""

from __future__ import annotations

import unicodedata

import pytest

from cs_analysis.facts.comments.text import folded, lowered, matching_words, normalised, words


@pytest.mark.parametrize(
    ("text", "language", "small"),
    [
        ("IŞIK İYİ", "tr", "ışık iyi"),
        ("IŞIK İYİ", "en", "işik iyi"),
        ("ISTANBUL", "de", "istanbul"),
        ("GROẞ", "de", "groß"),
    ],
)
def test_each_language_has_its_own_lower_case(text: str, language: str, small: str) -> None:
    assert lowered(text, language) == small


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_a_dotted_capital_i_never_leaves_a_combining_dot(language: str) -> None:
    assert "\u0307" not in lowered(normalised("İİ" + unicodedata.normalize("NFD", "İ")), language)


@pytest.mark.parametrize(
    ("one", "other", "language"),
    [
        ("ÇOK YAVAŞ", "cok yavas", "tr"),
        ("KULLANICI", "kullanıcı", "tr"),
        ("KULLANICI", "kullanici", "tr"),
        ("STRASSE", "Straße", "de"),
        ("für", "fuer", "de"),
        (unicodedata.normalize("NFD", "Grüße"), "GRÜSSE", "de"),
        ("naïve café", "naive cafe", "en"),
        ("ｆａｓｔ", "fast", "en"),
    ],
)
def test_spellings_of_one_word_are_one(one: str, other: str, language: str) -> None:
    assert folded(one, language) == folded(other, language)


def test_different_languages_fold_the_same_letter_differently() -> None:
    assert folded("ö", "de") == "oe"
    assert folded("ö", "tr") == "o"


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("CRM’imiz ve ERP'mizle", "tr", ["crm", "ve", "erp"]),
        ("can't e-mail 10.4.2", "en", ["can't", "e-mail", "10.4.2"]),
        ("Preis-Leistung Kundenzufriedenheitsumfrage", "de", ["preis-leistung", "kundenzufriedenheitsumfrage"]),
        ("👍👍🏽 gut❤️", "de", ["👍", "👍🏽", "gut", "❤️"]),
        ("👩‍💻 ok", "en", ["👩‍💻", "ok"]),
        (" \u200b ", "en", []),
    ],
)
def test_words_are_what_a_reader_takes_for_words(text: str, language: str, found: list[str]) -> None:
    assert words(text, language) == found


def test_a_codebook_sees_parts_of_hyphenated_words_and_no_endings_after_an_apostrophe() -> None:
    assert matching_words("Preis-Leistung", "de") == ["preis", "leistung"]
    assert matching_words("Excel'e aktar", "tr") == ["excel", "aktar"]
    assert matching_words("it doesn't", "en") == ["it", "doesnt"]

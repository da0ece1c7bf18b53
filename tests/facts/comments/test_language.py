"""The language of comments, on comments whose language is known."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from cs_analysis.data.simulator.comments import SENTENCES
from cs_analysis.facts.comments.language import language_of, languages_of

LABELLED = pd.read_csv(Path(__file__).with_name("labelled.csv"), keep_default_na=False)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Danke", "de"),
        ("Thanks", "en"),
        ("Teşekkürler", "tr"),
        ("cok yavas", "tr"),
        ("KULLANICI DOSTU DEĞİL", "tr"),
        ("VIEL ZU TEUER", "de"),
        ("THE APP IS SLOW", "en"),
        ("Отличная поддержка", "other"),
        ("とても遅い", "other"),
        ("Le support met une semaine à répondre", "other"),
        ("ok", "unknown"),
        ("👍", "unknown"),
        ("12345", "unknown"),
        ("", "unknown"),
        ("https://example.org/the/and/of jo@example.com [phone]", "unknown"),
        ("Wir sind zufrieden mit dem Customer Success Team, nur die App ist slow", "de"),
    ],
)
def test_small_texts(text: str, language: str) -> None:
    assert language_of(text) == language


def test_held_out_comments_are_hardly_ever_given_a_wrong_language() -> None:
    held = LABELLED[(LABELLED["half"] == "held_out") & (LABELLED["language"] != "other")]
    found = pd.Series(languages_of(list(held["comment"])), index=held.index)
    assert len(held) == 267
    assert (found == held["language"]).mean() > 0.96
    assert ((found != held["language"]) & (found != "unknown")).mean() < 0.015


def test_comments_in_other_languages_are_not_taken_for_ours() -> None:
    others = LABELLED.loc[LABELLED["language"] == "other", "comment"]
    assert set(languages_of(list(others))) <= {"other", "unknown"}


def test_sentences_written_for_another_purpose_are_known() -> None:
    told = [(language, text) for language, moods in SENTENCES.items() for mood in moods for text in mood]
    found = languages_of([text for _, text in told])
    assert sum(language == seen for (language, _), seen in zip(told, found, strict=True)) >= 0.98 * len(told)


def test_the_company_a_text_keeps_does_not_matter() -> None:
    texts = ["Too slow", "Viel zu teuer", "çok yavaş"] * 3
    assert languages_of(texts) == [language_of(text) for text in texts]
    assert languages_of([]) == []

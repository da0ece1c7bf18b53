import subprocess
import sys

import pytest

from cs_analysis import glossary
from cs_analysis.errors import ParameterError


def test_what_has_no_language_is_the_same_in_all() -> None:
    for name in glossary.names():
        facts = {
            (words.unit, words.direction, words.function, words.reference) for words in (glossary.entry(name, language) for language in glossary.LANGUAGES)
        }
        assert len(facts) == 1


@pytest.mark.parametrize("language", ["en", "de", "tr"])
def test_labels_have_the_same_placeholders_in_every_language(language: str) -> None:
    texts, original = glossary._texts(language)["label"], glossary._texts("en")["label"]
    places = {name: {part.split("}")[0] for part in text.split("{")[1:]} for name, text in texts.items()}
    assert places == {name: {part.split("}")[0] for part in text.split("{")[1:]} for name, text in original.items()}


def test_turkish_letters_survive() -> None:
    assert glossary.entry("nps", "tr").denominator == "yanıtlar"


def test_an_unknown_metric_keeps_a_readable_name() -> None:
    assert glossary.title("time_to_nothing", "de") == "time to nothing"
    assert glossary.key_label("billing_zone", "de") == "billing zone"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: glossary.entry("npss"), "no metric 'npss'. Closest are nps"),
        (lambda: glossary.entry("nps", "fr"), "language must be one of en, de, tr, not 'fr'"),
        (lambda: glossary.label("nothing"), "no label 'nothing'"),
    ],
)
def test_unknown_names_are_refused(call: object, message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        call()


def test_it_needs_nothing_but_the_standard_library() -> None:
    use = "import sys; from cs_analysis import glossary; glossary.entry('nps', 'tr')"
    code = f"{use}; print(sorted({{'numpy', 'pandas', 'babel', 'matplotlib'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("language", ["de", "tr"])
def test_titles_and_words_are_translated(language: str) -> None:
    same_word = {"n", "version", "parameters", "review_ticket"}  # Version, Parameter and Ticket are German words too, n is a letter
    labels, original = glossary._texts(language)["label"], glossary._texts("en")["label"]
    assert {name for name in labels if labels[name] == original[name] and "{period}: {value}" not in labels[name]} <= same_word
    assert [name for name in glossary.names() if glossary.title(name, language) == glossary.title(name)] == []


def test_no_text_is_empty() -> None:
    for language in glossary.LANGUAGES:
        texts = glossary._texts(language)
        assert [name for section in ("key", "label") for name, text in texts[section].items() if not text.strip()] == []


@pytest.mark.parametrize("language", ["de", "tr"])
def test_values_of_keys_are_translated_in_every_language(language: str) -> None:
    words, original = glossary._texts(language)["value"], glossary._texts("en")["value"]
    assert {column: set(values) for column, values in words.items()} == {column: set(values) for column, values in original.items()}
    assert all(text.strip() for values in words.values() for text in values.values())


def test_placeholders_are_filled() -> None:
    assert glossary.label("small_n", "tr", limit=30) == "n 30 altında"
    assert glossary.label("change_down", "de", amount="3 Punkte", period="2026") == "Gegenüber 2026 3 Punkte weniger"


def test_what_n_counts_is_said_for_the_count_beside_the_rate() -> None:
    assert glossary.entry("joined_and_left").denominator.startswith("customers at the start of the period")

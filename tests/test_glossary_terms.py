"""Terms, links, finding and the page: everything leads somewhere, in three languages, and to what is there in the code."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import cs_analysis as cs
from cs_analysis import glossary
from cs_analysis.cli import main
from cs_analysis.errors import ParameterError
from cs_analysis.glossary.finding import title_of
from cs_analysis.report.glossary_page import glossary_page, sorting_key

EVERY = (*glossary.names(), *glossary.term_names())
ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/decisions/*.md"), *ROOT.glob("src/cs_analysis/course/lessons/*.md"))


class TestTerms:
    def test_there_are_enough(self) -> None:
        assert len(glossary.term_names()) >= 60
        assert not set(glossary.term_names()) & set(glossary.names())

    @pytest.mark.parametrize("language", glossary.LANGUAGES)
    def test_all_are_explained_and_titles_differ(self, language: str) -> None:
        terms = [glossary.term(name, language) for name in glossary.term_names()]
        assert [term.name for term in terms if len(term.definition) < 40 or not term.title] == []
        assert len({term.title.casefold() for term in terms}) == len(terms)
        metrics = {glossary.title(name, language).casefold() for name in glossary.names()}
        assert [term.title for term in terms if term.title.casefold() in metrics] == []

    @pytest.mark.parametrize("language", ["de", "tr"])
    def test_a_translation_says_it_in_its_own_words_and_warns_as_often(self, language: str) -> None:
        pairs = [(glossary.term(name), glossary.term(name, language)) for name in glossary.term_names()]
        assert [one.name for one, other in pairs if one.definition == other.definition or set(one.pitfalls) & set(other.pitfalls)] == []
        assert [one.name for one, other in pairs if len(one.pitfalls) != len(other.pitfalls)] == []

    def test_an_unknown_one(self) -> None:
        with pytest.raises(ParameterError, match="no term 'nothing'"):
            glossary.term("nothing")


class TestLinks:
    def test_what_a_term_names_is_there(self) -> None:
        functions = {glossary.entry(name).function for name in glossary.names()}
        named = {(name, other) for name, words in glossary._texts("en")["term"].items() for other in words["see"]}
        assert [pair for pair in named if pair[1] not in {*EVERY, *functions}] == []
        assert [function for function in functions if not hasattr(cs, function)] == []

    def test_they_show_on_both_sides_and_never_lead_back(self) -> None:
        found = {name: glossary.links(name) for name in EVERY}
        assert [(name, other) for name, others in found.items() for other in others if name not in found[other] or name == other] == []

    def test_a_function_stands_for_all_its_metrics_also_where_one_bears_its_name(self) -> None:
        assert {"response_time", "response_time_90", "unanswered_share"} <= set(glossary.links("service_level"))
        assert "service_level" in glossary.links("unanswered_share")

    def test_every_metric_is_linked_to_a_term(self) -> None:
        terms = set(glossary.term_names())
        assert [name for name in glossary.names() if not terms & set(glossary.links(name))] == []

    def test_every_term_is_linked_to_another_term(self) -> None:
        terms = set(glossary.term_names())
        assert [name for name in terms if not terms & set(glossary.links(name))] == []

    def test_a_term_and_a_function_never_share_a_name(self) -> None:
        assert set(glossary.term_names()) & {glossary.entry(name).function for name in glossary.names()} == set()

    def test_from_any_entry_every_other_can_be_reached(self) -> None:
        reached, ahead = set(), {"nps"}
        while ahead:
            reached |= ahead
            ahead = {other for name in ahead for other in glossary.links(name)} - reached
        assert reached == set(EVERY)

    def test_terms_come_first_then_what_a_link_names_then_the_rest(self) -> None:
        assert glossary.links("nps") == ("promoter", "scorecard")
        found = glossary.links("service_level")
        assert found[:3] == ("first_contact", "outage", "availability")
        assert found.index("sla_attainment") < found.index("latency_95")

    def test_of_an_unknown_one(self) -> None:
        with pytest.raises(ParameterError, match="no metric 'npss'"):
            glossary.links("npss")


class TestFinding:
    @pytest.mark.parametrize(
        ("text", "language", "name"),
        [
            ("nps", "en", "nps"),
            ("Logo churn rate", "en", "logo_churn_rate"),
            ("logo_churn_rate", "tr", "logo_churn_rate"),
            ("  IMMORTAL  time ", "en", "immortal_time"),
            ("Zensierung", "de", "censoring"),
            ("censoring", "de", "censoring"),
            ("CAC", "en", "cost_of_acquisition"),
            ("ARR", "tr", "recurring_revenue"),
            ("SLA", "de", "service_level"),
            ("detractor", "en", "promoter"),
            ("detractor", "tr", "promoter"),
            ("Kritiker", "de", "promoter"),
            ("top-two box", "en", "top_box"),
            ("funnel", "en", "funnel_and_step"),
            ("step", "de", "funnel_and_step"),
            ("Logo churn", "en", "logo_churn"),
            ("Gelir kaybı", "tr", "revenue_churn"),
            ("expansion", "en", "expansion"),
            ("Verringerung", "de", "contraction"),
            ("geri dönüş", "tr", "reactivation"),
            ("Güven aralığı", "tr", "confidence_interval"),
            ("GÜVEN ARALIĞI", "tr", "confidence_interval"),
            ("ilk temas", "tr", "first_contact"),
            ("İLK TEMAS", "tr", "first_contact"),
            ("IMMORTAL TIME", "tr", "immortal_time"),
        ],
    )
    def test_by_name_or_title(self, text: str, language: str, name: str) -> None:
        assert glossary.find(text, language).entry.name == name

    @pytest.mark.parametrize("language", glossary.LANGUAGES)
    def test_every_name_is_found(self, language: str) -> None:
        assert [name for name in EVERY if glossary.find(name, language).entry.name != name] == []

    @pytest.mark.parametrize("language", glossary.LANGUAGES)
    def test_a_keyword_finds_its_term_and_nothing_else_is_called_so(self, language: str) -> None:
        words = [(name, word) for name in glossary.term_names() for word in glossary.term(name, language).keywords]
        assert len(words) >= 10
        assert [(name, word) for name, word in words if glossary.find(word, language).entry.name != name] == []

    def test_keywords_are_shown(self) -> None:
        assert "\nAlso found as: DAU; WAU; MAU\n" in repr(glossary.find("DAU"))
        assert "<dt>Auch zu finden als</dt><dd>CAC</dd>" in glossary.find("CAC", "de")._repr_html_()
        assert "<dd>ARR, yıllık yinelenen gelir</dd>" in glossary_page("tr")

    def test_an_unknown_word_names_the_closest(self) -> None:
        with pytest.raises(ParameterError, match=r"has no 'churn rat'\. Closest are: .*Logo churn rate"):
            glossary.find("churn rat")
        with pytest.raises(ParameterError, match=r"has no 'qqqq'\.$"):
            glossary.find("qqqq")
        with pytest.raises(ParameterError, match="language must be one of"):
            glossary.find("nps", "fr")

    def test_as_text(self) -> None:
        text = repr(glossary.find("nps", "de"))
        assert text.startswith("Net Promoter Score")
        assert "\nFallstricke: " in text
        assert "\nFunktion: cs.nps\n" in text
        assert max(map(len, text.splitlines())) <= 100

    def test_in_a_notebook_signs_are_no_tags(self) -> None:
        found = [glossary.find(name)._repr_html_() for name in EVERY]
        assert [text for text in found if re.search(r"<(?!/?(div|p|strong|code|dl|dt|dd)\b)", text)] == []
        assert "<dt>n counts</dt><dd>" in glossary.find("nps")._repr_html_()

    def test_english_references_are_marked_among_other_languages(self) -> None:
        assert f'<dd lang="en">{glossary.entry("nps").reference[:8]}' in glossary.find("nps", "tr")._repr_html_()
        assert 'lang="en">' not in glossary.find("nps")._repr_html_().replace('<div lang="en">', "")


class Page(HTMLParser):
    """The anchors, targets and headings of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.outside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            elif name in ("href", "src"):
                (self.targets if str(value).startswith("#") else self.outside).append(str(value))


@pytest.fixture(scope="module", params=glossary.LANGUAGES)
def language(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def text(language: str) -> str:
    return glossary_page(language)


class TestPage:
    def test_every_entry_has_its_place_and_every_link_leads_to_one(self, text: str) -> None:
        page = Page(text)
        assert len(page.ids) == len(set(page.ids))
        assert set(EVERY) <= set(page.ids)
        assert {target[1:] for target in page.targets} <= set(page.ids)
        assert page.outside == []

    def test_it_stands_in_the_order_of_the_alphabet(self, text: str, language: str) -> None:
        order = re.findall(r'<article id="([^"]+)"', text)
        keys = [sorting_key(title_of(name, language), language) for name in order]
        assert all(one <= other for one, other in pairwise(keys))

    def test_only_its_own_script_may_run(self, text: str) -> None:
        (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"script-src 'sha256-{digest}'" in text
        assert "default-src 'none'" in text

    def test_it_is_in_its_language(self, text: str, language: str) -> None:
        assert f'<html lang="{language}">' in text
        assert glossary.term("censoring", language).definition in text


def test_signs_stand_where_each_language_puts_them() -> None:
    turkish = ["Cari", "Çaba", "Isı", "İlk", "Kabul", "Kâr", "Kart", "Oran", "Ödeme", "Satış", "Şube", "Zaman"]
    assert sorted(turkish, key=lambda title: sorting_key(title, "tr")) == turkish
    assert sorted(["Zufall", "Ähnlich", "Anteil", "Abbruch"], key=lambda title: sorting_key(title, "de")) == ["Abbruch", "Ähnlich", "Anteil", "Zufall"]


class TestCommand:
    def test_a_word(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["glossary", "net", "promoter", "score"]) == 0
        assert capsys.readouterr().out.startswith("Net Promoter Score (nps)\n")

    def test_an_unknown_word(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["glossary", "qqqq"]) == 2
        assert "the glossary has no 'qqqq'" in capsys.readouterr().err

    def test_the_list(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["glossary", "--language", "tr"]) == 0
        assert len(capsys.readouterr().out.splitlines()) == len(EVERY)

    def test_the_page(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        out = tmp_path / "new" / "words.html"
        assert main(["glossary", "--language", "de", "--out", str(out)]) == 0
        assert out.read_text(encoding="utf-8") == glossary_page("de")
        assert [path.name for path in out.parent.iterdir()] == ["words.html"]

    def test_a_word_and_a_page_are_two_wishes(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["glossary", "nps", "--out", str(tmp_path / "x.html")]) == 2
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_what_documents_and_lessons_call_by_its_public_name_exists(path: Path) -> None:
    called = set(re.findall(r"\bcs\.([a-z_]\w+)", path.read_text(encoding="utf-8")))
    assert sorted(name for name in called if not hasattr(cs, name)) == []

from __future__ import annotations

from pathlib import Path

import pytest

from cs_analysis.errors import ParameterError
from cs_analysis.report.config import Config, read_config


def config(folder: Path, text: str) -> Config:
    path = folder / "reports.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_paths_are_relative_to_the_file_and_a_variable_stays_a_name(tmp_path: Path) -> None:
    found = config(tmp_path, 'data = { env = "CS_DATA" }\nout = "reports/{period}"\nhistory = "h.csv"\nreports = ["churn", "own/calls.ipynb"]')
    assert found.options == {"data": "env:CS_DATA", "history": str(tmp_path / "h.csv"), "only": ["churn", str(tmp_path / "own/calls.ipynb")]}
    assert (found.out, found.period, found.languages, found.keep) == (str(tmp_path / "reports/{period}"), "last-month", ("en",), None)


def test_targets_of_a_period_come_before_the_general_ones(tmp_path: Path) -> None:
    found = config(tmp_path, 'data = "d"\nout = "o"\n[targets]\nnrr = 1.05\nchurn = 0.02\n[targets.2026-10]\nnrr = 1.1')
    assert found.targets_of("2026-09") == {"nrr": 1.05, "churn": 0.02}
    assert found.targets_of("2026-10") == {"nrr": 1.1, "churn": 0.02}


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ParameterError) as caught:
        config(tmp_path, 'data = 3\nperiode = "x"\nperiod = "2026-13"\nkeep = 0\nlanguage = "fr"\n[targets]\nnrx = 1')
    message = str(caught.value)
    told = ("periode is not known (did you mean period?)", "data must be a path", "period: a period must be", "keep must be a whole number above 0, not 0")
    for problem in (*told, "language must be one of en, de, tr", "there is no key figure 'nrx'", "out must be given"):
        assert problem in message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('language = ["en", "de"]', "out must hold {language}"),
        ("keep = 3", "out must end in a name with {period}"),
        ('data = { env = "A-B" }', "an environment variable that holds it"),
        ('targets = { nrr = "high" }', "a target must be a number"),
        ("targets = { 2026-1 = { nrr = 1.0 } }", "2026-1 is no period"),
        ("conf_level = 95", "conf_level must be a number between 0 and 1, not 95"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    given = text if text.startswith("data") else f'data = "d"\n{text}'
    with pytest.raises(ParameterError) as caught:
        config(tmp_path, f'out = "packs"\n{given}')
    assert problem in str(caught.value)


@pytest.mark.parametrize(("content", "problem"), [(b"data = ", "must be a TOML file in UTF-8"), (b"data = '\xff'", "must be a TOML file in UTF-8")])
def test_what_is_no_toml_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "reports.toml").write_bytes(content)
    with pytest.raises(ParameterError, match=problem):
        read_config(tmp_path / "reports.toml")


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="it cannot be opened"):
        read_config(tmp_path / "reports.toml")

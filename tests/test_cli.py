"""The command `cs-analysis`: what it prints where, and with which exit code it ends."""

from __future__ import annotations

import io
import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

import cs_analysis as cs
from cs_analysis import cli
from cs_analysis.data.findings import Finding, findings_table

AS_OF = ["--as-of", "2026-10-31"]
ACCOUNTS = "account_id,started_at,seats\nA1,2026-01-05T00:00:00Z,3\nA1,2026-02-05T00:00:00Z,4\nA3,2026-03-05T00:00:00Z,many\n"


def command(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `python -m cs_analysis` in a process of its own, on a terminal of 80 columns."""
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run([sys.executable, "-m", "cs_analysis", *arguments], text=True, capture_output=True, check=False, env=environment, **options)


@dataclass(frozen=True)
class Said:
    """What the command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Said]:
    """Return a function that runs the command in this process, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)

    def run(*arguments: str | Path) -> Said:
        code = cli.main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Return a folder with two faults: the key A1 stands twice, and one number of seats is a word."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "accounts.csv").write_text(ACCOUNTS)
    return folder


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Return a folder without a fault."""
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "accounts.csv").write_text("\n".join(ACCOUNTS.splitlines()[:2]) + "\n")
    return folder


def test_help_lists_the_verbs_in_under_half_a_second() -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    said = command("--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert said.returncode == 0
    assert [verb for verb in ("report", "run", "check", "simulate", "list") if f"\n    {verb} " not in said.stdout] == []
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5


@pytest.mark.parametrize("verb", ["report", "run", "check", "simulate", "list"])
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main([verb, "--help"])
    assert ending.value.code == 0
    assert f"usage: cs-analysis {verb}" in capsys.readouterr().out


def test_the_version_is_the_package_s(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out == f"cs-analysis {cs.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: VERB"),
        (["chekc"], "invalid choice: 'chekc'"),
        (["check", "somewhere"], "the following arguments are required: --as-of"),
        (["check", "somewhere", "--as-of", "31.10.2026"], "must be a date such as 2026-10-31, not '31.10.2026'"),
        (["check", "somewhere", "--as-of", "2026-10-31T12:00"], "an instant needs its offset"),
        (["check", "somewhere", "--as", "2026-10-31"], "the following arguments are required: --as-of"),
        (["run", "churn", "--data", "d", *AS_OF, "--out", "o", "-p", "period"], "must be NAME=VALUE, not 'period'"),
        (["simulate"], "the following arguments are required: --into"),
        (["report", "--data", "d", *AS_OF, "--out", "o", "--language", "fr"], "invalid choice: 'fr'"),
    ],
)
def test_wrong_use_ends_with_code_2(arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        cli.main(arguments)
    assert ending.value.code == 2
    said = capsys.readouterr()
    assert complaint in said.err
    assert said.out == ""


def test_a_value_may_hold_equals_signs() -> None:
    parsed = cli.build_parser().parse_args(["run", "churn", "--data", "d", *AS_OF, "--out", "o", "-p", "title=a=b #1", "-p", "by="])
    assert parsed.parameter == [("title", "a=b #1"), ("by", "")]


def test_a_folder_that_is_not_there_is_one_sentence_on_stderr(here: Callable[..., Said], tmp_path: Path) -> None:
    said = here("check", tmp_path / "nowhere", *AS_OF)
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr.startswith("cs-analysis: error: ")
    assert "nowhere" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.slow
@pytest.mark.parametrize("place", ["before", "after"])
def test_debug_shows_where_it_happened(tmp_path: Path, place: str) -> None:
    check = ["check", tmp_path / "nowhere", *AS_OF]
    said = command("--debug", *check) if place == "before" else command(*check, "--debug")
    assert said.returncode == 1
    assert "Traceback" in said.stderr


def test_check_of_sound_tables_ends_well(here: Callable[..., Said], sound: Path) -> None:
    said = here("check", sound, *AS_OF)
    assert (said.returncode, said.stdout, said.stderr) == (0, "0 errors, 0 warnings.\n", "")


def test_check_lists_every_fault_and_ends_with_code_1(here: Callable[..., Said], faulty: Path) -> None:
    said = here("check", faulty, *AS_OF)
    assert said.returncode == 1
    assert "ERROR    accounts.account_id: duplicate key\n         1 row, first: row 2, 'A1'\n" in said.stdout
    assert "ERROR    accounts.seats: wrong type\n         1 row, first: row 3, 'many'\n" in said.stdout
    assert said.stdout.endswith("\n\n2 errors, 0 warnings.\n")
    assert max(map(len, said.stdout.splitlines())) <= 80


def test_check_prints_a_table_for_programs(here: Callable[..., Said], faulty: Path) -> None:
    wanted = cs.check_dataset(faulty, as_of="2026-10-31")
    as_csv = pd.read_csv(io.StringIO(here("check", faulty, *AS_OF, "--format", "csv").stdout), keep_default_na=False)
    as_json = json.loads(here("check", faulty, *AS_OF, "--format", "json").stdout)
    assert as_csv.to_dict("records") == wanted.to_dict("records") == as_json


def test_check_sets_the_rows_at_fault_aside(here: Callable[..., Said], faulty: Path, tmp_path: Path) -> None:
    said = here("check", faulty, *AS_OF, "--quarantine", tmp_path / "aside")
    assert said.returncode == 1
    assert str(tmp_path / "aside") in said.stderr
    aside = pd.read_csv(tmp_path / "aside" / "accounts.csv")
    assert sorted(zip(aside["row"], aside["rule"], strict=True)) == [(2, "duplicate key"), (3, "wrong type")]


def test_check_says_when_setting_rows_aside_would_not_help(here: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "users.csv").write_text("user_id,account_id,created_at\nU1,A1,2026-01-05T00:00:00Z\n")
    said = here("check", tmp_path, *AS_OF, "--quarantine", tmp_path / "aside")
    assert said.returncode == 1
    assert "no rows were set aside" in said.stderr
    assert not (tmp_path / "aside").exists()


def finding(**changes: object) -> pd.DataFrame:
    """Return a table with one finding."""
    usual = {
        "severity": "error",
        "table": "orders",
        "column": "amount",
        "rule": "wrong type",
        "rows": 1200,
        "first_row": 7,
        "example": "12,5",
        "what_to_do": "Do.",
    }
    return findings_table([Finding(**{**usual, **changes})])


def test_a_finding_reads_as_a_block() -> None:
    assert cli.findings_text(finding()) == "ERROR    orders.amount: wrong type\n         1,200 rows, first: row 7, '12,5'\n         Do.\n\n1 error, 0 warnings."


def test_a_finding_about_no_row_shows_its_example_alone() -> None:
    text = cli.findings_text(finding(severity="warning", rule="gap in the feed", rows=0, first_row=0, example="nothing between 1 and 9 May"))
    assert text == "WARNING  orders.amount: gap in the feed\n         nothing between 1 and 9 May\n         Do.\n\n0 errors, 1 warning."


def test_a_value_of_the_data_cannot_steer_the_terminal() -> None:
    text = cli.findings_text(finding(example="\x1b[31mred\nline"))
    assert "\x1b" not in text
    assert r"\x1b[31mred\nline" in text


def with_verb(body: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the verb `list` with another body, to see how the command ends then."""
    script = f"import sys\nfrom cs_analysis import cli\ndef body(arguments):\n    {body}\ncli._list = body\nsys.exit(cli.main(['list']))"
    return subprocess.run([sys.executable, "-c", script], text=True, check=False, stderr=subprocess.PIPE, **options)


def test_a_fault_of_our_own_is_two_sentences_without_traceback() -> None:
    said = with_verb("{}['x']")
    assert said.returncode == 1
    assert said.stderr.startswith("cs-analysis: unexpected error: KeyError: 'x'\n")
    assert "--debug" in said.stderr
    assert "Traceback" not in said.stderr


def test_breaking_off_is_said_in_a_sentence() -> None:
    said = with_verb("raise KeyboardInterrupt")
    assert said.returncode == 130
    assert said.stderr == "cs-analysis: broken off; what was finished before stays as it is.\n"


def test_a_closed_pipe_is_no_error_to_speak_of() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    said = with_verb("print('a line'); return 0", stdout=writing)
    os.close(writing)
    assert (said.returncode, said.stderr) == (1, "")


@pytest.mark.slow
def test_simulate_makes_tables_that_pass_the_check(here: Callable[..., Said], tmp_path: Path) -> None:
    said = here("simulate", "--into", tmp_path / "company", "--accounts", "20", "--months", "6", "--seed", "3")
    assert said.returncode == 0, said.stderr
    assert "20 accounts over 6 months" in said.stdout
    day = said.stdout.partition("known up to ")[2].partition(":")[0]
    assert here("check", tmp_path / "company", "--as-of", day).returncode == 0


def test_list_names_the_reports_and_their_parameters(here: Callable[..., Said]) -> None:
    said = here("list")
    assert (said.returncode, said.stderr) == (0, "")
    assert "churn - " in said.stdout
    assert "overview - " in said.stdout
    assert "conf_level: float" in said.stdout


@pytest.mark.slow
def test_report_writes_the_pages_and_says_where(demo: Path, tmp_path: Path) -> None:
    said = command("report", "--data", demo, *AS_OF, "--out", tmp_path / "pack", "--only", "churn", "--by", "segment", "--language", "de")
    assert said.returncode == 0, said.stderr
    assert said.stderr == ""
    assert said.stdout == f"The reports: {tmp_path / 'pack' / 'index.html'}\n"
    manifest = json.loads((tmp_path / "pack" / "run.json").read_text())
    assert list(manifest["reports"]) == ["churn"]
    given = manifest["reports"]["churn"]["parameters"]
    assert (given["by"], given["language"], given["as_of"]) == ("segment", "de", "2026-10-31")


@pytest.mark.slow
def test_run_takes_the_parameters_that_the_notebook_declares(demo: Path, tmp_path: Path) -> None:
    said = command("run", "churn", "--data", demo, *AS_OF, "--out", tmp_path / "out", "-p", "conf_level=0.8", "-p", "period=2026-08")
    assert said.returncode == 0, said.stderr
    assert said.stdout == f"The report: {tmp_path / 'out' / 'churn.html'}\n"
    given = json.loads((tmp_path / "out" / "run.json").read_text())["reports"]["churn"]["parameters"]
    assert (given["conf_level"], given["period"]) == (0.8, "2026-08")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-p", "conf_levle=0.8"], "did you mean conf_level?"),
        (["-p", "conf_level=most"], "conf_level must be float, not 'most'"),
    ],
)
def test_a_parameter_that_the_notebook_does_not_declare_is_wrong_use(
    here: Callable[..., Said], demo: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    said = here("run", "churn", "--data", demo, *AS_OF, "--out", tmp_path / "out", *arguments)
    assert said.returncode == 2
    assert complaint in said.stderr
    assert not (tmp_path / "out").exists()


def test_report_names_the_reports_there_are(here: Callable[..., Said], demo: Path, tmp_path: Path) -> None:
    said = here("report", "--data", demo, *AS_OF, "--out", tmp_path / "out", "--only", "chrun")
    assert said.returncode == 2
    assert re.search("there is no report 'chrun'; there are .*churn, .*overview", said.stderr)


def test_report_of_broken_tables_ends_with_code_1_and_without_pages(here: Callable[..., Said], faulty: Path, tmp_path: Path) -> None:
    said = here("report", "--data", faulty, *AS_OF, "--out", tmp_path / "out")
    assert said.returncode == 1
    assert "accounts.account_id: duplicate key" in said.stderr
    assert "Traceback" not in said.stderr
    assert not (tmp_path / "out").exists()


def test_a_parameter_given_twice_is_wrong_use(here: Callable[..., Said], demo: Path, tmp_path: Path) -> None:
    said = here("run", "churn", "--data", demo, *AS_OF, "--out", tmp_path / "out", "-p", "by=plan", "-p", "by=region")
    assert said.returncode == 2
    assert "by is given several times" in said.stderr


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "1.5"])
def test_a_timeout_is_a_number_of_seconds(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["run", "churn", "--data", "x", *AS_OF, "--out", "y", f"--timeout={seconds}"])
    assert "must be a whole number of seconds above 0" in capsys.readouterr().err


def test_a_scheduler_that_stops_the_command_is_obeyed_cleanly() -> None:
    said = with_verb("import os, signal; os.kill(os.getpid(), signal.SIGTERM); import time; time.sleep(9)")
    assert said.returncode == 130
    assert said.stderr == "cs-analysis: broken off; what was finished before stays as it is.\n"


def test_an_error_that_quotes_data_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    cli._say("no account \x1b[31mAcme\nsecond line")
    assert capsys.readouterr().err == "cs-analysis: no account \\x1b[31mAcme\nsecond line\n"

"""Warm kernels: the same outputs as cold ones, nothing shared, and no end of one that touches another or is left running."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from jupyter_client.provisioning import KernelProvisionerFactory
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

import cs_analysis as cs
from cs_analysis.report import warm
from cs_analysis.report.batch import Run, run_batch
from cs_analysis.report.execution import execute
from cs_analysis.report.notebooks import find_report, read_report
from cs_analysis.report.warm import client
from cs_analysis.report.warm.managers import BlockingManager

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
pytestmark = [pytest.mark.slow, LINUX]

MIXED = (
    "import os, sys, tempfile, warnings\nprint(sys.path, sys.argv[0], os.getcwd(), __name__, hash('a'), sys.flags, sys.stdin.read())",
    "warnings.warn_explicit('mind the gap', UserWarning, 'here', 1); print('to stderr', file=sys.stderr); os.environ['MPLBACKEND']",
    "tempfile.gettempdir() == os.environ['TMPDIR'], 'pandas' in globals()",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2, 4]);",
    "fig, ax = plt.subplots(); ax.bar([1, 2], [2, 3])\nfig",
    "import pandas as pd; pd.DataFrame({'a': [1.5]})",
    "pd.DataFrame({f'a column with a long name {i}': [i] for i in range(12)})",
    "{}['missing']",
)


def notebook(folder: Path, name: str, *sources: str) -> Run:
    """Return a run of a small notebook with these code cells."""
    cells = [new_markdown_cell(f"# {name.title()}"), *(new_code_cell(source) for source in sources)]
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}), path)
    return Run(read_report(path), {})


def outputs(run: Run, target: Path) -> list[Any]:
    """Return the outputs of a notebook's code cells, once it has run."""
    execute(run.report, target, run.values)
    return [cell.outputs for cell in nbformat.read(target, as_version=4).cells if cell.cell_type == "code"]


def said(folder: Path, source: str) -> Any:
    """Return what a cell that ends with a JSON text printed last."""
    printed = outputs(notebook(folder, "asked", f"import json\n{source}"), folder / "answered.ipynb")[0]
    return json.loads(printed[-1].text.splitlines()[-1])


def is_gone(pid: int) -> bool:
    """Return whether a process has ended (a zombie has, whoever should have waited for it)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def soon(condition: Any, seconds: float = 20) -> bool:
    """Return whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return bool(found)


@pytest.fixture(scope="module")
def small() -> cs.Dataset:
    return one_account()


def one_account() -> cs.Dataset:
    """Return a dataset; threads do not share one."""
    accounts = pd.DataFrame({"account_id": ["a"], "started_at": pd.to_datetime(["2026-01-01"], utc=True)})
    return cs.read_dataset({"accounts": accounts}, as_of="2026-10-31")


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> int:
    """Return the id of the process that kernels are forked from."""
    assert said(tmp_path_factory.mktemp("first"), "import os; print(os.getppid())") == parent_pid()
    return parent_pid()


def parent_pid() -> int:
    held = warm.shared_parent()
    assert held is not None
    assert held.pid is not None
    return held.pid


@pytest.fixture
def kernel(parent: int) -> Iterator[tuple[BlockingManager, Any]]:
    """Return a kernel as nbval starts it, and a client to it."""
    manager = BlockingManager(kernel_name="python3")
    with Path(os.devnull).open("w") as nowhere:
        manager.start_kernel(stderr=nowhere, cwd=Path("/"))
    talk = manager.client()
    talk.start_channels()
    talk.wait_for_ready(timeout=60)
    yield manager, talk
    talk.stop_channels()
    manager.shutdown_kernel(now=True)


class TestLikeColdOnes:
    def test_outputs_are_those_of_a_cold_kernel(self, parent: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("MPLBACKEND")
        run = notebook(tmp_path, "mixed", *MIXED)
        forked = outputs(run, tmp_path / "one.ipynb")
        monkeypatch.setenv(warm.SWITCH, "0")
        assert forked == outputs(run, tmp_path / "two.ipynb")
        assert [len(cell) for cell in forked] == [1, 2, 1, 1, 2, 1, 1, 1]
        assert "image/png" in forked[3][0].data
        assert forked[-1][0].ename == "KeyError"

    def test_outputs_of_a_report_are_those_of_a_cold_kernel(self, parent: int, tmp_path: Path, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        run = Run(find_report("onboarding"), {"data": str(demo)})
        forked = outputs(run, tmp_path / "one.ipynb")
        monkeypatch.setenv(warm.SWITCH, "0")
        assert forked == outputs(run, tmp_path / "two.ipynb")
        assert sum(len(cell) for cell in forked) > 5

    def test_what_a_process_forked_by_a_cell_prints_is_shown(self, parent: int, tmp_path: Path) -> None:
        source = "import multiprocessing\nfork = multiprocessing.get_context('fork').Process(target=print, args=('from a fork',)); fork.start(); fork.join()"
        shown = outputs(notebook(tmp_path, "forks", source, "import time; time.sleep(.2)"), tmp_path / "out.ipynb")
        assert "from a fork" in "".join(output.get("text", "") for cell in shown for output in cell)

    def test_no_two_share_random_numbers(self, parent: int, tmp_path: Path) -> None:
        source = "import numpy as np, random, os; print(json.dumps([np.random.random(), random.random(), os.getppid()]))"
        one, two = (said(tmp_path, source) for _ in range(2))
        assert one[2] == two[2] == parent
        assert one[0] != two[0]
        assert one[1] != two[1]

    def test_an_interrupt_ends_the_cell_and_not_the_kernel(self, kernel: tuple[BlockingManager, Any]) -> None:
        manager, talk = kernel
        asked = talk.execute("import time; print('ready'); time.sleep(600)")
        assert soon(lambda: talk.get_iopub_msg(timeout=20)["msg_type"] == "stream")
        manager.interrupt_kernel()
        replies = iter(lambda: talk.get_shell_msg(timeout=20), None)
        reply = next(message for message in replies if message["parent_header"]["msg_id"] == asked)
        assert reply["content"].get("ename") == "KeyboardInterrupt"
        assert manager.is_alive()


class TestPrivacy:
    def test_the_parent_has_one_thread_and_no_working_directory_to_import_from(self, parent: int) -> None:
        assert len(list(Path(f"/proc/{parent}/task").iterdir())) == 1
        assert Path(f"/proc/{parent}/cwd").readlink() == Path("/")

    def test_kernels_have_no_open_port_and_their_sockets_in_a_private_folder(self, kernel: tuple[BlockingManager, Any]) -> None:
        manager, _ = kernel
        descriptors = (os.readlink(path) for path in Path(f"/proc/{manager.provisioner.pid}/fd").iterdir())  # noqa: PTH115
        own = {link[len("socket:[") : -1] for link in descriptors if link.startswith("socket:[")}
        table = {name: Path(f"/proc/{manager.provisioner.pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6", "unix")}
        assert own & {line.split()[9] for name in ("tcp", "tcp6") for line in table[name]} == set()
        places = {line.split()[7] for line in table["unix"] if line.split()[6] in own and len(line.split()) > 7}
        assert len(places) >= 5
        assert {str(Path(place).parent) for place in places} == {manager._sockets.name}
        assert Path(manager._sockets.name).stat().st_mode & 0o777 == 0o700

    def test_a_kernel_goes_before_its_parent_when_memory_runs_out(self, kernel: tuple[BlockingManager, Any]) -> None:
        assert Path(f"/proc/{kernel[0].provisioner.pid}/oom_score_adj").read_text().strip() == "500"

    def test_nothing_is_changed_for_others_who_start_kernels(self) -> None:
        assert [point.name for point in entry_points(group="jupyter_client.kernel_provisioners") if "cs" in point.name] == []
        assert KernelProvisionerFactory.instance().default_provisioner_name == "local-provisioner"


class TestEnds:
    @pytest.mark.parametrize(
        ("last", "error"),
        [
            ("os._exit(3)", "DeadKernelError"),
            ("os.kill(os.getpid(), 9)", "DeadKernelError"),
            ("import resource; resource.setrlimit(resource.RLIMIT_DATA, (2**32, 2**32)); bytearray(2**33)", "MemoryError"),
            ("import time; time.sleep(600)", "CellTimeoutError"),
        ],
    )
    def test_the_end_of_one_touches_no_other(self, parent: int, tmp_path: Path, small: cs.Dataset, last: str, error: str) -> None:
        runs = [notebook(tmp_path, "ends", f"import os; {last}"), notebook(tmp_path, "lives", "import time; time.sleep(1.5)"), notebook(tmp_path, "next", "1")]
        result = run_batch(runs, small, tmp_path / "out", timeout=4, jobs=2)
        assert list(result.errors) == ["ends"]
        assert error in result.errors["ends"]
        assert parent_pid() == parent
        assert not is_gone(parent)

    def test_breaking_off_ends_the_kernels_that_run(self, parent: int, tmp_path: Path, small: cs.Dataset) -> None:
        def stop(line: str) -> None:
            if "done" in line:
                raise KeyboardInterrupt

        place = tmp_path / "pid"
        waits = f"import os, pathlib, time; pathlib.Path({str(place)!r}).write_text(str(os.getpid())); time.sleep(600)"
        quick = f"import pathlib, time\nwhile not pathlib.Path({str(place)!r}).exists(): time.sleep(.05)"
        with pytest.raises(KeyboardInterrupt):
            run_batch([notebook(tmp_path, "waits", waits), notebook(tmp_path, "quick", quick)], small, tmp_path / "out", jobs=2, progress=stop)
        assert soon(lambda: is_gone(int(place.read_text())))
        assert not is_gone(parent)

    def test_a_batch_that_is_killed_leaves_no_process(self, tmp_path: Path) -> None:
        pids = tmp_path / "pids"
        source = f"import os, pathlib, time; pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{os.getppid()}} '); time.sleep(600)"
        notebook(tmp_path, "waits", source)
        script = (
            "import sys; from pathlib import Path\nfrom cs_analysis.report.execution import execute\nfrom cs_analysis.report.notebooks import read_report\n"
            "from cs_analysis.report.warm import warm_kernels\nfolder = Path(sys.argv[1])\n"
            "with warm_kernels(): execute(read_report(folder / 'waits.ipynb'), folder / 'out.ipynb', {})"
        )
        batch = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)])
        assert soon(lambda: pids.exists() and pids.read_text().endswith(" "), 120)
        kernel, parent = map(int, pids.read_text().split())
        assert parent != batch.pid
        os.kill(batch.pid, signal.SIGKILL)
        batch.wait()
        assert soon(lambda: is_gone(kernel) and is_gone(parent))

    def test_batches_at_the_same_time_do_not_mind_each_other(self, parent: int, tmp_path: Path) -> None:
        sources = "import os; assert os.getppid() == " + str(parent), "import time; time.sleep(1)"
        done: dict[str, bool] = {}

        def batch(name: str) -> None:
            folder = tmp_path / name
            folder.mkdir()
            done[name] = run_batch([notebook(folder, "one", *sources), notebook(folder, "two", *sources)], one_account(), folder / "out", jobs=2).ok

        threads = [threading.Thread(target=batch, args=(name,)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert done == {"a": True, "b": True}


class TestFallBack:
    @pytest.fixture
    def fresh(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let there be no parent yet."""
        monkeypatch.setattr(warm, "_SHARED", warm._Shared())

    def test_without_a_parent_kernels_start_cold_and_the_log_says_so_once(
        self, fresh: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(client, "_PARENT", ("-c", "raise SystemExit(3)"))
        with warm.warm_kernels(), caplog.at_level(logging.WARNING, logger="cs_analysis"):
            assert [said(tmp_path, "import os; print(os.getppid())") for _ in range(2)] == [os.getpid()] * 2
        assert [record.getMessage() for record in caplog.records if record.name == "cs_analysis"] == [
            "kernels start cold: the process to fork from ended while it started (exit code 3)"
        ]

    @pytest.mark.parametrize(("platform", "switch"), [("linux", "0"), ("darwin", "1")])
    def test_other_systems_and_the_switch_ask_for_none(self, monkeypatch: pytest.MonkeyPatch, platform: str, switch: str) -> None:
        monkeypatch.setenv(warm.SWITCH, switch)
        monkeypatch.setattr(sys, "platform", platform)
        with warm.warm_kernels():
            assert warm.shared_parent() is None

    def test_a_parent_that_ended_forks_no_more(self, fresh: None) -> None:
        held = client.WarmParent()
        held.close()
        with pytest.raises(ConnectionError, match="it was closed"):
            held.fork(["python"], env={}, cwd="/", streams=(1, 2))


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_a_number_of_jobs_that_is_none_is_refused(tmp_path: Path, demo: Path, jobs: Any) -> None:
    with pytest.raises(cs.errors.ParameterError, match="jobs must be a whole number above 0"):
        cs.run_pack(data=demo, as_of="2026-10-31", out=tmp_path / "pack", jobs=jobs)
    assert not (tmp_path / "pack").exists()

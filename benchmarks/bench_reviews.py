"""Business reviews against a plain loop that runs a notebook an account with papermill: seconds a page, in one run.

`python benchmarks/bench_reviews.py [ACCOUNTS] [LOOP]` simulates a company, writes its data as a folder, makes all reviews, and runs the notebook for the first
few accounts. The notebook reads the folder and shows the same page of one account.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

import cs_analysis as cs
from cs_analysis.report.reviews.each import run_each

AS_OF = "2026-10-31"
SHOWN = """
import cs_analysis as cs
from IPython.display import HTML, display
from cs_analysis.report.reviews.book import gathered
from cs_analysis.report.reviews.page import cards, profile, sections

book = gathered(cs.read_dataset(data, as_of=as_of))
display(HTML(profile(book, account) + cards(book, account) + "".join(f"<h2>{heading}</h2>{html}" for heading, html in sections(book, account))))
"""


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def looped(data: Path, accounts: list[str], folder: Path) -> None:
    """Run the notebook for each of the accounts, one after the other."""
    parameters = new_code_cell('data = ""\nas_of = ""\naccount = ""', metadata={"tags": ["parameters"]})
    notebook = new_notebook(
        cells=[parameters, new_code_cell(SHOWN)], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    nbformat.write(notebook, folder / "review.ipynb")
    for account in accounts:
        values = {"data": str(data), "as_of": AS_OF, "account": account}
        papermill.execute_notebook(str(folder / "review.ipynb"), str(folder / f"{account}.ipynb"), values, progress_bar=False)


def main(size: int = 300, loop: int = 5) -> None:
    """Print the seconds a page of both ways."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        cs.simulate_company(accounts=size, into=folder / "data")
        names = sorted(cs.read_dataset(folder / "data", as_of=AS_OF).tables["accounts"].to_pandas(["account_id"])["account_id"])
        plain = seconds(lambda: looped(folder / "data", names[:loop], folder)) / loop
        ours = seconds(lambda: run_each(data=folder / "data", as_of=AS_OF, out=folder / "reviews")) / len(names)
        print(f"{len(names)} reviews: {ours:.3f} s a page; plain papermill loop ({loop} pages): {plain:.2f} s a page; ratio {plain / ours:.0f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

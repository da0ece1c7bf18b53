"""Executed notebooks as files that are equal when their numbers are."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from cs_analysis.report.notebooks import read_notebook

_INJECTED = "injected-parameters"


def without_times(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without what differs from run to run: times, where it was run, and the name of the cell put in."""
    notebook.metadata.pop("papermill", None)
    for cell in notebook.cells:
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if _INJECTED in cell.metadata.get("tags", []):
            cell["id"] = _INJECTED
    return notebook


def without_outputs(notebook: NotebookNode) -> NotebookNode:
    """Return a notebook without outputs, which belong to the run that made them."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def store(executed: Path, source: Path) -> None:
    """Write the outputs of an executed notebook into its source, with the source's own parameters."""
    notebook = without_times(read_notebook(executed))
    notebook.cells = [cell for cell in notebook.cells if _INJECTED not in cell.metadata.get("tags", [])]
    for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
        cell.execution_count = number
    building = source.with_suffix(".tmp")
    nbformat.write(notebook, building)
    building.replace(source)

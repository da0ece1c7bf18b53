"""Finding report notebooks: in the installed package, in a checkout, or wherever a path says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from cs_analysis.errors import ParameterError, ReportError
from cs_analysis.report.parameters import Parameter, declared_parameters

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Report:
    """A report notebook: its name, first heading, file and parameters."""

    name: str
    title: str
    path: Path
    parameters: dict[str, Parameter]

    def __str__(self) -> str:
        declared = ", ".join(f"{parameter.name}: {parameter.annotation}" for parameter in self.parameters.values())
        return f"{self.name} - {self.title}\n    {declared}"


def list_reports() -> list[Report]:
    """Return the reports that come with the package, in alphabetical order.

    Returns
    -------
    list of Report
        Name, title, path and parameters of each.

    Raises
    ------
    ReportError
        The notebooks are neither in the installed package nor beside it.

    Examples
    --------
    >>> [report.title for report in list_reports() if report.name == "churn"]
    ['Churn']
    """
    return [read_report(path) for path in sorted(_shipped().glob("*.ipynb"))]


def find_report(notebook: str | Path) -> Report:
    """Return a report by the name of one that comes with the package, or by the path of a notebook.

    Raises
    ------
    ParameterError
        There is neither.
    """
    shipped = {path.stem: path for path in _shipped().glob("*.ipynb")}
    path = shipped.get(str(notebook), Path(notebook))
    if not path.is_file():
        raise ParameterError(f"notebook must be one of {', '.join(sorted(shipped))} or the path of a notebook; {notebook} is neither.")
    return read_report(path)


def read_report(path: Path) -> Report:
    """Return the report in a notebook file.

    Raises
    ------
    ParameterError
        The file is no notebook, or declares parameters of unknown form.
    """
    notebook = read_notebook(path)
    return Report(path.stem, title_of(notebook) or path.stem, path.resolve(), declared_parameters(notebook, name=path.name))


def read_notebook(path: Path) -> NotebookNode:
    """Return a notebook file as nbformat reads it."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError, AttributeError) as error:  # the last: JSON of another kind
        raise ParameterError(f"{path} must be a Jupyter notebook; it cannot be read as one ({str(error).splitlines()[0]}).") from error
    return notebook


def title_of(notebook: NotebookNode) -> str:
    """Return the first heading of a notebook, or nothing."""
    lines = (line for cell in notebook.cells if cell.cell_type == "markdown" for line in cell.source.splitlines())
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("# ")), "")


def _shipped() -> Path:
    """Return the folder of the reports: inside the package when it was installed from a wheel, else in the checkout."""
    places = (_PACKAGE / "notebooks" / "reports", _PACKAGE.parents[1] / "notebooks" / "reports")
    found = next((place for place in places if place.is_dir()), None)
    if found is None:
        raise ReportError(f"the report notebooks must be in {places[0]} or {places[1]}; neither is there. Install the package again.")
    return found

"""Who may import whom: each room of the house stands on the rooms below it, never the other way round."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

BOTTOM = {"errors", "glossary", "windows"}
ALLOWED = {
    "errors": set(),
    "glossary": {"errors"},
    "windows": {"errors"},
    "data": BOTTOM,
    "stats": BOTTOM,
    "facts": BOTTOM | {"data"},
    "metrics": BOTTOM | {"data", "stats", "facts"},
    "show": BOTTOM | {"stats.estimates"},
    "report": BOTTOM | {"data", "stats", "facts", "metrics", "show"},
    "course": BOTTOM | {"data", "stats", "facts", "metrics", "show"},
    "cli_options": {"errors"},
    "cli_course": {"errors", "cli_options", "course", "report"},
    "cli_glossary": {"errors", "glossary", "cli_options", "report"},
    "cli": BOTTOM | {"data", "stats", "facts", "metrics", "show", "report", "course", "cli_options", "cli_course", "cli_glossary"},
    "__main__": {"cli"},
}


def imported_modules(source: str, module: str) -> set[str]:
    """Return what a module imports from the package, as dotted names below it; imports inside functions count too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = f"cs_analysis.{module}".split(".")[: -node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return {name.removeprefix("cs_analysis.") for name in found if name.split(".")[0] == "cs_analysis"} - {"__version__"}


def is_allowed(module: str, target: str) -> bool:
    """Tell whether `module` may import `target`."""
    room = module.split(".", maxsplit=1)[0]
    if target.split(".", maxsplit=1)[0] == room:
        return room != "metrics" or target == "metrics" or target.startswith(f"{module}.")
    return any(target == name or target.startswith(f"{name}.") for name in ALLOWED[room])


def wrong_imports(source: str, module: str) -> list[str]:
    """Return what `module` imports against the rule."""
    return sorted(target for target in imported_modules(source, module) if not is_allowed(module, target))


def modules(package: Path) -> dict[str, str]:
    """Return the package's modules with their source, all but its front door."""
    files = {".".join(path.relative_to(package).with_suffix("").parts): path for path in package.rglob("*.py")}
    return {name: path.read_text() for name, path in files.items() if name != "__init__"}


def test_every_import_points_downwards(package: Path) -> None:
    found = {name: wrong for name, source in modules(package).items() if (wrong := wrong_imports(source, name))}
    assert found == {}


def test_every_module_lies_in_a_known_room(package: Path) -> None:
    assert {name.split(".")[0] for name in modules(package)} <= set(ALLOWED)


def test_the_package_never_imports_notebooks_or_tests(package: Path) -> None:
    outside = {"notebooks", "tests", "tools", "benchmarks"}
    named = {name: ast.walk(ast.parse(source)) for name, source in modules(package).items()}
    assert not [name for name, nodes in named.items() for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in outside]


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("stats.survival", "from cs_analysis.data.dataset import Dataset"),
        ("data.dataset", "from cs_analysis.stats import estimates"),
        ("facts.spells", "from cs_analysis.stats.durations import durations"),
        ("metrics.churn", "from cs_analysis.metrics.revenue import mrr"),
        ("metrics.churn", "from cs_analysis.show.curves import plot"),
        ("metrics.churn", "from .revenue import mrr"),
        ("show.curves", "from cs_analysis.stats.survival import survival_curve"),
        ("show.curves", "import cs_analysis.data"),
        ("report.run", "def f():\n    from cs_analysis.course import check"),
        ("course.check", "from cs_analysis.report.run import run_report"),
        ("errors", "from cs_analysis.glossary import entry"),
        ("windows", "from cs_analysis.data.calendar import Calendar"),
        ("data.calendar", "from cs_analysis import nps"),
        ("data.calendar", "import cs_analysis"),
    ],
)
def test_an_import_that_points_upwards_is_seen(module: str, line: str) -> None:
    assert len(wrong_imports(line, module)) == 1


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("metrics.churn", "from cs_analysis.stats.survival import survival_curve"),
        ("show.curves", "from cs_analysis.stats.estimates import COLUMNS"),
        ("data.dataset", "from cs_analysis.data import sql"),
        ("data.dataset", "from . import sql"),
        ("report.run", "from cs_analysis import __version__"),
        ("stats.survival", "import numpy as np"),
    ],
)
def test_an_import_that_points_downwards_is_fine(module: str, line: str) -> None:
    assert wrong_imports(line, module) == []

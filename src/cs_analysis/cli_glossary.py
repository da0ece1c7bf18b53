"""The verb `cs-analysis glossary`: what a metric or term means, in the terminal or as a page."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cs_analysis.cli_options import add_verb, write_page
from cs_analysis.errors import ParameterError

FINE = 0


def add_glossary(verbs: Any) -> None:
    """Add the verb `glossary`."""
    parser = add_verb(verbs, "glossary", verb=_glossary, about="say what a metric or term means, list all, or write the glossary as a page")
    parser.add_argument("name", nargs="*", help="name or title, such as nps or logo churn rate (default: list all)")
    parser.add_argument("--language", choices=("en", "de", "tr"), default="en", help="language of the words (default: en)")
    parser.add_argument("--out", type=Path, metavar="FILE.html", help="write the whole glossary as one page")


def _glossary(arguments: argparse.Namespace) -> int:
    from cs_analysis import glossary
    from cs_analysis.glossary.finding import title_of

    asked, language = " ".join(arguments.name), arguments.language
    if arguments.out:
        if asked:
            raise ParameterError("--out writes the whole glossary; leave out the name, or --out.")
        from cs_analysis.report.glossary_page import glossary_page

        print(f"The glossary: {write_page(glossary_page(language), arguments.out)}")
    elif asked:
        print(glossary.find(asked, language))
    else:
        every = sorted((*glossary.term_names(), *glossary.names()))
        width = max(map(len, every))
        print("\n".join(f"{name:<{width}}  {title_of(name, language)}" for name in every))
    return FINE

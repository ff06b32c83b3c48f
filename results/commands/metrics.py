"""``metrics``: what there is to score by."""

import sys
from enum import Enum
from typing import Annotated

import typer

from results import catalogue
from results.console import say


class Listing(str, Enum):
    md = "md"
    json = "json"
    pages = "pages"


def metrics(form: Annotated[Listing, typer.Option("--format", help="How to print it.")] = Listing.md) -> None:
    """List all metrics: what each is, its unit, direction, range, options and signature, and what is missing here."""
    form_of = {"md": catalogue.as_markdown, "json": catalogue.as_json, "pages": catalogue.as_pages}
    say(sys.stdout, form_of[form.value]().rstrip("\n"))

"""Options that several commands share, and how they print JSON."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class RelevanceKind(StrEnum):
    """How alike two genre sets are."""

    jaccard = "jaccard"
    idf_cosine = "idf_cosine"
    any = "any"
    exact = "exact"


class OnBadPoster(StrEnum):
    """What to do about a poster that cannot be used."""

    error = "error"
    skip = "skip"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
CatalogueFile = Annotated[Path | None, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")]
ImagesFolder = Annotated[Path | None, typer.Option("--images", help="Folder of its images; else the table's own.")]
IndexFolder = Annotated[Path | None, typer.Option("--index", help="Folder of an index; else the run's own.")]
IndexUri = Annotated[str | None, typer.Option("--uri", help="A Milvus file (….db) or server that holds the index.")]
IndexCollection = Annotated[
    str | None, typer.Option("--collection", help="The collection behind --uri; else keyart.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
BadPoster = Annotated[OnBadPoster, typer.Option(help="What to do about posters that cannot be used.")]


def emit_json(content: Any) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

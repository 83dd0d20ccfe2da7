"""Options that several commands share, and JSON output."""

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from keyart.utils.output_paths import check_output_file, check_output_folder
from keyart.utils.text import to_json


class RelevanceKind(StrEnum):
    """Relevance between two genre sets."""

    jaccard = "jaccard"
    idf_cosine = "idf_cosine"
    any = "any"
    exact = "exact"


class OnBadPoster(StrEnum):
    """Handling of posters that cannot be used."""

    error = "error"
    skip = "skip"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
CatalogueFile = Annotated[Path | None, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")]
ImagesFolder = Annotated[
    Path | None, typer.Option("--images", help="Folder of its images. Default: the table's folder.")
]
RatingScaleOption = Annotated[
    float | None,
    typer.Option("--rating-scale", help="The best rating: 1, 5, 10 …; default: inferred from the ratings."),
]
LikedFrom = Annotated[
    float | None,
    typer.Option("--liked-from", help="Lowest rating that counts as liked. Default: four fifths of the best."),
]
IndexFolder = Annotated[Path | None, typer.Option("--index", help="Folder of an index. Default: the run's own.")]
IndexUri = Annotated[str | None, typer.Option("--uri", help="A Milvus file (….db) or server that holds the index.")]
IndexCollection = Annotated[
    str | None, typer.Option("--collection", help="Collection at --uri. Default: keyart.", show_default=False)
]


def output_folder(context: typer.Context, option: typer.CallbackParam, path: Path | None) -> Path | None:
    """Reject an output folder that cannot be written, before the command begins."""
    if path is not None and not context.resilient_parsing:
        check_output_folder(str(option.name), path)
    return path


def output_file(*suffixes: str) -> Callable[..., Path | None]:
    """Create an option's callback that rejects an output file that cannot be written, before the command begins.

    Args:
        suffixes: Valid suffixes of the file; the first is the default.
    """

    def check(context: typer.Context, option: typer.CallbackParam, path: Path | None) -> Path | None:
        if path is not None and not context.resilient_parsing:
            check_output_file(str(option.name), path, suffixes)
        return path

    return check


AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
BadPoster = Annotated[OnBadPoster, typer.Option(help="What to do about posters that cannot be used.")]


def emit_json(content: Any) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(to_json(content) + "\n")

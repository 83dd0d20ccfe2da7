"""The console command ``onesheet``: what one does with a finished run, without any configuration.

Exit codes: 0 when what was asked was done, 1 when a check found faults, 2 for bad input or usage, told in one line.
"""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from onesheet.errors import InputError

# Typer brings a click of its own since 0.2x: its errors are reached through what it exports.
UsageFault: type[Exception] = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="onesheet",
    help="Find film posters that look and feel alike, with a trained run.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


class RelevanceKind(StrEnum):
    """How alike two genre sets are."""

    jaccard = "jaccard"
    idf_cosine = "idf_cosine"
    any = "any"
    exact = "exact"


class CachePart(StrEnum):
    """A part of what is kept on disk to save time."""

    pixels = "pixels"
    features = "features"
    demo = "demo"
    all = "all"


class EngineKind(StrEnum):
    """How an index searches: everything, along a graph, or in compressed lists."""

    flat = "flat"
    hnsw = "hnsw"
    ivfpq = "ivfpq"


class OnBadPoster(StrEnum):
    """What to do about a poster that cannot be used."""

    error = "error"
    skip = "skip"


RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a finished run.")]
CatalogueFile = Annotated[Path | None, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")]
ImagesFolder = Annotated[Path | None, typer.Option("--images", help="Folder of its images; else the table's own.")]
IndexFolder = Annotated[Path | None, typer.Option("--index", help="Folder of an index; else the run's own.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output, nothing else.")]
BadPoster = Annotated[OnBadPoster, typer.Option(help="What to do about posters that cannot be used.")]


def emit_json(content: Any) -> None:
    """Print one JSON object on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@app.callback()
def root() -> None:
    """Find film posters that look and feel alike, with a trained run."""


@app.command()
def evaluate(
    run: RunFolder,
    catalogue: CatalogueFile = None,
    images: ImagesFolder = None,
    relevance: Annotated[RelevanceKind | None, typer.Option(help="Relation to judge by; else the run's own.")] = None,
    on_bad_poster: BadPoster = OnBadPoster.error,
    pairs: Annotated[Path | None, typer.Option(help="Table of other artwork (img,other_img) that seeks img.")] = None,
    other_images: Annotated[Path | None, typer.Option(help="Folder of other_img; else the table's own.")] = None,
    history: Annotated[Path | None, typer.Option(help="Table of who rated what (userId,imdb_id,rating).")] = None,
    baselines: Annotated[bool, typer.Option("--baselines", help="Judge random vectors, colours … too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Judge a run beside chance and its frozen backbone: on its test split, or on posters it has never seen."""
    from onesheet.run import Run

    if images is not None and catalogue is None:
        raise InputError(f"--images {images} needs --catalogue: name the table that lists those images")
    if other_images is not None and pairs is None:
        raise InputError(f"--other-images {other_images} needs --pairs: name the table that lists those images")
    opened = Run.open(run)
    for file in (catalogue, pairs, history):
        if file is not None and not file.is_file():
            raise InputError(f"{file}: there is no such file; name a CSV or Parquet table")
    from onesheet.judging import evaluate_run

    metrics = evaluate_run(
        opened,
        catalogue,
        images,
        relevance=relevance.value if relevance else None,
        on_bad_poster=on_bad_poster.value,
        pairs=pairs,
        other_images=other_images,
        history=history,
        baselines=baselines,
    )
    if as_json:
        emit_json(metrics)
    else:
        from onesheet.tables import print_metrics

        print_metrics(metrics)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN…", help="Finished runs; the first is the yardstick.")],
    as_json: AsJson = False,
) -> None:
    """Set runs side by side: metrics, lift, and which differences from the first run are significant."""
    from onesheet.analysis.compare import compare_runs
    from onesheet.run import Run

    found = compare_runs([Run.open(run) for run in runs])
    if as_json:
        emit_json(found.to_dict())
    else:
        from onesheet.analysis.comparison_table import print_comparison

        print_comparison(found)


@app.command()
def check(
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    images: ImagesFolder = None,
    as_json: AsJson = False,
) -> None:
    """Check a catalogue and every image in it; exit code 1 when a poster cannot be used."""
    from onesheet.catalogue import problems_table, read_catalogue
    from onesheet.images import load_posters

    table, problems = read_catalogue(catalogue, images)
    posters = load_posters(table, problems, on_bad_poster="skip")
    faults = problems_table(posters.skipped)
    counts = {name: int(n) for name, n in zip(table.genre_names, posters.catalogue.genres.sum(0), strict=True)}
    duplicates = int(len(posters.groups) - len(set(posters.groups.tolist())))
    if as_json:
        report = {"posters": len(posters.catalogue), "genres": counts, "near_duplicates": duplicates}
        emit_json({**report, "problems": faults.to_dict(orient="records")})
    else:
        from onesheet.tables import print_check

        print_check(len(posters.catalogue), counts, duplicates, faults)
    if len(faults):
        raise typer.Exit(1)


@app.command()
def doctor(
    clear: Annotated[CachePart | None, typer.Option("--clear-cache", help="Empty this part of the cache.")] = None,
    as_json: AsJson = False,
) -> None:
    """Examine this machine and this installation, and say how to mend what is not in order; 1 when it will not work."""
    from onesheet import doctor as examination

    if clear is not None:
        parts = list(examination.PARTS) if clear is CachePart.all else [clear.value]
        freed = examination.clear_cache(parts)
        if as_json:
            emit_json({"cleared": freed})
        else:
            for part, size in freed.items():
                typer.echo(f"{part}: {examination.size_text(size)} freed")
        return
    findings = examination.diagnose()
    healthy = examination.healthy(findings)
    if as_json:
        emit_json({"healthy": healthy, "findings": [finding.to_dict() for finding in findings]})
    else:
        examination.print_findings(findings)
    if not healthy:
        raise typer.Exit(1)


@app.command()
def search(
    run: RunFolder,
    query: Annotated[str, typer.Argument(metavar="QUERY", help="A poster's id, a film's title, or an image file.")],
    k: Annotated[int, typer.Option("-k", help="How many posters.")] = 10,
    index: IndexFolder = None,
    genre: Annotated[list[str] | None, typer.Option(help="Only posters of this genre; may be repeated.")] = None,
    year: Annotated[str | None, typer.Option(help="Only posters of these years: 1994 or 1990-1999.")] = None,
    diverse: Annotated[bool, typer.Option("--diverse", help="Posters that also differ from one another.")] = False,
    hide_duplicates: Annotated[bool, typer.Option("--hide-duplicates", help="Show no picture twice.")] = False,
    png: Annotated[Path | None, typer.Option(help="Write a contact sheet to this file.")] = None,
    images: Annotated[Path | None, typer.Option("--images", help="The posters, if they have moved.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find the posters that look and feel most like one."""
    from onesheet import searching
    from onesheet.run import Run

    opened = Run.open(run)
    table = searching.open_index(opened, index)
    asked, hits = searching.search_run(
        opened,
        table,
        query,
        k,
        genres=genre or (),
        years=year,
        diverse=diverse,
        hide_duplicates=hide_duplicates,
        images=images,
    )
    if png is not None:
        from onesheet.contact_sheet import write_contact_sheet

        write_contact_sheet(table, asked, hits, searching.images_folder(opened, table, images), png)
    if as_json:
        emit_json(searching.as_json(table, asked, hits))
    else:
        from onesheet.answers import print_neighbours

        print_neighbours(searching.as_json(table, asked, hits))


@app.command()
def embed(
    run: RunFolder,
    catalogue: Annotated[Path, typer.Option("--catalogue", help="Table of posters (CSV or Parquet).")],
    out: Annotated[Path, typer.Option(help="Folder for the Parquet parts; those that are there are kept.")],
    images: ImagesFolder = None,
    shard: Annotated[str, typer.Option(help="Which shard of how many, such as 1/8.")] = "1/1",
    on_bad_poster: BadPoster = OnBadPoster.error,
    as_json: AsJson = False,
) -> None:
    """Embed a catalogue, or one shard of it; goes on where an earlier job stopped."""
    from onesheet.embed_job import embed_catalogue, parse_shard
    from onesheet.progress import progress_bar
    from onesheet.run import Run

    part = parse_shard(shard)
    with progress_bar("embedding posters") as report:
        done = embed_catalogue(
            Run.open(run), catalogue, images, out, shard=part, on_bad_poster=on_bad_poster.value, progress=report
        )
    if as_json:
        emit_json({"posters": done.posters, "computed": done.computed, "skipped": done.skipped, "out": str(out)})
    else:
        typer.echo(f"{done.posters:,} posters embedded in {out}, {done.computed:,} of them now")
        for left in done.skipped:
            typer.echo(f"left out: {left['id']} ({left['img']}): {left['problem']}")


@app.command(name="index")
def build_index(
    run: RunFolder,
    out: Annotated[Path, typer.Option(help="Folder for the index.")],
    embeddings: Annotated[Path | None, typer.Option(help="What embed wrote; else the run's own vectors.")] = None,
    engine: Annotated[EngineKind | None, typer.Option(help="Else chosen by the number of posters.")] = None,
    recall: Annotated[float, typer.Option(help="Wanted share of the exact 10 nearest.")] = 0.95,
    as_json: AsJson = False,
) -> None:
    """Build a search index and measure how far it agrees with exact search."""
    from onesheet.indexing import index_run
    from onesheet.run import Run

    def report(text: str) -> None:
        typer.echo(text, err=True)

    opened = Run.open(run)
    built = index_run(opened, out, embeddings, kind=engine.value if engine else None, recall=recall, say=report)
    if as_json:
        emit_json(built)
    else:
        typer.echo(f"{built['posters']:,} posters in {out}: {built['engine']} {built['parameters'] or ''}".rstrip())
        typer.echo(f"agreement with exact search (recall@10): {built['recall@10']:.4f}, wanted {recall:g}")


def main() -> None:
    """Run a command; tell bad input and usage in one line on standard error."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        sys.stderr.write(f"onesheet: {error}\n")
        code = 2
    except UsageFault as error:
        told = error.format_message() if hasattr(error, "format_message") else str(error)
        told = " ".join(told.split())
        if told:
            sys.stderr.write(f"onesheet: {told.rstrip('.')}; see onesheet --help\n")
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code if isinstance(code, int) else 0)

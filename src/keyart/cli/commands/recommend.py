"""The commands ``recommend`` and ``evaluate-history``: films for users, and the quality of the recommendations."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from keyart.cli.options import (
    AsJson,
    BadPoster,
    CatalogueFile,
    ImagesFolder,
    IndexCollection,
    IndexFolder,
    IndexUri,
    LikedFrom,
    OnBadPoster,
    RatingScaleOption,
    RunFolder,
    emit_json,
    output_file,
)
from keyart.errors import InputError
from keyart.utils.output_paths import check_output_file
from keyart.utils.text import echo

PARQUET = (".parquet", ".pq")
HistoryFile = Annotated[
    Path | None, typer.Option("--history", help="Who watched what (CSV or Parquet): user, film, rating, timestamp.")
]


def recommend(
    run: RunFolder,
    history: HistoryFile = None,
    user: Annotated[str | None, typer.Option("--user", help="One user of the history; else all of them.")] = None,
    liked: Annotated[str | None, typer.Option("--liked", help="Ids of films that somebody likes: id,id,…")] = None,
    k: Annotated[int, typer.Option("-k", help="How many films.")] = 20,
    rating_scale: RatingScaleOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file(*PARQUET), help="Parquet file for the films of all users; else candidates.parquet."
        ),
    ] = None,
    index: IndexFolder = None,
    uri: IndexUri = None,
    collection: IndexCollection = None,
    as_json: AsJson = False,
) -> None:
    """Recommend films that suit a user and that the user has not watched, including films without any history."""
    if (history is None) == (liked is None):
        raise InputError("recommend: give either --history or --liked")
    if user is not None and history is None:
        raise InputError(f"--user {user} needs --history: name the table that the user is in")
    if rating_scale is not None and history is None:
        raise InputError(f"--rating-scale {rating_scale:g} needs --history: name the table that holds the ratings")
    if out is not None and (user is not None or liked is not None):
        raise InputError(f"--out {out} is for all users: leave --user and --liked out")
    if k < 1:
        raise InputError(f"-k {k}: ask for at least one film")
    everybody = user is None and liked is None
    target = out or Path("candidates.parquet")
    if everybody:
        check_output_file("--out", target, PARQUET)
    from keyart.catalogue.history import read_history
    from keyart.runs.run import Run

    opened = Run.open(run)
    events = read_history(history, scale=rating_scale) if history is not None else None
    from keyart.cli.results import print_candidates, print_everybody
    from keyart.recommend.candidates import Films
    from keyart.runs import recommend as work
    from keyart.runs.search import open_index
    from keyart.utils.progress import progress_bar

    with closing(open_index(opened, index, uri, collection)) as table:
        films = Films(table.posters)
        if liked is not None:
            viewer = work.liked_viewer(table, films, liked)
            told = {"liked": films.names[viewer.films].tolist(), **work.recommend_one(table, films, viewer, k)}
        else:
            assert events is not None
            audience = work.read_audience(events, films, user)
            if not everybody:
                viewer = audience.viewers[0]
                told = {"user": user, "known_films": len(viewer.films), **audience.notes}
                told |= work.recommend_one(table, films, viewer, k)
            else:
                with progress_bar("users") as report:
                    told = work.recommend_all(table, films, audience, k, target, progress=report)
                told |= audience.notes
            told["rating_scale"] = events.scale and events.scale.best
    if events is not None:
        rated = events.scale or "no ratings: all films count alike"
        echo(f"{events.source}: {len(events):,} events; {rated}", err=True)
    if as_json:
        emit_json(told)
    elif "candidates" in told and "interests" in told:
        print_candidates(told)
    else:
        print_everybody(told)


def judge_history(
    run: RunFolder,
    history: Annotated[Path, typer.Option("--history", help="Who rated what when (CSV or Parquet).")],
    catalogue: CatalogueFile = None,
    images: ImagesFolder = None,
    on_bad_poster: BadPoster = OnBadPoster.error,
    rating_scale: RatingScaleOption = None,
    liked_from: LikedFrom = None,
    as_json: AsJson = False,
) -> None:
    """Evaluate a run by the films that users liked later: among all films, and among films without any history."""
    from keyart.runs.run import Run

    if images is not None and catalogue is None:
        raise InputError(f"--images {images} needs --catalogue: name the table that lists those images")
    opened = Run.open(run)
    if catalogue is not None and not catalogue.is_file():
        raise InputError(f"{catalogue}: there is no such file; name a CSV or Parquet table")
    from keyart.runs.history_evaluation import evaluate_history

    def report(text: str) -> None:
        echo(text, err=True)

    found = evaluate_history(
        opened,
        history,
        catalogue,
        images,
        on_bad_poster=on_bad_poster.value,
        rating_scale=rating_scale,
        liked_from=liked_from,
        say=report,
    )
    if as_json:
        emit_json(found)
    else:
        from keyart.cli.history_tables import print_viewers

        print_viewers(found)

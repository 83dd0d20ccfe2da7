"""The commands ``recommend`` and ``evaluate-history``: films for users, and the quality of the recommendations."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Annotated, Any

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
    user: Annotated[str | None, typer.Option("--user", help="One user of the history. Default: all of them.")] = None,
    liked: Annotated[str | None, typer.Option("--liked", help="Ids of liked films: id,id,…")] = None,
    k: Annotated[int, typer.Option("-k", help="Number of films.")] = 20,
    rating_scale: RatingScaleOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            callback=output_file(*PARQUET), help="Parquet file for the films of all users. Default: candidates.parquet."
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
        check_output_file("out", target, PARQUET)
    from keyart.api.run import load
    from keyart.cli.results import print_batch_summary, print_candidates
    from keyart.runs.search import open_index

    opened = load(run)
    with closing(open_index(opened, index, uri, collection)) as table:
        settings: Any = {"k": k, "rating_scale": rating_scale, "index": table, "report": partial(echo, err=True)}
        if everybody:
            assert history is not None
            content = opened.recommend_all(history, target, **settings).to_dict()
        else:
            content = opened.recommend(liked, history=history, user=user, **settings).to_dict()
    if as_json:
        emit_json(content)
    elif everybody:
        print_batch_summary(content)
    else:
        print_candidates(content)


def evaluate_history(
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
    from keyart.api.run import load

    if images is not None and catalogue is None:
        raise InputError(f"--images {images} needs --catalogue: name the table that lists those images")
    found = load(run).evaluate_history(
        history,
        catalogue,
        images,
        on_bad_poster=on_bad_poster.value,
        rating_scale=rating_scale,
        liked_from=liked_from,
        report=lambda text: echo(text, err=True),
    )
    if as_json:
        emit_json(found)
    else:
        from keyart.cli.history_tables import print_evaluation

        print_evaluation(found)

"""A finished run with its methods: the same verbs as the console command, which calls them."""

import logging
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

import numpy as np

from keyart.errors import InputError
from keyart.runs import run as folders
from keyart.utils.paths import user_path

if TYPE_CHECKING:
    from keyart.api.results import Evaluation, Explanation, Recommendation, SearchHits, UserRecommendations
    from keyart.catalogue.relevance import RelevanceKind
    from keyart.images.any_image import AnyImage
    from keyart.models.encoder import Embeddings
    from keyart.retrieval.searchable import Searchable
    from keyart.runs.compare import Comparison
    from keyart.runs.embed import Decoder, Embedded
    from keyart.runs.search import AnyQuery

log = logging.getLogger(__name__)

PathLike: TypeAlias = str | Path
Progress: TypeAlias = Callable[[int, int | None], None]
OnBad: TypeAlias = Literal["error", "skip"]


def load(folder: PathLike) -> "Run":
    """Open a finished run.

    Args:
        folder: The run's folder, or a folder that holds the runs of one name, such as ``outputs/head``: then the
            latest finished run is opened and a warning names it. Or one of these on the Hugging Face hub,
            ``hf-hub:user/name`` or ``hf-hub:user/name@revision``. The folder of an embedder alone gives a run that
            embeds, and searches an index that is named.

    Raises:
        InputError: The folder does not exist, is not a run's folder, or the run is not finished; or the hub does not
            have it.
    """
    from keyart.models.hub import local_folder

    return Run.open(local_folder(folder))


def compare(*runs: "PathLike | Run") -> "Comparison":
    """Compare finished runs by paired bootstrap over their test queries; the first is the reference.

    Raises:
        InputError: There are fewer than two, or they were not evaluated on the same posters.
    """
    from keyart.runs.compare import compare_runs

    return compare_runs([one if isinstance(one, folders.Run) else load(one) for one in runs])


class Run(folders.Run):
    """A finished run: embeds, searches, recommends, explains and evaluates.

    Open one by `load`, or train one by `train`. Embedder and index are loaded once, when they are first needed.
    Several threads may use one object at once.

    Attributes:
        folder: The run's folder.
        embedder: The trained embedder, a module on the CPU in evaluation mode.
        index: The run's own index: all its posters.
        config: The resolved configuration.
        metrics: The flat metrics of ``metrics.json``.
        splits: Split of each poster, indexed by id.
    """

    @property
    def index(self) -> "Searchable":
        """The run's own index, which holds all its posters.

        Raises:
            InputError: The index is missing or damaged.
        """
        from keyart.runs.search import open_index

        return self._once("index", lambda: open_index(self))

    @overload
    def embed(
        self,
        images: "AnyImage | Iterable[AnyImage]",
        *,
        batch_size: int = ...,
        device: str | None = ...,
        precision: str | None = ...,
        on_bad: Literal["error"] = ...,
        progress: bool | Progress = ...,
    ) -> np.ndarray: ...
    @overload
    def embed(
        self,
        images: "AnyImage | Iterable[AnyImage]",
        *,
        batch_size: int = ...,
        device: str | None = ...,
        precision: str | None = ...,
        on_bad: Literal["skip"],
        progress: bool | Progress = ...,
    ) -> "Embeddings": ...
    def embed(
        self,
        images: "AnyImage | Iterable[AnyImage]",
        *,
        batch_size: int = 256,
        device: str | None = None,
        precision: str | None = None,
        on_bad: OnBad = "error",
        progress: bool | Progress = True,
    ) -> "np.ndarray | Embeddings":
        """Embed images: paths, bytes of image files, PIL images, arrays, tensors, or an iterable of them.

        Only two batches of images are in memory at a time, so the iterable may be a generator or a DataLoader of any
        length.

        Args:
            images: One image, or an iterable of images. Arrays are (H, W, 3), (3, H, W) or (H, W), uint8 or
                floating-point in [0, 1]; an array of rank 4 is a batch.
            batch_size: Images that are read at a time, and the most that pass through the network at once.
            device: Such as ``cpu`` or ``cuda:0``; None for CUDA if available, else the CPU.
            precision: ``fp32``, ``bf16`` or ``auto``; None for the run's own, but float32 on a CPU if that is ``auto``.
            on_bad: ``error`` stops at the first image that cannot be used, ``skip`` leaves it out and lists it.
            progress: Whether to show a progress bar on a terminal; or a function that is called with the number of
                finished images and of all images (None if it is unknown).

        Returns:
            (N, E) float32 of unit length; (E,) for one image. With ``on_bad="skip"`` a tuple of ``vectors`` (M, E),
            ``positions`` (M,) of the embedded images, and ``skipped``, which lists the others.

        Raises:
            InputError: An image cannot be used; the message names it.
        """
        from keyart.images.any_image import is_one_image

        found = self.encoder(device, precision).embed(images, batch_size=batch_size, on_bad=on_bad, progress=progress)
        if on_bad == "skip":
            return found
        return found.vectors[0] if is_one_image(images) else found.vectors

    @overload
    def search(
        self,
        query: list[Any] | tuple[Any, ...],
        k: int = ...,
        *,
        genres: Sequence[str] = ...,
        years: str | None = ...,
        diverse: bool = ...,
        hide_duplicates: bool = ...,
        images: PathLike | None = ...,
        index: "Searchable | PathLike | None" = ...,
    ) -> "list[SearchHits]": ...
    @overload
    def search(
        self,
        query: "AnyQuery",
        k: int = ...,
        *,
        genres: Sequence[str] = ...,
        years: str | None = ...,
        diverse: bool = ...,
        hide_duplicates: bool = ...,
        images: PathLike | None = ...,
        index: "Searchable | PathLike | None" = ...,
    ) -> "SearchHits": ...
    def search(
        self,
        query: "AnyQuery | list[Any] | tuple[Any, ...]",
        k: int = 10,
        *,
        genres: Sequence[str] = (),
        years: str | None = None,
        diverse: bool = False,
        hide_duplicates: bool = False,
        images: PathLike | None = None,
        index: "Searchable | PathLike | None" = None,
    ) -> "SearchHits | list[SearchHits]":
        """Find the posters that are most similar to a query.

        Args:
            query: A poster's id, a film's title, an image (see `embed`), or a vector (E,); or a list of them, which
                are searched together.
            k: Number of posters.
            genres: Genres that every poster must have.
            years: Years of the posters: ``1994`` or ``1990-1999``.
            diverse: Whether to choose posters that also differ from one another.
            hide_duplicates: Whether to leave out near-duplicates of the query and of better posters.
            images: The folder of the posters, if they have moved.
            index: Another index, or its folder; None for the run's own.

        Returns:
            The posters, best first; for a list, one result per query.

        Raises:
            InputError: A query is unknown, ambiguous or unreadable, or no poster passes the filters.
        """
        from keyart.api.results import SearchHits
        from keyart.runs.search import search_run

        table = self._index(index)
        folder = _path(images)
        asked = list(query) if isinstance(query, list | tuple) else [query]
        answers = search_run(
            self,
            table,
            asked,
            k,
            genres=genres,
            years=years,
            diverse=diverse,
            hide_duplicates=hide_duplicates,
            images=folder,
        )
        found = [SearchHits(self, table, *answer, folder) for answer in answers]
        return found if isinstance(query, list | tuple) else found[0]

    def recommend(
        self,
        liked: str | Sequence[str] | None = None,
        *,
        history: PathLike | None = None,
        user: str | int | None = None,
        k: int = 20,
        rating_scale: float | None = None,
        index: "Searchable | PathLike | None" = None,
        report: Callable[[str], None] = log.info,
    ) -> "Recommendation":
        """Recommend films that suit a user and that the user has not watched.

        Args:
            liked: Ids or titles of films that the user likes.
            history: A table of who watched what (CSV or Parquet), instead of ``liked``.
            user: The user of the history; `recommend_all` takes all of them.
            k: Number of films.
            rating_scale: The best rating of the history; None: inferred from the ratings.
            index: Another index, or its folder; None for the run's own.
            report: Called with a line about the history.

        Raises:
            InputError: The arguments contradict one another, a film or the user is unknown, or a file cannot be used.
        """
        from keyart.api.results import Recommendation

        if (history is None) == (liked is None):
            raise InputError("recommend: give either history or liked")
        if (user is None) != (history is None):
            raise InputError("recommend: give history and user together; recommend_all takes all users of a history")
        asked = (liked, _path(history), None if user is None else str(user), k)
        return Recommendation(self, *self._recommend(index, asked, rating_scale, None, report))

    def recommend_all(
        self,
        history: PathLike,
        out: PathLike,
        *,
        k: int = 20,
        rating_scale: float | None = None,
        index: "Searchable | PathLike | None" = None,
        report: Callable[[str], None] = log.info,
    ) -> "UserRecommendations":
        """Recommend films to all users of a history, into a Parquet file; see `recommend`.

        Args:
            history: A table of who watched what (CSV or Parquet).
            out: The Parquet file.
            k: Number of films per user.
            rating_scale: The best rating of the history; None: inferred from the ratings.
            index: Another index, or its folder; None for the run's own.
            report: Called with a line about the history.

        Raises:
            InputError: A file cannot be used.
        """
        from keyart.api.results import UserRecommendations

        asked = (None, _path(history), None, k)
        return UserRecommendations(self._recommend(index, asked, rating_scale, _path(out), report)[1])

    def _recommend(
        self,
        index: "Searchable | PathLike | None",
        asked: tuple[str | Sequence[str] | None, Path | None, str | None, int],
        rating_scale: float | None,
        out: Path | None,
        report: Callable[[str], None],
    ) -> "tuple[Searchable, dict[str, Any]]":
        from keyart.runs.recommend import recommend_run

        if asked[-1] < 1:
            raise InputError(f"k={asked[-1]}: ask for at least one film")
        table = self._index(index)
        return table, recommend_run(table, *asked, rating_scale=rating_scale, out=out, report=report)

    def explain(
        self,
        first: "AnyQuery",
        second: "AnyQuery",
        *,
        catalogue: PathLike | None = None,
        images: PathLike | None = None,
        report: Callable[[str], None] = log.warning,
    ) -> "Explanation":
        """Explain which regions of two posters, and which kinds of cue, contribute to their similarity.

        Args:
            first: A poster's id, a film's title, or an image (see `embed`).
            second: Another one.
            catalogue: A table in which ids and titles are looked up; None for the run's own posters.
            images: The folder of the posters, if they have moved; or of the catalogue's images.
            report: Called with a line about posters of the catalogue that are left out, and about missing posters.

        Raises:
            InputError: A poster is unknown or ambiguous, or its image is not the one that was indexed.
        """
        from keyart.api.results import Explanation
        from keyart.runs import explain as explaining

        folder = _path(images)
        if catalogue is None:
            # Explanations of one table share what they compute of the average poster.
            key = ("explained posters", folder)
            table = typical = self._once(key, lambda: explaining.index_poster_table(self, folder))
        else:
            table, left_out = explaining.catalogue_poster_table(Path(catalogue), folder)
            typical, instead = explaining.typical_poster_table(self, table)
            for note in filter(None, (left_out, instead)):
                report(note)
        return Explanation(self, explaining.explain_run(self, table, (first, second), typical))

    def evaluate(
        self,
        catalogue: PathLike | None = None,
        images: PathLike | None = None,
        *,
        relevance: "RelevanceKind | None" = None,
        on_bad_poster: OnBad = "error",
        pairs: PathLike | None = None,
        other_images: PathLike | None = None,
        history: PathLike | None = None,
        rating_scale: float | None = None,
        liked_from: float | None = None,
        baselines: bool = False,
        sizes: Sequence[int] = (),
        report: Callable[[str], None] = log.info,
    ) -> "Evaluation":
        """Evaluate the run with chance and its frozen backbone as references: on its test split, or on new posters.

        Args:
            catalogue: A table of posters; None for the run's own test split.
            images: The folder of its images; None for the table's own.
            relevance: ``jaccard``, ``idf_cosine``, ``any`` or ``exact``; None for the run's own.
            on_bad_poster: ``error`` or ``skip``.
            pairs: A table of other artwork with columns ``img`` and ``other_img``.
            other_images: The folder of that artwork.
            history: A table of users' ratings of films.
            rating_scale: The best rating of the history; None: inferred from the ratings.
            liked_from: Lowest rating that counts as liked; None: four fifths of the best.
            baselines: Whether to evaluate baseline embeddings too.
            sizes: Numbers of leading dimensions of each embedding to evaluate too.
            report: Called with a line on each table.

        Returns:
            ``result["ndcg@10"]`` and so on, each with value, chance, frozen, lift and interval.

        Raises:
            InputError: A table or its images cannot be read, or the run's own posters have changed.
        """
        from keyart.api.results import Evaluation
        from keyart.runs.evaluate import evaluate_run

        if images is not None and catalogue is None:
            raise InputError(f"images={images}: needs catalogue, the table that lists those images")
        if other_images is not None and pairs is None:
            raise InputError(f"other_images={other_images}: needs pairs, the table that lists those images")
        table, artwork, events = _path(catalogue), _path(pairs), _path(history)
        for file in (table, artwork, events):
            if file is not None and not file.is_file():
                raise InputError(f"{file}: there is no such file; name a CSV or Parquet table")
        found = evaluate_run(
            self,
            table,
            _path(images),
            relevance=relevance,
            on_bad_poster=on_bad_poster,
            pairs=artwork,
            other_images=_path(other_images),
            history=events,
            rating_scale=rating_scale,
            liked_from=liked_from,
            baselines=baselines,
            sizes=sizes,
            report=report,
        )
        return Evaluation(found)

    def evaluate_history(
        self,
        history: PathLike,
        catalogue: PathLike | None = None,
        images: PathLike | None = None,
        *,
        on_bad_poster: OnBad = "error",
        rating_scale: float | None = None,
        liked_from: float | None = None,
        report: Callable[[str], None] = log.info,
    ) -> dict[str, Any]:
        """Evaluate the run by the films that users liked later; see `keyart.runs.evaluate_history` for the keys."""
        from keyart.runs.history_evaluation import evaluate_history

        if images is not None and catalogue is None:
            raise InputError(f"images={images}: needs catalogue, the table that lists those images")
        if catalogue is not None and not Path(catalogue).is_file():
            raise InputError(f"{catalogue}: there is no such file; name a CSV or Parquet table")
        return evaluate_history(
            self,
            Path(history),
            _path(catalogue),
            _path(images),
            on_bad_poster=on_bad_poster,
            rating_scale=rating_scale,
            liked_from=liked_from,
            report=report,
        )

    def embed_catalogue(
        self,
        catalogue: PathLike,
        out: PathLike,
        images: PathLike | None = None,
        *,
        shard: tuple[int, int] = (1, 1),
        on_bad_poster: OnBad = "error",
        decoder: "Decoder" = "pillow",
    ) -> "Embedded":
        """Embed a table of posters, or one shard (i, n) of it, into Parquet files; resume where an earlier job stopped.

        Args:
            catalogue: The table of posters.
            out: Folder of the files; those there are kept. `build_index` takes it.
            images: The folder of the images; None for the table's own.
            shard: Number of the shard, from 1, and number of shards.
            on_bad_poster: ``error`` or ``skip``.
            decoder: ``nvjpeg`` decodes JPEG files on the GPU.
        """
        from keyart.runs.embed import embed_catalogue
        from keyart.utils.progress import progress_bar

        with progress_bar("embedding posters") as report:
            return embed_catalogue(
                self,
                Path(catalogue),
                _path(images),
                Path(out),
                shard=shard,
                on_bad_poster=on_bad_poster,
                decoder=decoder,
                progress=report,
            )

    def build_index(
        self, out: PathLike | None = None, embeddings: PathLike | None = None, **options: Any
    ) -> dict[str, Any]:
        """Build a search index and measure its recall against exact search.

        Args:
            out: Folder of the index, which `search` takes as ``index``.
            embeddings: What `embed_catalogue` wrote; None for the vectors of the run's own index.
            options: See :func:`keyart.runs.index.index_run`: ``kind``, ``recall``, ``uri`` and so on.

        Returns:
            ``posters``, ``dimensions``, ``engine``, ``parameters`` and ``recall@10``.
        """
        from keyart.runs.index import index_run
        from keyart.utils.progress import progress_bar

        with progress_bar("filling the collection") as report:
            return index_run(
                self,
                _path(out),
                _path(embeddings),
                **{"progress": report, **options},
            )

    def export(
        self, to: str, out: PathLike, *, images: PathLike | None = None, progress: Progress | None = None
    ) -> dict[str, Any]:
        """Export the embedder, or the index and its posters; see :func:`keyart.runs.export.export_run`."""
        from keyart.runs.export import export_run

        return export_run(self, to, Path(out), _path(images), progress or (lambda done, total: None))

    def _index(self, index: "Searchable | PathLike | None") -> "Searchable":
        """Return an index: the run's own, the one in a folder, or the one that is given."""
        from keyart.runs.search import open_index

        if index is None:
            return self.index
        if isinstance(index, str | Path):
            folder = Path(index)
            return self._once(("index", folder.resolve()), lambda: open_index(self, folder))
        return index


def _path(path: PathLike | None) -> Path | None:
    return None if path is None else user_path(path)

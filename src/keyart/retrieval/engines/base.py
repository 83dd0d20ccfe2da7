"""The interface of index engines, and the base class of engines that search in this process."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np

from keyart.errors import InputError

if TYPE_CHECKING:
    from keyart.retrieval.index import PosterIndex
    from keyart.retrieval.searchable import Searchable


@dataclass(frozen=True)
class Parameter:
    """Whole number that an engine chooses when it builds an index, and that ``index.json`` keeps.

    Args:
        description: Short description.
        low: Smallest value.
        high: Largest value; None: no limit.
    """

    description: str
    low: int = 1
    high: int | None = None

    def read(self, value: Any) -> int:
        """Return a value that was read from a file.

        Raises:
            ValueError: It is not a whole number in the range.
        """
        if type(value) is not int or value < self.low or (self.high is not None and value > self.high):
            raise ValueError(f"{value!r} is not {self.description}")
        return value


@dataclass(frozen=True)
class Target:
    """Target of a build: folder, recall and options.

    Args:
        out: The index's folder; None only for an engine that takes ``uri``.
        recall: Target recall@10 against exact search, in (0, 1].
        options: Those of `Engine.options` that were set.
        report: Called with a message at each step.
        progress: Called with the number of stored posters and the total.
    """

    out: Path | None
    recall: float = 0.95
    options: Mapping[str, Any] | None = None
    report: Callable[[str], None] = lambda text: None
    progress: Callable[[int, int], None] = lambda done, total: None


class Engine(Protocol):
    """Protocol of an index engine: a class that builds and loads indexes.

    :class:`RowEngine` implements it for engines that search the vectors of a folder in this process.
    """

    name: ClassVar[str]
    """Its name in messages, in `keyart.retrieval.engines.registry` and in ``index.json``."""
    summary: ClassVar[str]
    """Short description."""
    parameters: ClassVar[Mapping[str, Parameter]]
    """Parameters that it chooses to reach the target recall."""
    options: ClassVar[Sequence[str]]
    """Options of ``keyart index`` that only some engines take: ``uri``, ``collection``, ``replace``."""

    @classmethod
    def build(cls, source: "PosterIndex", target: Target) -> dict[str, Any]:
        """Build an index of the posters and vectors of an exact one, and save it.

        Returns:
            ``parameters``, the measured ``recall@10``, and where the index is if that is not ``target.out``.

        Raises:
            InputError: The index cannot be written there.
        """

    @classmethod
    def load(cls, folder: Path, description: Mapping[str, Any], embedder: Path | None) -> "Searchable":
        """Open an index that :meth:`build` saved; the result's ``search`` is the engine's.

        Args:
            folder: The index's folder.
            description: Content of its ``index.json``.
            embedder: The folder of the embedder whose vectors the index must hold; None: not checked.

        Raises:
            InputError: The index is incomplete or damaged, or its vectors are from another embedder.
        """


class RowEngine(ABC):
    """Base class of engines that search in this process, beside the exact vectors of a `PosterIndex`.

    `PosterIndex` stores vectors, ids and metadata; an engine adds only what finds rows faster. It is an `Engine`: the
    instances hold the data.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    options: ClassVar[Sequence[str]] = ()

    @classmethod
    @abstractmethod
    def fit(cls, flat: Any, recall: float, report: Callable[[str], None] = lambda text: None) -> tuple[Self, float]:
        """Build an engine, with the cheapest parameters that reach a target recall.

        Args:
            flat: ``faiss.IndexFlatIP`` of N unit vectors.
            recall: Target recall@10 against exact search, in (0, 1].
            report: Called with a message at each step.

        Returns:
            The engine, and its measured recall@10.
        """

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, parameters: Mapping[str, int], flat: Any) -> Self:
        """Read the engine that :meth:`write` wrote to a folder, with its parameters and the exact vectors."""

    @abstractmethod
    def write(self, folder: Path) -> list[str]:
        """Write the engine's own files into a folder, and return their names."""

    @abstractmethod
    def search(self, queries: np.ndarray, k: int, rows: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return the k most similar rows for each of Q queries.

        Args:
            queries: (Q, E) unit vectors, float32.
            k: Number of neighbours.
            rows: Rows that may be returned; None: all.

        Returns:
            (Q, k) inner products and (Q, k) rows, best first; the row is -1 if fewer than k are found.
        """

    def describe(self) -> dict[str, int]:
        """Return the values of `parameters`, which are attributes of the engine."""
        return {name: getattr(self, name) for name in self.parameters}

    @classmethod
    def build(cls, source: "PosterIndex", target: Target) -> dict[str, Any]:
        """See :meth:`Engine.build`."""
        from keyart.retrieval.index import PosterIndex

        assert target.out is not None
        engine, found = cls.fit(source.index, target.recall, target.report)
        try:
            notes = {**source.notes, "recall@10": found}
            PosterIndex(source.index, source.posters, engine, notes).save(target.out)
        except (OSError, RuntimeError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise InputError(
                f"cannot be written ({reason}); name another folder", parameter="out", value=target.out
            ) from None
        return {"parameters": engine.describe(), "recall@10": found}

    @classmethod
    def load(cls, folder: Path, description: Mapping[str, Any], embedder: Path | None) -> "Searchable":
        """See :meth:`Engine.load`."""
        from keyart.retrieval.index import PosterIndex

        return PosterIndex.load(folder, embedder)

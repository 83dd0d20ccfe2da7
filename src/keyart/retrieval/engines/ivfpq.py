"""Inverted lists of compressed vectors (IVF-PQ) by FAISS."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Self

import faiss
import numpy as np

from keyart.retrieval.engines.approximate import ApproximateEngine, efforts_up_to
from keyart.retrieval.engines.base import Parameter
from keyart.retrieval.engines.recall_probe import DEPTH
from keyart.retrieval.exact_search.faiss_search import vector_blocks

RESCORED = (2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
ROWS_A_LIST, CODES_A_ROW = 4, 100
"""Costs for parameter selection: exact scores per opened list, and compressed codes scanned per exact score."""


class IVFPQEngine(ApproximateEngine):
    """IVF-PQ index of about 2√N lists, with product quantisation of residuals (Jégou et al. 2011).

    Each code of four bits covers two dimensions. Such codes are scanned with lookup tables in registers (André et al.
    2017, arXiv 1704.07355): dozens in the time of one exact score.
    """

    name: ClassVar[str] = "ivfpq"
    summary: ClassVar[str] = "lists of compressed vectors: fast to build, 40 bytes a poster; the default above 100,000"
    parameters: ClassVar[Mapping[str, Parameter]] = {
        "effort": Parameter("`nprobe`, the lists opened"),
        "rescored": Parameter("proposals per neighbour that are scored exactly"),
    }
    rescorings: ClassVar[tuple[int, ...]] = RESCORED
    #: More lists that raise the recall by less than this do not help: more proposals must be rescored.
    least_gain: ClassVar[float] = 1e-3

    @classmethod
    def create(cls, flat: Any, recall: float) -> Self:
        """Train the lists and the codes, and fill them."""
        lists = max(1, min(round(2 * flat.ntotal**0.5), flat.ntotal // 39))
        parts = next(m for m in range(max(1, flat.d // 2), 0, -1) if flat.d % m == 0)
        make: Any = faiss.IndexIVFPQFastScan
        index = make(faiss.IndexFlatIP(flat.d), flat.d, lists, parts, 4, faiss.METRIC_INNER_PRODUCT)
        index.by_residual = True
        index.cp.niter = 10
        some = np.unique(np.linspace(0, flat.ntotal - 1, min(flat.ntotal, max(lists * 40, 16384))).astype(np.int64))
        sample = np.ascontiguousarray(flat.reconstruct_batch(some))
        # Clustering needs a minimum number of rows; a small catalogue repeats its own.
        index.train(np.resize(sample, (max(len(sample), 39 * 16), flat.d)))
        for block in vector_blocks(flat):
            index.add(block)
        return cls(index, 1, RESCORED[0], flat)

    @cached_property
    def searched(self) -> Any:
        """Return the lists with their proposals rescored."""
        make: Any = faiss.IndexRefine
        return make(self.index, self.storage)

    def efforts(self) -> list[int]:
        """Return the numbers of lists to try."""
        return efforts_up_to(1, int(self.index.nlist))

    def cost(self) -> float:
        """Return the estimated cost of a search for 10, in exact scores."""
        codes = self.index.ntotal / self.index.nlist / CODES_A_ROW
        return self.effort * (ROWS_A_LIST + codes) + DEPTH * self.rescored

    def search_parameters(self, k: int, depth: int, rows: int | None = None, **given: Any) -> Any:
        """Return FAISS's parameters for a search."""
        make: Any = faiss
        lists = int(self.index.nlist)
        # Open more lists than the effort if these would hold too few rows to rescore.
        needed = -(-2 * depth * lists // max(self.index.ntotal if rows is None else rows, 1))
        inner = make.SearchParametersIVF(nprobe=min(lists, max(self.effort, needed)), **given)
        # FAISS multiplies k by the factor and truncates the product to an integer.
        return make.IndexRefineSearchParameters(k_factor=(depth + 0.5) / k, base_index_params=inner)

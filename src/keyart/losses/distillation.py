"""Distillation: learns the similarities of a teacher, the frozen backbone or another run."""

from typing import ClassVar, Literal, get_args

from torch import Tensor

from keyart.losses.argument_checks import check_choice, check_number
from keyart.losses.base import MetricLoss, Relations
from keyart.losses.listwise import row_divergence
from keyart.losses.reductions import masked_mean

Form = Literal["kl", "mse"]


class DistillationLoss(MetricLoss):
    r"""Distance of the embedding's similarities s from those of a teacher, f.

    The teacher is the frozen backbone (its pooled features), or in a training the run that ``training.teacher`` names
    (its embeddings, of any width). Over pairs of two posters:

    .. math::

        \text{kl:} \quad L &= \underset{a}{\text{mean}} \operatorname{KL}\left(
            \operatorname{softmax}_j(f_{aj}/τ) \| \operatorname{softmax}_j(s_{aj}/τ) \right) \\
        \text{mse:} \quad L &= \underset{(a, j)}{\text{mean}} (s_{aj} - f_{aj})^2

    ``kl`` preserves which posters are nearest (similar to Passalis & Tefas 2018, ECCV), ``mse`` the similarities
    themselves (Park et al. 2019, arXiv 1904.05068, with squared error). The loss does not use genres, so no miner
    applies.

    Use it beside another loss (``loss=sum``) to keep what the frozen backbone saw, such as that two posters show the
    same film, which learning genres can destroy. Use it alone with a teacher to make one small network of an embedding
    of many parts: ``experiment=distill`` does.

    Args:
        margin: Must be None: the loss has none.
        form: ``kl`` or ``mse``.
        temperature: τ, above 0.

    Raises:
        InputError: ``margin`` is not None, the form is unknown, or the temperature is not above 0.
    """

    name: ClassVar[str] = "distillation"
    supports_miner = False
    needs_frozen_features = True

    def __init__(self, margin: float | None = None, form: Form = "kl", temperature: float = 0.1) -> None:
        super().__init__(margin)
        check_choice("form", form, get_args(Form))
        self.form = form
        self.temperature = check_number("temperature", temperature, 0, above=True)

    def compute(self, embeddings: Tensor, ref_emb: Tensor, relations: Relations) -> Tensor:
        """Compute the loss of unit vectors ``embeddings`` and ``ref_emb``; see the class.

        Raises:
            RuntimeError: The relations lack the teacher's similarities.
        """
        if relations.frozen is None:
            raise RuntimeError(
                "DistillationLoss: the relations hold no frozen similarities; give `compute_relations` the features"
            )
        valid_pairs = relations.valid_pairs()
        frozen = relations.frozen.to(embeddings.dtype)
        if self.form == "mse":
            return masked_mean((embeddings @ ref_emb.T - frozen) ** 2, valid_pairs)
        logits = (embeddings / self.temperature) @ ref_emb.T
        losses = row_divergence(frozen / self.temperature, logits, valid_pairs)
        return masked_mean(losses, valid_pairs.any(dim=1))

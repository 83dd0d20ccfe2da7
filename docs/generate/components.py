"""The pages of miners, samplers, heads and poolings: what each does, when to use it, and how to choose it."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from generate.component_pictures import draw_miners, draw_samplers
from generate.docstrings import to_markdown
from generate.losses import built_class
from generate.markdown import section, table
from keyart.config.compose import CONFIG_FOLDER
from keyart.config.shorthand import options_of
from keyart.models.heads.registry import HEADS
from keyart.models.poolings.registry import POOLINGS, create_pooling


@dataclass(frozen=True)
class Kind:
    """A kind of component.

    Attributes:
        group: Its group of ``conf/``.
        prefix: The key below which its own keys lie.
        package: The package that exports its classes.
        intro: What it is.
        example: Lines of Python that use one.
        draw: Draws a picture of all of them into a file.
        caption: What the picture shows.
    """

    group: str
    prefix: str
    package: str
    intro: str
    example: str
    draw: Callable[[Path], None] | None = None
    caption: str = ""


KINDS = {
    "miners": Kind(
        "miner",
        "miner",
        "keyart.losses",
        """A miner narrows the pairs of a batch by their embeddings before the loss sees them.
[Relevance](../concepts/relevance.md) says which pairs are positive or negative; a miner never changes that. Some losses
take no miner: [their pages](../losses.md) say so. `miner=pml` takes those of [pytorch-metric-learning](../pml.md).""",
        """import torch
import keyart

embeddings = torch.randn(32, 64, requires_grad=True)
labels = torch.randint(0, 2, (32, 5))  # multi-hot
loss, miner = keyart.losses.ContrastiveLoss(), keyart.losses.HardMiner()
loss(embeddings, labels, indices_tuple=miner(embeddings, labels)).backward()""",
        draw_miners,
        """Eight posters of the genres A, B and C on the unit circle. Lines lead from one anchor (ring) to the positives
(green) and negatives (red, dashed) that each miner selects.""",
    ),
    "samplers": Kind(
        "sampler",
        "sampler",
        "keyart.images",
        """A sampler composes the batches of an epoch from labels alone, before anything is embedded. Losses learn from
pairs within a batch, so a batch without two posters of a genre teaches nothing about it. An epoch always has as many
visits as there are posters. Batches depend on `seed`, epoch and position alone: a resumed run sees the same ones.
`sampler.one_label=true` puts each poster into the epoch once for each of its genres.""",
        """import numpy as np
import keyart.images

genres = np.random.default_rng(0).random((1000, 5)) < 0.3  # (N, G) multi-hot
sampler = keyart.images.MPerClassSampler(genres, batch_size=128, m=4)
print(genres[sampler.batch(epoch=0, index=0)].sum(axis=0))  # posters a genre""",
        draw_samplers,
        """2,000 drawn posters of five genres, from frequent (A) to rare (E). Grey: the share of posters that have a
genre. Blue: the share of the posters in the batches of one epoch.""",
    ),
    "heads": Kind(
        "head",
        "model",
        "keyart.models",
        """The head maps the features of the backbone to the embedding. `experiment=head`, the default, and
`experiment=best` choose `metric_maps`, and add branches that no gradient trains: a kernel regression
(`model.kernel.weight`) and the frozen features (`model.frozen_features.balance`); see
[Results](../results.md#what-each-branch-brings).""",
        """import torch
import keyart.models

features = torch.randn(100, 1280)  # of a frozen backbone
head = keyart.models.MLPHead(1280, 128)
head.fit(features)  # what is computed, not trained: here the standardisation
print(head(head.transform(features)).shape)""",
    ),
    "poolings": Kind(
        "pooling",
        "model",
        "keyart.models",
        """A pooling turns feature maps into the numbers that the head sees. `model.pooling=avg` takes
timm's own pooled features. The others add columns beside them. The frozen backbone that metrics are compared with
always has timm's own.""",
        """import torch
import keyart.models

backbone = keyart.models.create_backbone("resnet10t", "none", pooling="depths", image_size=(96, 64))
print(backbone.groups)  # first and last column + 1 of each group of features
print(backbone(torch.rand(2, 3, 96, 64)).shape)""",
    ),
}


def pages(folder: Path) -> dict[str, str]:
    """Return the page of each kind, and draw the pictures into a folder."""
    return {name: _page(name, kind, folder) for name, kind in KINDS.items()}


def classes(group: str) -> dict[str, tuple[type, Mapping[str, Any]]]:
    """Return the class of each option of a group, and the content of its YAML file."""
    if group == "pooling":
        return {name: (type(create_pooling(name)), {}) for name, target in POOLINGS.items() if target}
    contents = {
        name: yaml.safe_load((CONFIG_FOLDER / group / f"{name}.yaml").read_text(encoding="utf-8"))
        for name in options_of(group)
        if name != "pml"
    }
    if group == "head":
        return {name: (HEADS[name].load(), content) for name, content in contents.items()}
    return {name: (built_class(content), content) for name, content in contents.items()}


def _page(name: str, kind: Kind, folder: Path) -> str:
    picture = ""
    if kind.draw is not None:
        kind.draw(folder / f"{name}.svg")
        picture = f"{kind.caption}\n\n![{name.capitalize()} compared]({name}.svg)"
    head = section(name.capitalize(), kind.intro, picture, f"```python\n{kind.example}\n```", level=1)
    return head + "".join(_entry(option, kind, *found) for option, found in classes(kind.group).items())


def _entry(option: str, kind: Kind, cls: type, content: Mapping[str, Any]) -> str:
    parameters = inspect.signature(cls).parameters
    keys = {key: value for key, value in content.items() if key in parameters and value is not None}
    given = [name for name, one in parameters.items() if one.default is one.empty and name not in keys]
    arguments = ", ".join([*given, *(f"{key}={value!r}" for key, value in keys.items())])
    words = [f"{kind.group}={option}", *(f"{kind.prefix}.{key}={value}" for key, value in keys.items())]
    call = f"{kind.package}.{cls.__name__}({arguments})"
    if kind.group == "pooling":
        words, call = [f"model.pooling={option}"], f'keyart.models.create_backbone(name, pooling="{option}")'
    facts = [("on the command line", f"`{' '.join(words)}`"), ("in Python", f"`{call}`")]
    return section(f"{option}: `{cls.__name__}`", table(["", ""], facts), to_markdown(cls, headings=False))

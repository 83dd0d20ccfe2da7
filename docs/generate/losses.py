"""The pages of the losses: formula, picture, use and example of each, from its docstring and its YAML file."""

from importlib import import_module
from pathlib import Path
from typing import Any

from generate.docstrings import to_markdown
from generate.loss_picture import draw
from generate.markdown import section, table
from keyart.config.loss_table import read_losses, table_row
from keyart.losses.base import MetricLoss

PICTURE = """Eight posters of the genres A, B and C on the unit circle. Left: the arrows are the loss's own negative
gradient, the step that gradient descent takes. Right: the same posters after many small steps{held}."""
HELD = ", with the loss's own direction of each genre (star) held still"


def pages(folder: Path) -> dict[str, str]:
    """Return the page of each loss, and draw the pictures into a folder."""
    return {f"loss-{name}": _page(name, about, folder) for name, about in read_losses().items() if name != "pml"}


def built_class(content: dict[str, Any]) -> Any:
    """Return the class that the YAML file of an option builds."""
    module, _, name = content["build"]["_target_"].rpartition(".")
    return getattr(import_module(module), name)


def example(cls: type[MetricLoss], margin: float | None) -> str:
    """Return lines of Python that compute a loss and its gradient on random embeddings of several labels each."""
    build = cls.build is not MetricLoss.build
    options = "" if margin is None else f"{margin:g}"
    if cls.needs_frozen_features:
        call = (
            "frozen = torch.randn(32, 128)  # the features of a frozen backbone\n"
            "same = torch.arange(32)\n"
            "relations = keyart.losses.compute_relations(\n"
            "    labels, labels, loss.relevance, same, same, frozen=(frozen, frozen)\n"
            ")\n"
            "loss(torch.nn.functional.normalize(embeddings), relations).backward()"
        )
    else:
        call = "loss(embeddings, labels).backward()"
    return "\n".join(
        [
            "import torch",
            "import keyart",
            "",
            "embeddings = torch.randn(32, 64, requires_grad=True)",
            "labels = torch.randint(0, 2, (32, 5))  # multi-hot: five labels, several an item",
            f"loss = keyart.losses.{cls.__name__}({options})",
            *(["loss.build(64, labels.sum(dim=0), num_train=32)  # its own parameters"] if build else []),
            call,
            "print(embeddings.grad.shape)",
        ]
    )


def _page(name: str, about: dict[str, Any], folder: Path) -> str:
    cls = built_class(about)
    unit, margin = about["about"]["unit"], about.get("margin")
    facts = [
        ("on the command line", f"`loss={name}`" + (f" `loss.margin={margin:g}`" if unit else "")),
        ("in Python", f"`keyart.losses.{cls.__name__}`"),
        ("margin", f"{unit}, {table_row(about)[3]}, by default {margin:g}" if unit else "none"),
        ("a miner can choose its pairs", "yes" if about["about"]["miner"] else "no"),
        ("it can compare with past batches", "yes" if about["about"]["memory"] else "no"),
        ("source", about["about"]["source"]),
    ]
    picture, code = "", ""
    if name != "sum":  # its docstring has an example, and its picture is that of its terms
        held = draw(cls(), folder / f"loss-{name}.svg")
        picture = section("What it pulls and pushes", PICTURE.format(held=HELD if held else ""))
        picture += f"![Gradient and result of {cls.__name__} on eight points](loss-{name}.svg)\n\n"
        code = section("Example", f"```python\n{example(cls, margin if unit else None)}\n```")
    return section(f"{name}: `{cls.__name__}`", table(["", ""], facts), to_markdown(cls), level=1) + picture + code

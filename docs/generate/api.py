"""The page of the Python API: the public names of `keyart`, `keyart.losses` and `keyart.metrics`, by autodoc."""

import inspect

import keyart
from generate.markdown import section

INTRO = """The names that may be relied upon. [In Python](../python.md) shows them at work. Import them from the package
that the heading names: `from keyart.losses import AngularLoss`."""


def pages() -> dict[str, str]:
    """Return the page ``api``."""
    packages = {"keyart": keyart, "keyart.losses": keyart.losses, "keyart.metrics": keyart.metrics}
    parts = [section(f"`{name}`", *_entries(name, package)) for name, package in packages.items()]
    return {"api": section("Python API", INTRO, level=1) + "".join(parts)}


def _entries(name: str, package: object) -> list[str]:
    return [_entry(f"{name}.{each}", getattr(package, each)) for each in sorted(dir(package), key=str.lower)]


def _entry(name: str, value: object) -> str:
    if not inspect.isclass(value) and not inspect.isfunction(value):
        return ""
    kind = "class" if inspect.isclass(value) else "function"
    lines = [f".. auto{kind}:: {name}"]
    if kind == "class" and not issubclass(value, Exception):
        # What torch's modules and torchmetrics' bring along is documented there.
        own = [
            member for member in vars(value) if not member.startswith("_") and callable(getattr(value, member, None))
        ]
        lines.append(f"   :members: {', '.join(own)}" if own and name.count(".") == 1 else "")
    return "```{eval-rst}\n" + "\n".join(lines).rstrip() + "\n```"

"""Parameters of the library as the options of a command."""

from typing import Any

import typer

from keyart.errors import Spelling
from keyart.launch.config_keys import config_key

#: Parameters whose option has another name.
_OPTIONS = {"genres": "genre", "years": "year", "target": "to"}


def option_spelling(app: typer.Typer, command: str) -> Spelling:
    """Return the function that spells a parameter as an option of a command.

    Parameters without an option there are keys of the configuration, or options of the command that a fix names.
    """
    group: Any = typer.main.get_command(app)
    options = {name: _options(one) for name, one in group.commands.items()}
    own, others = options.get(command, {}), {key: flag for found in options.values() for key, flag in found.items()}

    def spell(name: str) -> str | None:
        name = _OPTIONS.get(name, name)
        return own.get(name) or config_key(name) or others.get(name)

    return spell


def _options(command: Any) -> dict[str, str]:
    return {param.name: param.opts[0] for param in command.params if param.opts[0].startswith("-")}

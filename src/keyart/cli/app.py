"""The console command ``keyart``: training, and all work with finished runs.

Exit codes: 0 for success, 1 if a check found faults, 2 for invalid input or usage with one line on standard error.
"""

import os
import re
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from keyart import __version__
from keyart.cli.commands import COMMANDS
from keyart.cli.spelling import option_spelling
from keyart.errors import InputError
from keyart.utils.allocator import NO_MEMORY, is_out_of_memory, keep_freed_memory
from keyart.utils.files import describe_fault, without_drafts
from keyart.utils.paths import expand_home
from keyart.utils.text import echo, prepare_streams, printable

# Typer contains its own copy of click since 0.2x; its error classes are accessible only through Typer's exports.
UsageError: type[Exception] = typer.BadParameter.__mro__[2]


class Commands(TyperGroup):
    """Command group whose help shows the whole first paragraph of each command; Typer's default list shortens it."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write each command's name and the first paragraph of its help."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        rows = [
            (name, " ".join((command.help or "").partition("\n\n")[0].split()))
            for name, command in found
            if command is not None and not command.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


app = typer.Typer(
    name="keyart",
    cls=Commands,
    help="Find film posters that look and feel alike.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        echo(f"keyart {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Find film posters that look and feel alike."""


# Hydra reads all arguments after `train`, including --help.
_HYDRAS: dict[str, Any] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
for _name, _target in COMMANDS.items():
    _module, _, _function = _target.rpartition(".")
    _command = getattr(import_module(f"keyart.cli.commands.{_module}"), _function)
    app.command(name=_name, context_settings=_HYDRAS if _name == "train" else None)(_command)


def expand_argument(text: str) -> str:
    """Expand ``~`` where a shell does not: in quotes, and after the equals sign of an option.

    Text that is not a path, such as a title, remains unchanged.

    Examples:
        >>> from pathlib import Path
        >>> expand_argument("--out=~/x") == f"--out={Path.home() / 'x'}", expand_argument("~ a film ~")
        (True, '~ a film ~')
    """
    match = re.fullmatch(r"(--[\w-]+=)?(~|~[\w.-]*/.*)", text, re.DOTALL)
    return (match[1] or "") + expand_home(match[2]) if match else text


def main() -> None:
    """Run a command; report invalid input and usage in one line on standard error."""
    if len(sys.argv) == 1:
        sys.argv.append("--help")
    if sys.argv[1] != "train":  # its overrides may begin with ~ without being paths
        sys.argv[1:] = map(expand_argument, sys.argv[1:])
    prepare_streams()
    keep_freed_memory()
    try:
        code = app(standalone_mode=False)
    except InputError as error:
        echo(f"keyart: {error.render(option_spelling(app, sys.argv[1]))}", err=True)
        code = 2
    except UsageError as error:
        reason = error.format_message() if hasattr(error, "format_message") else str(error)
        reason = " ".join(reason.split())
        if reason:
            echo(f"keyart: {reason.rstrip('.')}; see keyart --help", err=True)
        code = 2
    except BrokenPipeError:  # who reads the output has ended, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        code = 1
    except OSError as error:
        echo(f"keyart: {describe_fault(error)}", err=True)
        code = 2
    except UnicodeEncodeError as error:  # FAISS and Parquet name files in UTF-8
        echo(f"keyart: {printable(without_drafts(error.object))}: is not a name in UTF-8; choose another", err=True)
        code = 2
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        echo(f"keyart: {NO_MEMORY}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()

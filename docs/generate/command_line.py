"""The page of the console command, from its Typer application."""

from typing import Any

import typer

from generate.markdown import section, table
from keyart.cli.app import app


def pages() -> dict[str, str]:
    """Return the page ``commands``: each command with its arguments and options."""
    group: Any = typer.main.get_command(app)
    intro = (
        "Each command prints a table for people, or with `--json` one JSON object; progress goes to standard error. The"
        " exit code is 0 only if the command did what it was asked to do, 1 if a check found faults, and 2 for invalid"
        " input, with one line on standard error that names the option, the value and the fix. Where a command takes a"
        " RUN, `outputs/<name>` stands for the latest finished run in it."
    )
    commands = [_command(name, command) for name, command in group.commands.items()]
    return {"commands": section("Commands", intro, level=1) + "".join(commands)}


def _command(name: str, command: Any) -> str:
    if name == "train":
        more = "It takes Hydra's overrides instead of options: see [Configuration keys](configuration.md)."
        return section(f"keyart {name}", "```\nkeyart train [KEY=VALUE]…\n```", command.help, more)
    context = typer.Context(command, info_name=f"keyart {name}")
    usage = " ".join([f"keyart {name}", *command.collect_usage_pieces(context)])
    records = [(one.param_type_name, one.get_help_record(context)) for one in command.get_params(context)]
    tables = (
        table(
            [kind, "what it does"], [(f"`{record[0]}`", record[1]) for its, record in records if its == kind and record]
        )
        for kind in ("argument", "option")
    )
    return section(f"keyart {name}", f"```\n{usage}\n```", command.help, *tables)

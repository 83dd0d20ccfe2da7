"""``train``: a run or a sweep, with every override that Hydra understands."""

import typer


def train(context: typer.Context) -> None:
    """Train a run, or a sweep with -m: the same as python train.py; keyart train --help lists every key."""
    from keyart.cli.hydra_entry import main

    main(context.args)

"""The command ``train``: a run or a sweep, with all overrides of Hydra."""

import typer


def train(context: typer.Context) -> None:
    """Train a run, or a sweep with -m, as python train.py does; keyart train --help lists every key."""
    from keyart.cli.hydra_entry import main

    main(context.args)

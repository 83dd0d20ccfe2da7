"""How long one waits before anything happens: help texts, and the first step of a run.

    python benchmarks/startup.py [--rounds 5] [override …]

Each command is a fresh process, and they take turns. The first head step is that of `python train.py` with features and
everything else in the cache (the demo posters, or what the overrides name): the process is stopped at its end.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile

import measure

FIRST_STEP = """
import os, runpy, sys
from onesheet.embedding.module import EmbeddingModule
ended = EmbeddingModule.on_train_batch_end
def stop(self, *arguments):
    ended(self, *arguments)
    assert self.phase == "head"
    os._exit(0)
EmbeddingModule.on_train_batch_end = stop
runpy.run_path(sys.argv[0], run_name="__main__")
raise SystemExit("no step was taken")
"""
IMPORTS = "import torch, lightning, timm"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("overrides", nargs="*", help="of the run, such as data=posters data.catalogue=…")
    arguments = parser.parse_args()
    python, script = sys.executable, str(measure.ROOT / "train.py")
    with tempfile.TemporaryDirectory() as temporary:
        run = f"import sys; sys.argv = {[script, f'hydra.run.dir={temporary}/run', *arguments.overrides]!r}"
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "onesheet --help": [python, "-c", "from onesheet.cli import main; main()", "--help"],
            "python train.py --help": [python, script, "--help"],
            f"python -c '{IMPORTS}'": [python, "-c", IMPORTS],
            "first head step of python train.py": [python, "-c", run + FIRST_STEP],
        }

        def call(command: list[str]) -> None:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=measure.environment(), cwd=measure.ROOT
            )
            if done.returncode:
                raise SystemExit(f"{command}\n{done.stderr}")

        for command in commands.values():
            call(command)  # fills the caches
        taken = measure.turns({name: lambda c=c: call(c) for name, c in commands.items()}, arguments.rounds)
    goals = {"onesheet --help": 0.5, "python train.py --help": 1.0}
    rows = []
    for name, times in taken.items():
        middle = statistics.median(times)
        goal = measure.told(middle, goals[name], at_most=True) if name in goals else f"{middle:.2f}"
        rows.append([f"`{name}`", goal, f"{min(times):.2f}"])
    first, imports = taken["first head step of python train.py"], taken[f"python -c '{IMPORTS}'"]
    rows.append(
        ["first head step beside the imports", measure.told(measure.ratio(first, imports), 2.0, at_most=True), ""]
    )
    measure.table(f"Start-up: {measure.machine()}", ["", "seconds (median)", "least"], rows)


if __name__ == "__main__":
    main()

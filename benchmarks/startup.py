"""Start-up times: help texts, a search in a run, and the first step of a run.

    python benchmarks/startup.py [--rounds 5] [--search RUN QUERY] [override …]

Each command is a fresh process, and they take turns. Beside the seconds that one waits stand those that processors
worked, which a busy machine stretches less; goals are held against what one waits, and of a search against what
processors worked. The first head step is that of
`python train.py` with features and everything else in the cache (the demo posters, or what the overrides name): the
process is stopped at its end.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import measure

FIRST_STEP = """
import os, runpy, sys
from keyart.training.module import EmbeddingModule
ended = EmbeddingModule.on_train_batch_end
def stop(self, *arguments):
    ended(self, *arguments)
    assert self.phase == "head"
    os._exit(0)
EmbeddingModule.on_train_batch_end = stop
runpy.run_path(sys.argv[0], run_name="__main__")
raise SystemExit("no step was taken")
"""
STAGES = """
import json, runpy, sys, time
import lightning
import keyart.training.train as stages
import keyart.training.artifacts as artifacts
spent, begun = {}, time.process_time()
def timed(module, name):
    call = getattr(module, name)
    def wrapper(*arguments, **named):
        start, inside = time.process_time(), sum(spent.values())
        try:
            return call(*arguments, **named)
        finally:
            spent[name] = time.process_time() - start - (sum(spent.values()) - inside)
    setattr(module, name, wrapper)
for name in ("prepare", "evaluate", "write_results"):
    timed(stages, name)
timed(artifacts, "draw_report")
timed(lightning.Trainer, "fit")
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    spent["other"] = time.process_time() - begun - sum(spent.values())
    print(json.dumps({"imports": begun, **spent}))
"""
IMPORTS = "import torch, lightning, timm"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--search", nargs=2, metavar=("RUN", "QUERY"), help="a run, and an id or a title in its index")
    parser.add_argument("overrides", nargs="*", help="of the run, such as data=posters data.catalogue=…")
    arguments = parser.parse_args()
    python, script = sys.executable, str(measure.ROOT / "train.py")
    with tempfile.TemporaryDirectory() as temporary:

        def training(folder: str) -> str:
            return f"import sys; sys.argv = {[script, f'hydra.run.dir={temporary}/{folder}', *arguments.overrides]!r}"

        commands = {
            "python -c pass": [python, "-c", "pass"],
            "keyart --help": [python, "-c", "from keyart.cli.app import main; main()", "--help"],
            "python train.py --help": [python, script, "--help"],
            f"python -c '{IMPORTS}'": [python, "-c", IMPORTS],
            "first head step of python train.py": [python, "-c", training("begun") + FIRST_STEP],
        }

        if arguments.search is not None:
            search = [python, "-c", "from keyart.cli.app import main; main()", "search", *arguments.search]
            commands["keyart search RUN QUERY"] = search

        def call(command: list[str]) -> tuple[float, float]:
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, env=measure.environment(), cwd=measure.ROOT
            )
            taken, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            if done.returncode:
                raise SystemExit(f"{command}\n{done.stderr}")
            return taken, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

        for command in commands.values():
            call(command)  # fills the caches
        taken: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                taken[name].append(call(command))
        whole = call_stages([python, "-c", training("whole") + STAGES])
    goals = {"keyart --help": 0.5, "python train.py --help": 1.0}  # seconds to wait
    costs = {"keyart search RUN QUERY": 1.5}  # CPU seconds
    rows = []
    for name, times in taken.items():
        waited, worked = (statistics.median(column) for column in zip(*times, strict=True))
        goal = measure.beside_goal(waited, goals[name], at_most=True) if name in goals else ""
        goal = measure.beside_goal(worked, costs[name], at_most=True) if name in costs else goal
        rows.append([f"`{name}`", f"{waited:.2f}", f"{worked:.2f}", goal])
    first, imports = taken["first head step of python train.py"], taken[f"python -c '{IMPORTS}'"]
    ratios = [measure.ratio(*([one[at] for one in times] for times in (first, imports))) for at in (0, 1)]
    goal = measure.beside_goal(ratios[0], 2.0, at_most=True)
    rows.append(["first head step beside the imports", f"{ratios[0]:.2f}", f"{ratios[1]:.2f}", goal])
    measure.table(f"Start-up: {measure.machine()}", ["", "seconds (median)", "CPU seconds (median)", ""], rows)
    total = sum(whole.values())
    labels = {
        "imports": "imports",
        "prepare": "posters, features, frozen results and closed-form parts, from the caches",
        "fit": "training, with its validations",
        "evaluate": "evaluation",
        "write_results": "embedder, index and tables",
        "draw_report": "gallery, pictures and report",
        "other": "configuration and all else",
    }
    rows = [[text, f"{whole[name]:.1f}", f"{whole[name] / total:.0%}"] for name, text in labels.items()]
    measure.table(
        "A whole run of python train.py", ["", "CPU seconds", "share"], [*rows, ["together", f"{total:.1f}", ""]]
    )


def call_stages(command: list[str]) -> dict[str, float]:
    """Return the CPU seconds of each stage of a run, by the name of its function."""
    done = subprocess.run(command, capture_output=True, text=True, env=measure.environment(), cwd=measure.ROOT)
    if done.returncode:
        raise SystemExit(f"{command}\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    main()

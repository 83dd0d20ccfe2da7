"""A process that runs one job of a sweep after another; it never outlives its parent."""

import os
import pickle
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra.core.utils import JobReturn

    from keyart.launch.sweep.worker_pool import JobContext


def watch(parent: int) -> None:
    """Kill this process and its children as soon as its parent is gone."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os.killpg(0, signal.SIGKILL)


def run_one(context: "JobContext", number: int, overrides: list[str]) -> "JobReturn":
    """Train one job as Hydra's own launchers do."""
    from hydra import compose, initialize_config_dir
    from hydra._internal.callbacks import Callbacks
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.utils import run_job
    from hydra.types import HydraContext

    from keyart.launch.run_job import train_in_hydra_folder

    given = [*context.overrides, *overrides, f"++hydra.job.num={number}", f"++hydra.job.id={number}"]
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(context.config_folder), version_base="1.3", job_name="train"):
        config = compose(context.config_name, overrides=given, return_hydra_config=True)
        return run_job(
            hydra_context=HydraContext(
                config_loader=GlobalHydra.instance().config_loader(), callbacks=Callbacks(config)
            ),
            task_function=train_in_hydra_folder,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )


def main() -> None:
    """Run jobs from the connection until it closes."""
    descriptor, parent = int(sys.argv[1]), int(sys.argv[2])
    threading.Thread(target=watch, args=(parent,), daemon=True).start()
    connection = Connection(descriptor)
    context = pickle.loads(connection.recv_bytes())
    while True:
        try:
            number, overrides = connection.recv()
        except (EOFError, OSError):
            return
        connection.send_bytes(pickle.dumps(run_one(context, number, overrides)))


if __name__ == "__main__":
    main()

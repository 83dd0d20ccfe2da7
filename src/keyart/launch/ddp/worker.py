"""One of several processes of a training: ``python -m keyart.launch.ddp.worker JOB``, started by `run_processes`."""

import logging
import logging.config
import math
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from keyart.errors import InputError
from keyart.launch.ddp.outcome import Outcome
from keyart.utils.allocator import keep_freed_memory
from keyart.utils.imports import no_collections

log = logging.getLogger(__name__)


def end_with_parent() -> None:
    """Exit as soon as the launcher is gone, even in the middle of a step."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def work(job: dict[str, Any]) -> Outcome:
    """Train as one of the processes, and return the outcome."""
    with no_collections():
        from omegaconf import OmegaConf

        from keyart.training.early_ends import TrainingInterrupted, TrialPruned
        from keyart.training.interruption import StopOnSignal
        from keyart.training.train import train

    stop = StopOnSignal(job["folder"] / "checkpoints" / "last.ckpt")
    try:
        with stop.listening():
            value = train(OmegaConf.create(job["config"]), job["folder"], job["checkpoint"], stop, job["reporter"])
        return Outcome("finished", time.time(), value=None if math.isnan(value) else value)
    except TrialPruned as pruned:
        return Outcome("pruned", time.time(), value=pruned.value, steps=pruned.epoch)
    except TrainingInterrupted as cut:
        return Outcome("cut", time.time(), signal=int(cut.signal), steps=cut.steps)
    except InputError as error:
        given = None if error.value is None else str(error.value)
        return Outcome("refused", time.time(), text=error.text, parameter=error.parameter, given=given)
    except (KeyboardInterrupt, SystemExit):
        return Outcome("failed", time.time(), text="was interrupted")
    except Exception as error:
        reason = "".join(traceback.format_exception(error)).rstrip()
        return Outcome("failed", time.time(), text=f"failed with {type(error).__name__}: {error}\n\n{reason}")


def main(path: Path) -> None:
    """Read the job file, train, write the outcome, and exit without waiting for other processes."""
    end_with_parent()
    keep_freed_memory()
    # Until the handlers are installed, Ctrl-C ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    job = pickle.loads(path.read_bytes())
    rank = os.environ["RANK"]
    if job["logs"] is not None:
        logging.config.dictConfig(job["logs"])
        for library in ("lightning", "lightning.pytorch", "lightning.fabric"):
            # Lightning adds its own handlers if logging is not configured before its import.
            logging.getLogger(library).handlers.clear()
    if rank != "0":
        logging.getLogger().setLevel(logging.ERROR)
    outcome = work(job)
    outcome.write(path.with_name(f"{rank}.json"))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # A normal exit would wait for the process group, whose other members may be gone.
    os._exit(0 if outcome.kind == "finished" else 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

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
    """End this process at once when the one that started it has gone, whatever it is doing."""

    def wait() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def work(job: dict[str, Any]) -> Outcome:
    """Train as this process's part, and tell how it ended."""
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
    """Read the job, do this process's part, and leave without waiting for others."""
    end_with_parent()
    keep_freed_memory()
    # Until it listens, Ctrl-C ends it without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    job = pickle.loads(path.read_bytes())
    rank = os.environ["RANK"]
    if job["logs"] is not None:
        logging.config.dictConfig(job["logs"])
        for library in ("lightning", "lightning.pytorch", "lightning.fabric"):
            # Lightning adds handlers of its own where nobody has configured logging before it is imported.
            logging.getLogger(library).handlers.clear()
    if rank != "0":
        logging.getLogger().setLevel(logging.ERROR)
    outcome = work(job)
    outcome.write(path.with_name(f"{rank}.json"))
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    # What is left of a process group whose other members have gone may not hold this one back.
    os._exit(0 if outcome.kind == "finished" else 1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

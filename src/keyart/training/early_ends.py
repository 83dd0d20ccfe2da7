"""Exceptions of runs that end early, and the signals that stop a run; imports neither torch nor Lightning.

A process that only starts others and waits for them begins, and is stopped, seconds earlier without those imports.
"""

import os
import signal


class TrainingInterrupted(BaseException):
    """Exception of a training run that a signal stopped.

    Like ``KeyboardInterrupt`` it is not an ``Exception``, so that no ``except Exception`` continues after it.

    Args:
        signum: The signal that stopped the run.
        steps: Number of steps that this process trained and that ``last.ckpt`` contains.
    """

    def __init__(self, signum: int, steps: int = 0) -> None:
        super().__init__(signum, steps)
        self.signal, self.steps = signal.Signals(signum), steps

    @property
    def exit_code(self) -> int:
        """The exit code that a shell reports for a process that the signal ends: 128 plus the signal's number."""
        return 128 + int(self.signal)


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return the signals that stop a run, without those that the process ignores.

    These are SIGINT (Ctrl-C) and SIGTERM, and in a SLURM job also the two signals that announce its time limit.
    """
    of_slurm = (signal.SIGUSR1, signal.SIGUSR2) if "SLURM_JOB_ID" in os.environ else ()
    found = (signal.SIGINT, signal.SIGTERM, *of_slurm)
    # A shell starts background jobs with SIGINT ignored.
    return tuple(number for number in found if signal.getsignal(number) is not signal.SIG_IGN)


class TrialPruned(Exception):
    """Exception of a run that the pruner of its search stopped, by comparison with the other trials.

    Args:
        epoch: The number of epochs after which it was stopped.
        value: The monitor at that validation.
    """

    def __init__(self, epoch: int, value: float) -> None:
        super().__init__(epoch, value)
        self.epoch, self.value = epoch, value

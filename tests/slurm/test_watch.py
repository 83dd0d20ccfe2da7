"""Waiting for jobs: their results count; for jobs without a result, the queue decides."""

import pickle
from dataclasses import dataclass
from pathlib import Path

from keyart.launch.slurm.watch import SlurmJobFailed, queue_states, wait_for_jobs


@dataclass
class TaskPaths:
    result_pickle: Path
    stderr: Path


class FakeJob:
    """A job of one or more tasks whose results the test writes."""

    def __init__(self, folder, job_id, tasks=1):
        self.folder, self.job_id, self.num_tasks = folder, job_id, tasks
        self.paths = TaskPaths(folder / f"{job_id}_0.pkl", folder / f"{job_id}_0.err")

    def task(self, number):
        task = FakeJob(self.folder, self.job_id)
        task.paths = TaskPaths(self.folder / f"{self.job_id}_{number}.pkl", self.folder / f"{self.job_id}_{number}.err")
        return task

    def write(self, *result, task=0):
        self.task(task).paths.result_pickle.write_bytes(pickle.dumps(result))


class Time:
    """Fake clock that waiting advances; scheduled events happen at their time."""

    def __init__(self, **events):
        self.now, self.events = 0.0, sorted((int(at[1:]), do) for at, do in events.items())

    def clock(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        while self.events and self.events[0][0] <= self.now:
            self.events.pop(0)[1]()
        assert self.now < 1000, "waits for ever"


def wait(jobs, states, time):
    return wait_for_jobs(jobs, states_of=lambda name: states, clock=time.clock, sleep=time.sleep)


def test_results_come_in_the_jobs_order_whatever_the_queue_says(tmp_path):
    jobs = [FakeJob(tmp_path, "7_0"), FakeJob(tmp_path, "7_1")]
    time = Time(t5=lambda: jobs[1].write("success", "b"), t9=lambda: jobs[0].write("success", "a"))
    assert wait(jobs, {"7_0": "RUNNING", "7_1": "RUNNING"}, time) == ["a", "b"]
    assert time.now == 9


def test_a_job_that_died_is_reported_with_slurms_state_and_the_others_are_waited_for(tmp_path):
    jobs = [FakeJob(tmp_path, "7_0"), FakeJob(tmp_path, "7_1")]
    time = Time(t60=lambda: jobs[1].write("success", "b"))
    died, other = wait(jobs, {"7_0": "FAILED (NonZeroExitCode)", "7_1": "RUNNING"}, time)
    assert isinstance(died, SlurmJobFailed)
    assert str(died).startswith("died without a result: SLURM reports job 7_0 as FAILED (NonZeroExitCode)")
    assert str(tmp_path / "7_0_0.err") in str(died)
    assert other == "b"


def test_a_job_that_slurm_has_forgotten_died(tmp_path):
    [died] = wait([FakeJob(tmp_path, "7")], {}, Time())
    assert "no longer known" in str(died)


def test_a_requeued_job_is_waited_for_also_when_it_seemed_to_have_ended(tmp_path):
    job, states = FakeJob(tmp_path, "7"), {"7": "PREEMPTED"}
    time = Time(
        t6=lambda: states.update({"7": "PENDING (BeginTime)"}),
        t100=lambda: states.update({"7": "RUNNING"}),
        t150=lambda: states.update({"7": "COMPLETED"}),
        t155=lambda: job.write("success", 1.0),
    )
    assert wait([job], states, time) == [1.0]


def test_a_failure_is_one_line_and_bad_input_its_own(tmp_path):
    trace = 'Traceback (most recent call last):\n  File "x"\nkeyart.errors.InputError: seed=x: no\n'
    job = FakeJob(tmp_path, "7")
    job.write("error", trace)
    [failed] = wait([job], {}, Time())
    assert str(failed) == f"failed: seed=x: no (log: {tmp_path / '7_0.err'})"


def test_any_tasks_failure_is_the_jobs(tmp_path):
    job = FakeJob(tmp_path, "7", tasks=2)
    job.write("error", "RuntimeError: in the other", task=1)
    [failed] = wait([job], {"7": "RUNNING"}, Time())
    assert "in the other" in str(failed)


def test_all_tasks_are_waited_for_and_the_first_ones_result_counts(tmp_path):
    job = FakeJob(tmp_path, "7", tasks=2)
    job.write("success", "first")
    time = Time(t20=lambda: job.write("success", "second", task=1))
    assert wait([job], {"7": "RUNNING"}, time) == ["first"]
    assert time.now == 20


def test_a_silent_slurm_is_asked_again(tmp_path, caplog):
    job, asked = FakeJob(tmp_path, "7"), []

    def states(name):
        asked.append(name)
        raise OSError("Unable to contact slurm controller")

    time = Time(t40=lambda: job.write("success", 0))
    assert wait_for_jobs([job], states_of=states, clock=time.clock, sleep=time.sleep) == [0]
    assert len(asked) > 2
    assert "Unable to contact slurm controller" in caplog.text


def test_a_wait_that_does_not_end_by_itself_is_reported_once(tmp_path, caplog):
    job = FakeJob(tmp_path, "7")
    wait([job], {"7": "PENDING (PartitionTimeLimit)"}, Time(t90=lambda: job.write("success", 0)))
    assert caplog.text.count("SLURM says PartitionTimeLimit") == 1


def test_the_queue_is_read_as_squeue_prints_it(tmp_path, monkeypatch):
    fake = tmp_path / "squeue"
    fake.write_text("#!/bin/sh\necho '12_0|RUNNING|None'\necho '12_1|PENDING|Resources'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert queue_states("12") == {"12_0": "RUNNING", "12_1": "PENDING (Resources)"}
    fake.write_text("#!/bin/sh\necho 'slurm_load_jobs error: Invalid job id specified' >&2\nexit 1\n")
    assert queue_states("12") == {}

"""Python processes for tests, forked from one that has imported what trains: importing takes ten seconds of a core.

Within `forking`, ``subprocess.Popen`` gets one of `PROGRAMS` as a fork of a process that has imported everything and
computed nothing. It is a child of the process that asked for it; its id, signals and exit code, and its command line
and environment in /proc, are as they would be otherwise. What it starts in turn is forked likewise. All other commands
start as ever, and so do those whose environment differs in a variable that an import may read.
"""

import base64
import ctypes
import fcntl
import gc
import inspect
import json
import os
import pickle
import runpy
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PROGRAMS = (str(ROOT / "train.py"), "keyart.launch.ddp.worker", "keyart.launch.sweep.worker", "tests.forked")
READ_LATER = {
    *("KEYART_CACHE", "KEYART_PROCESS", "KEYART_TEST", "HYDRA_FULL_ERROR", "PYTEST_CURRENT_TEST", "SLURM_CONF"),
    *("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "NODE_RANK", "RANK", "LOCAL_RANK", "GLOO_SOCKET_IFNAME"),
    *("PL_GLOBAL_SEED", "PL_SEED_WORKERS"),
    # Forks heed these.
    *("PYTHONPATH", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"),
}
"""Variables that may differ."""
_PADDING = "KEYART_TEST_PADDING"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, from linux/prctl.h
_ABOVE = 512  # descriptors that no program gets by its number
_STREAMS = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")
_start_cold = subprocess.Popen._execute_child  # type: ignore[attr-defined]
_parameters = inspect.signature(_start_cold)


@contextmanager
def forking() -> Iterator[None]:
    """Fork programs that are started within."""
    before = subprocess.Popen._execute_child  # type: ignore[attr-defined]
    subprocess.Popen._execute_child = _start  # type: ignore[attr-defined]
    try:
        yield
    finally:
        subprocess.Popen._execute_child = before  # type: ignore[attr-defined]


def heed_ctrl_c() -> None:
    """Let a process that is not forked heed Ctrl-C too (``preexec_fn``): tests in the background of a shell do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_one(work: Callable[..., None], *arguments: object) -> tuple[int, str]:
    """Call ``work(*arguments)`` in a process of its own: its exit code and standard error."""
    process = _call(work, *arguments)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


def run_two(work: Callable[..., None], *arguments: object) -> None:
    """Call ``work(rank, *arguments)`` in two processes, neither of which may fail."""
    both = [_call(work, rank, *arguments) for rank in range(2)]
    try:
        for process in both:
            _, err = process.communicate(timeout=120)
            assert process.returncode == 0, err
    finally:
        for process in both:
            process.kill()
            process.communicate()


def _call(work: Callable[..., None], *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.forked", base64.b64encode(pickle.dumps((work, arguments))).decode()]
    with forking():
        return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


class _Server:
    """The process to fork from, as the one that asks sees it."""

    process: "subprocess.Popen[bytes] | None" = None
    connection: socket.socket | None = None
    environment: Mapping[str, str] = {}


def _start(process: "subprocess.Popen[Any]", *given: Any, **named: Any) -> None:
    """Start a command, in place of ``Popen._execute_child``."""
    asked = _parameters.bind(process, *given, **named).arguments
    if (request := _request(asked)) is None:
        _start_cold(process, *given, **named)
        return
    streams = [own if asked[name] == -1 else asked[name] for own, name in enumerate(_STREAMS[i] for i in (0, 3, 5))]
    process.pid = _ask(json.dumps(request).encode(), [*streams, *asked["pass_fds"]])
    process._child_created = True  # type: ignore[attr-defined]
    process._close_pipe_fds(*(asked[name] for name in _STREAMS))  # type: ignore[attr-defined]


def _request(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what to ask the server for; None for a command that starts cold."""
    unknown = {"shell": False, "close_fds": True, "umask": -1, "process_group": -1}
    unknown |= dict.fromkeys(("executable", "gid", "gids", "uid"))
    command = list(map(os.fspath, asked["args"]))
    if command[0] != sys.executable or _parse(command)[2] not in PROGRAMS or sys.platform != "linux":
        return None
    if any(asked[name] != value for name, value in unknown.items()) or asked["preexec_fn"] not in (None, heed_ctrl_c):
        return None
    environment = dict(os.environ if asked["env"] is None else asked["env"])
    known = _Server.environment or os.environ
    differing = {name for name in {*environment, *known} if environment.get(name) != known.get(name)}
    if differing - READ_LATER or {*_paths(environment)} - {str(ROOT), str(ROOT / "src"), *_paths(known)}:
        return None
    os.umask(umask := os.umask(0))
    request = {name: asked[name] for name in ("start_new_session", "pass_fds")}
    folder = str(Path.cwd() / (asked["cwd"] or ""))
    return request | {"command": command, "environment": environment, "folder": folder, "umask": umask}


def _parse(command: list[str]) -> tuple[bool, bool, str, list[str]]:
    """Return whether Python was given -P, whether -m, the program, and its arguments."""
    safe = command[1:2] == ["-P"]
    is_module = command[1 + safe :][:1] == ["-m"]
    program, *arguments = command[1 + safe + is_module :] or [""]
    return safe, is_module, program, arguments


def _paths(environment: Mapping[str, str]) -> list[str]:
    return list(filter(None, environment.get("PYTHONPATH", "").split(os.pathsep)))


def _ask(request: bytes, descriptors: list[int]) -> int:
    """Ask the server for a process, and return its id."""
    if _Server.connection is None:
        _Server.connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _Server.environment = dict(os.environ)
        code = f"from tests.forked import _serve; _serve({theirs.fileno()})"
        # Its command line and environment have room for those of its forks, and its streams are pipes, as theirs are.
        _Server.process = subprocess.Popen(
            [sys.executable, "-c", code, " " * 8192],
            cwd=ROOT,
            env={**os.environ, _PADDING: " " * 32768},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[theirs.fileno()],
        )
        theirs.close()
    adopt = ctypes.CDLL(None).prctl
    adopt(_SUBREAPER, 1, 0, 0, 0)  # the process that forks it ends at once, and leaves it to this one
    try:
        answer, ready = os.pipe()
        socket.send_fds(_Server.connection, [request], [ready, *descriptors])
        os.close(ready)
        with os.fdopen(answer) as file:
            number = file.read()
    finally:
        adopt(_SUBREAPER, 0, 0, 0, 0)
    if not number:
        output = _Server.process.stdout if _Server.process else None
        said = os.set_blocking(output.fileno(), False) or output.read() if output else None
        raise RuntimeError(f"nothing was forked: {(said or b'').decode()}")
    return int(number)


def _serve(descriptor: int) -> None:
    """Import, and fork for each request from a socket; return in forks, when they have run."""
    about = {name: value for name, value in os.environ.items() if name != _PADDING}
    os.environ.clear()
    os.environ.update(about)  # a copy: `_show` writes over what this process was given
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import timm  # noqa: F401

    import keyart.cli.hydra_entry
    import keyart.launch.run_job
    import keyart.training.train  # noqa: F401

    gc.collect()
    gc.freeze()
    server = _above(socket.socket(fileno=descriptor))
    _Server.environment = dict(os.environ)
    set_by_imports = {name: value for name, value in os.environ.items() if name not in about}
    tail = sys.path[1 + len(_paths(about)) :]
    while True:
        request, descriptors = _fork(server)
        if request["start_new_session"]:
            os.setsid()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        _Server.connection, server = _above(ours), _above(theirs)
        if os.fork():
            break
        # As untouched as it is now, it serves the other.
        _Server.connection.close()
        for one in descriptors:
            os.close(one)
        _show(["python", "forks"], {})
    server.close()
    request["environment"] = set_by_imports | request["environment"]
    with forking():
        _run(request, descriptors, tail)


def _fork(server: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """Fork for each request; return, in forks alone, the request and the descriptors that came along."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(server, 1 << 20, 64)
        if not message:
            os._exit(0)  # nobody is left to ask
        begin, adopted = os.pipe()
        if (between := os.fork()) == 0:
            if os.fork():
                os._exit(0)
            os.close(adopted)
            os.read(begin, 1)
            os.close(begin)
            server.close()
            return json.loads(message), descriptors
        os.waitpid(between, 0)
        for one in (begin, adopted, *descriptors):
            os.close(one)


def _run(request: Mapping[str, Any], descriptors: list[int], tail: list[str]) -> None:
    """Become what was asked for, say so, and run it."""
    command, environment = request["command"], request["environment"]
    safe, is_module, program, arguments = _parse(command)
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ.clear()
    os.environ.update(environment)
    _show(command, environment)
    ready, *given = (fcntl.fcntl(one, fcntl.F_DUPFD_CLOEXEC, _ABOVE) for one in descriptors)
    for one in descriptors:
        os.close(one)
    for one, number in zip(given, (0, 1, 2, *request["pass_fds"]), strict=True):
        os.dup2(one, number)
        os.close(one)
    os.chdir(request["folder"])
    os.umask(request["umask"])
    if (threads := environment.get("OMP_NUM_THREADS")) != before:
        import threadpoolctl

        threadpoolctl.threadpool_limits(int(threads or len(os.sched_getaffinity(0))))
    first = [] if safe else [request["folder"] if is_module else str(Path(program).parent)]
    sys.path[:] = [*first, *_paths(environment), *tail]
    sys.orig_argv[:], sys.argv[:] = command, [program, *arguments]
    os.write(ready, str(os.getpid()).encode())
    os.close(ready)
    if is_module:
        sys.modules.pop(program, None)
        runpy.run_module(program, run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(program, run_name="__main__")


def _above(connection: socket.socket) -> socket.socket:
    with connection:
        return socket.socket(fileno=fcntl.fcntl(connection, fcntl.F_DUPFD_CLOEXEC, _ABOVE))


def _show(command: list[str], environment: Mapping[str, str]) -> None:
    """Let /proc show this command line and environment."""
    bounds = list(map(int, Path("/proc/self/stat").read_text().rpartition(")")[2].split()[45:49]))
    variables = [f"{name}={value}" for name, value in environment.items()]
    for (start, end), parts in zip((bounds[:2], bounds[2:]), (command, variables), strict=True):
        text = b"".join(os.fsencode(part) + b"\0" for part in parts)[: end - start]
        ctypes.memmove(start, text.ljust(end - start, b"\0"), end - start)


if __name__ == "__main__":
    _work, _arguments = pickle.loads(base64.b64decode(sys.argv[1]))
    _work(*_arguments)

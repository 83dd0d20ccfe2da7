"""One Python process for the snippets of several tests: importing torch takes longer than most of them."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

LOOP = """
import contextlib, io, json, sys, traceback
for line in sys.stdin:
    shown, failed = io.StringIO(), ""
    try:
        with contextlib.redirect_stdout(shown):
            exec(json.loads(line), {})
    except BaseException:
        failed = traceback.format_exc()
    print(json.dumps([shown.getvalue(), failed]), flush=True)
"""


@contextmanager
def python(before: str = "", environment: Mapping[str, str] | None = None) -> Iterator[Callable[[str], str]]:
    """Start a process that runs ``before``; yield a function that runs code in it and returns what the code prints."""
    command = [sys.executable, "-W", "ignore", "-c", before + LOOP]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, env=environment, text=True) as process:

        def run(code: str) -> str:
            assert process.stdin is not None
            assert process.stdout is not None
            print(json.dumps(code), file=process.stdin, flush=True)
            shown, failed = json.loads(process.stdout.readline())
            assert not failed, failed
            return str(shown)

        yield run

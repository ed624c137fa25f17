"""A process that has imported what commands of assay need, and forks one process per command: `fork_server.py SOCKET MODULE...`,
where "module:function" is called.

Starting Python and importing takes longer than most commands do. A client sends three handles and a line of JSON, and is sent
two lines: the command's process, and its exit code once it has ended.
"""

import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import Any


def serve(place: str, modules: list[str]) -> None:
    """Import modules, and fork until whoever started this process has ended."""
    before = dict(os.environ)
    gc.disable()
    for name in modules:
        with suppress(ImportError):  # an extra that is not installed
            pkgutil.resolve_name(name)() if ":" in name else importlib.import_module(name)
    sys.modules["pyarrow"].array([1])  # which imports pandas
    gc.enable()
    defaults = {name: value for name, value in os.environ.items() if name not in before}  # what the imports have set
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(place)
    listener.listen(64)
    os.write(1, b"\n")  # ready
    while 0 not in select.select([listener, 0], [], [])[0]:
        channel = listener.accept()[0]
        if os.fork() == 0:
            listener.close()
            return answer(channel, defaults)
        channel.close()
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    sys.exit()


def answer(channel: socket.socket, defaults: dict[str, str]) -> None:
    """Fork once more: the child returns as the command, and this process tells how it ends."""
    _, handles, _, _ = socket.recv_fds(channel, 1, 3)
    call = json.loads(channel.makefile().readline())
    if not (child := os.fork()):
        channel.close()
        return become(call, handles, defaults)
    for handle in handles:
        os.close(handle)
    with suppress(BrokenPipeError, ConnectionResetError):  # a test that has ended waits for nothing
        channel.sendall(b"%d\n" % child)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        channel.sendall(b"%d\n" % code)
    os._exit(0)


def become(call: dict[str, Any], handles: list[int], defaults: dict[str, str]) -> None:
    """Take on a command's handles, process group, folder, environment and arguments."""
    for number, handle in enumerate(handles):
        os.dup2(handle, number)
        os.close(handle)
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(call["folder"])
    os.environ.clear()
    os.environ.update({**defaults, **call["environment"]})
    if (threads := os.environ.get("OMP_NUM_THREADS")) and (torch := sys.modules.get("torch")):
        torch.set_num_threads(int(threads))
    sys.argv[:], sys.path[0] = ["assay", *call["arguments"]], call["folder"]


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
    runpy.run_module("assay", run_name="__main__", alter_sys=True)

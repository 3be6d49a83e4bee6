"""Tools for worker processes: hostile ones, and a few innocent ones."""

# Hostile tools are written as their authors would.
# ruff: noqa: TID251, T201, PTH118, PTH123, PTH208, ASYNC230, ASYNC251, B008, RSE102

import asyncio
import ctypes
import datetime as dt
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

import anyio
from pydantic import BaseModel, SecretStr

from everycall import File, Image, Text, ToolContext, ToolError, TransientToolError

FOREVER = 600.0


class Point(BaseModel):
    x: int
    on: dt.date


class Evil:
    def __reduce__(self):
        return os._exit, (66,)


class NotFound(ToolError):
    pass


class Lying(ToolError):
    def __init__(self):
        Exception.__init__(self, "x")

    @property
    def effect(self):
        raise SystemExit

    @property
    def message(self):
        raise SystemExit


class Flaky(Exception):
    pass


class BadError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one}{two}")


# --- innocent ---


def add(x: int, y: int = 1) -> int:
    return x + y


def who() -> int:
    return os.getpid()


def moved(point: Point, key: SecretStr = SecretStr("none")) -> dict:
    return {"x": point.x + 1, "on": point.on + dt.timedelta(days=1), "key": key.get_secret_value()}


async def waited(x: int) -> str:
    await anyio.sleep(0.01)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return f"{x} on trio"
    return f"{x} on asyncio"


async def counts(n: int):
    for number in range(n):
        yield number


def with_context(ctx: ToolContext) -> dict:
    ctx.report_progress(1, total=2, message="half")
    return {
        "call_id": ctx.call_id,
        "tool_name": ctx.tool_name,
        "attempt": ctx.attempt,
        "key": ctx.idempotency_key,
        "left": ctx.remaining(),
        "cancelled": ctx.cancelled,
    }


def wants_deps(ctx: ToolContext) -> str:
    return str(ctx.deps)


def data_tool(**arguments) -> dict:
    return arguments


class Tools:
    @staticmethod
    def still(x: int) -> int:
        return x


VALUES = {
    "text": "grüße \u2028 \x00 \U0001f600",
    "none": None,
    "nested": {"a": [1, 2.5, True, None, {"b": "c"}], "big": 2**70},
    "empty text": "",
    "empty list": [],
    "part": Image(data=b"\x89PNG\x00\xff", media_type="image/png"),
    "parts": (Text("a"), File(data=b"x", media_type="text/plain", name="n.txt"), Image(url="https://a.b/c.png")),
    "nan": [float("nan")],
    "date": dt.date(2026, 1, 2),
}


def value(name: str):
    return VALUES[name]


# --- raising ---


def raises(what: str):
    raise {
        "ValueError": lambda: ValueError("no such \x1b[31mthing"),
        "ToolError": lambda: NotFound("There is no such file.", effect="none"),
        "SystemExit": lambda: SystemExit(4),
        "KeyboardInterrupt": KeyboardInterrupt,
        "GeneratorExit": GeneratorExit,
        "cannot be rebuilt": lambda: BadError(1, 2),
        "group": lambda: ExceptionGroup("g", [ValueError("leaf")]),
        "long": lambda: ValueError("x" * 10_000_000),
        "endless wait": lambda: TransientToolError("later", retry_after=float("inf")),
        "lying": Lying,
    }[what]()


def tells(secret: str, kind: str) -> str:
    """Says *secret* on its way out, by the way of *kind*."""
    if kind == "value":
        return f"the token is {secret}"
    if kind == "on purpose":
        raise ToolError(f"the token {secret} was refused")
    print(secret, flush=True)
    if kind == "dies":
        os._exit(3)
    raise RuntimeError(f"no access with {secret}")


def flaky(folder: str, kind: str) -> int:
    """Fails in the first attempt, by the way of *kind*."""
    marks = os.listdir(folder)
    with open(os.path.join(folder, str(len(marks))), "w"):
        pass
    if marks:
        return len(marks) + 1
    if kind == "transient":
        raise TransientToolError("later", retry_after=0.01)
    if kind == "named":
        raise Flaky("x")
    if kind == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "hangs":
        time.sleep(FOREVER)
    raise ConnectionResetError("gone")


# --- dying ---


def segfault() -> None:
    print("about to die")
    ctypes.string_at(0)


def leaves() -> None:
    os._exit(3)


def ends_well() -> None:
    os._exit(0)


def kills_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def aborts() -> None:
    os.abort()


def overflows_the_stack() -> None:
    sys.setrecursionlimit(10**9)
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    callback = kind(lambda n: callback(n + 1))
    callback(0)
    raise RecursionError("Python 3.12 and later stop it in time, and say so on standard error alone")


def takes_memory(size: int) -> int:
    return len(bytearray(size))


def burns_cpu() -> None:
    while True:
        pass


# --- not stopping ---


def sleeps() -> None:
    time.sleep(FOREVER)


def hogs_the_gil() -> None:
    re.match(r"(a+)+$", "a" * 64 + "b")


async def blocks_its_loop() -> None:
    time.sleep(FOREVER)


async def swallows_its_cancellation() -> None:
    while True:
        try:
            await anyio.sleep(FOREVER)
        except BaseException:
            pass


async def is_cancelled(path: str) -> None:
    try:
        await anyio.sleep(FOREVER)
    finally:
        with open(path, "w") as file:
            file.write("cleaned up")


def looks_whether_it_is_wanted(ctx: ToolContext) -> str:
    end = time.monotonic() + 60
    while not ctx.cancelled and time.monotonic() < end:
        threading.Event().wait(0.005)
    return "stopped by itself"


def ignores_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    time.sleep(FOREVER)


def stops_itself() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def has_children(path: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"])
    with open(path, "w") as file:
        file.write(f"{os.getpid()} {child.pid}\n")
    time.sleep(FOREVER)


def hangs_and_says_so(path: str) -> None:
    with open(path, "w") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(FOREVER)


# --- meddling with the channel and the process ---


def forks() -> str:
    child = os.fork()
    if child == 0:
        return "I am the child, and I go on as if I were the parent"
    _, status = os.waitpid(child, 0)
    return f"child ended with {os.waitstatus_to_exitcode(status)}"


def forks_a_survivor() -> str:
    if os.fork() == 0:
        time.sleep(FOREVER)
    return "parent"


def forks_without_hooks_and_dies() -> None:
    if ctypes.CDLL(None).fork() == 0:
        time.sleep(FOREVER)
    os._exit(5)


def closes_every_descriptor() -> str:
    os.closerange(0, 4096)
    return "nobody hears this"


def closes_every_descriptor_and_stays() -> None:
    os.closerange(0, 4096)
    time.sleep(FOREVER)


_reused = []


def reuses_the_descriptors(path: str) -> str:
    os.closerange(0, 4096)
    for _ in range(32):
        os.open(path, os.O_RDWR | os.O_CREAT) if path else _reused.extend(socket.socketpair())
    return "nobody hears this"


def _channel() -> socket.socket:
    for number in range(3, 256):
        try:
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return socket.socket(fileno=os.dup(number))
        except OSError:
            continue
    raise LookupError


def shuts_the_channel() -> None:
    _channel().shutdown(socket.SHUT_RDWR)
    time.sleep(FOREVER)


def writes_to_the_channel(data: str) -> None:
    _channel().sendall(bytes.fromhex(data))
    time.sleep(FOREVER)


def forges(text: str) -> None:
    frame = text.encode()
    _channel().sendall(len(frame).to_bytes(4, "big") + frame)
    time.sleep(FOREVER)


def forges_and_returns(text: str) -> str:
    frame = text.encode()
    _channel().sendall(len(frame).to_bytes(4, "big") + frame)
    return "the truth"


def prints_and_dies(size: int) -> None:
    os.write(1, b"x" * size)
    os.system("echo from a child")
    print("the last \x1b[31mwords", file=sys.stderr)
    os._exit(9)


def prints(size: int) -> str:
    print("x" * size)
    os.write(1, b"to the descriptor\n")
    os.system("echo from a child")
    return "quiet"


def reads_stdin() -> str:
    return sys.stdin.read()


def floods_with_progress(ctx: ToolContext, n: int) -> str:
    for number in range(n):
        ctx.report_progress(number, message="x" * 5000)
    return "done"


def unpicklable() -> object:
    return lambda: 1


def evil() -> object:
    return Evil()


def huge(size: int) -> str:
    return "x" * size


def leaves_a_thread(ctx: ToolContext) -> str:
    def goes_on():
        for number in range(200):
            try:
                ctx.report_progress(number)
            except BaseException:
                return
            time.sleep(0.005)

    threading.Thread(target=goes_on, daemon=True).start()
    return "left one"


_marks = []


def remembers() -> int:
    _marks.append(1)
    return len(_marks)


_hoard = []


def hoards(size: int) -> int:
    _hoard.append(bytearray(size))
    return os.getpid()


def burns(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def naps(seconds: float) -> None:
    threading.Event().wait(seconds)


def hogs_the_gil_and_says_so(path: str) -> None:
    with open(path, "w") as file:
        file.write(f"{os.getpid()}\n")
    hogs_the_gil()

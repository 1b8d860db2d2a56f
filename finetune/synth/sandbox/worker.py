"""The drawing process: runs checked plotting code, one drawing after another, and sends pictures back.

Started as a script with `python -I`, with an environment of three variables, in an empty folder that it cannot write
to. It talks over its standard input and output: a length, then JSON; a picture follows its reply. After
matplotlib is loaded it gives up memory, files and system calls; each order gives up processor time.
"""

from __future__ import annotations

import io
import json
import os
import resource
import runpy
import signal
import struct
import sys
from pathlib import Path
from typing import IO, Any

_HEADER = struct.Struct(">I")
_OPEN_FILES = 64
_GUARD = 3.0
_BUILTINS = (
    "range len enumerate zip sum max min round sorted reversed abs int float str list dict tuple".split()
)


def _read(stream: IO[bytes]) -> dict[str, Any] | None:
    header = stream.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    body: dict[str, Any] = json.loads(stream.read(_HEADER.unpack(header)[0]))
    return body


def _write(stream: IO[bytes], value: dict[str, Any], picture: bytes = b"") -> None:
    body = json.dumps({**value, "size": len(picture)}).encode()
    stream.write(_HEADER.pack(len(body)) + body + picture)
    stream.flush()


def _give_up_limits(memory: int) -> None:
    for limit, value in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(limit, (value, value))


def _limit_cpu(seconds: float) -> None:
    # A timer from now on, not RLIMIT_CPU: its clock counts whole ticks, runs ahead of what getrusage says on a
    # busy machine, and so ended honest processes after some twenty seconds of drawing.
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _boxes(figure: Any) -> list[list[float]]:
    """Return the boxes of bars and slices in pixels, in the order in which they were drawn."""
    height = figure.bbox.height
    found = []
    for axes in figure.axes:
        for patch in axes.patches:
            box = patch.get_window_extent()
            found.append([box.x0, height - box.y1, box.x1, height - box.y0])
    return [[round(value, 1) for value in box] for box in found]


def _draw(plt: Any, np: Any, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    allowed = {name: __builtins__.__dict__[name] for name in _BUILTINS}
    plt.close("all")
    exec(compile(order["code"], "chart", "exec"), {"__builtins__": allowed, "plt": plt, "np": np})  # noqa: S102
    if len(plt.get_fignums()) != 1:
        return {"error": "the code did not draw exactly one figure"}, b""
    figure = plt.gcf()
    width, height = (int(side) for side in figure.canvas.get_width_height())
    if width * height > order["max_pixels"]:
        return {"error": f"{width} x {height} is larger than allowed"}, b""
    figure.canvas.draw()
    from PIL import Image

    image = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())[..., :3].copy())
    picture = io.BytesIO()
    image.save(picture, "PNG", compress_level=6)
    return {"width": image.width, "height": image.height, "boxes": _boxes(figure)}, picture.getvalue()


def main() -> None:
    """Serve orders until the parent closes the pipe."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    options = json.loads(sys.argv[1])
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    import numpy as np
    from PIL import PngImagePlugin  # noqa: F401 - loaded before files are closed

    plt.figure().canvas.draw()
    seccomp = runpy.run_path(str(Path(__file__).with_name("seccomp.py")))
    _give_up_limits(options["memory"])
    _write(replies, {"ready": True, "seccomp": seccomp["install"]()})
    while (order := _read(sys.stdin.buffer)) is not None:
        _limit_cpu(order["cpu_s"])
        try:
            reply, picture = _draw(plt, np, order)
        except MemoryError:
            reply, picture = {"error": "the code used too much memory"}, b""
        except Exception as error:  # noqa: BLE001 - whatever the code did becomes a reply
            reply, picture = {"error": f"{type(error).__name__}: {error}"[:300]}, b""
        _limit_cpu(_GUARD)
        _write(replies, reply, picture)


if __name__ == "__main__":
    main()

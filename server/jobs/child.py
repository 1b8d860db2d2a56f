"""A job's process: a data folder, then the arguments of `vidence`. It ends with the server that began it.

The server holds the other end of this process's stdin. When that closes, however the server died, the job
stops: the server that comes next begins it again where its files say it was.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

HARD_STOP_S = 10.0


def main() -> None:
    """Run the command line under the watch."""
    threading.Thread(target=_watch, daemon=True).start()
    from server.cli.main import run

    run(home=sys.argv.pop(1))


def _watch() -> None:
    # Not through sys.stdin, whose lock a thread may not hold when the interpreter ends. Nothing is ever sent.
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGINT)
    # One that does not hear it is ended.
    threading.Event().wait(HARD_STOP_S)
    os._exit(1)


if __name__ == "__main__":
    main()

"""`python -m streamguard` and the `streamguard` command."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line and end the process with its exit code."""
    _open_closed_streams()
    try:
        import signal

        from streamguard.commands import run
        from streamguard.commands.verbose import guard_process

        guard_process()
        code = run(sys.argv[1:])
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is done: no traceback out of what libraries do at exit
    except KeyboardInterrupt:  # while something was imported
        code = INTERRUPTED
    sys.exit(code)


def _open_closed_streams() -> None:
    """What the caller closed, as in ``>&-``, reads and writes nothing; no file or socket takes its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))


if __name__ == "__main__":
    main()

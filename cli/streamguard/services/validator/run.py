"""The validator as a process: uvicorn in front, somebody who watches the files behind."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from streamguard.kafka import logs
from streamguard.kafka.metrics import listen
from streamguard.services.frame import stop_on_signals
from streamguard.settings import LOOPBACK, Settings

if TYPE_CHECKING:
    import uvicorn

    from streamguard.services.validator.faults import Faults
    from streamguard.services.validator.rulebook import Rulebook

LOG = logging.getLogger("streamguard.services.validator")
NAME = "validator"
STOP_SECONDS = 3
"""How long a call that is under way may go on after SIGTERM."""
IDLE_SECONDS = 75
"""An idle connection is kept that long: longer than clients keep one, so that none writes into one that was closed."""


def run(settings: Settings, folder: Path, faults: Faults, *, verbose: bool = False) -> None:
    """Serve by the rules in `folder` until SIGTERM or SIGINT, then answer what is under way and return within 5 s.

    Raises:
        PortTaken: another process listens on the port.
        ProjectError: the rules or the blacklist are wrong.
    """
    logs.configure(settings, verbose=verbose)
    stop = stop_on_signals()
    with listen(settings.validator_port, NAME, address=settings.listen_address) as listener:
        from streamguard.services.validator.rulebook import Rulebook  # and jsonschema: not before the port is taken

        rulebook = Rulebook(folder)
        server = _server(rulebook, faults)

        def end() -> None:
            stop.wait()
            server.should_exit = True

        for work in (end, lambda: rulebook.watch(stop)):
            threading.Thread(target=work, daemon=True).start()
        if faults:
            LOG.warning("bad on purpose", extra={"faults": str(faults)})
        LOG.info("ready", extra={"url": f"http://{LOOPBACK}:{settings.validator_port}", "rules": str(folder)})
        server.run(sockets=[listener])
    LOG.info("stopped", extra={"service": NAME})


def _server(rulebook: Rulebook, faults: Faults) -> uvicorn.Server:
    """With httptools and uvloop a call takes less than half of what it takes with h11 and asyncio."""
    import uvicorn

    from streamguard.services.validator.answers import Validator
    from streamguard.services.validator.app import application

    config = uvicorn.Config(
        application(Validator(rulebook), faults),
        http="httptools",
        loop="uvloop",
        lifespan="off",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    return uvicorn.Server(config)

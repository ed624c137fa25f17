"""Serve the page on loopback, in this thread or in one of its own."""

import logging
import secrets
import socket
import threading
import time
from pathlib import Path

import uvicorn

from assay.core.config import Config
from assay.core.errors import ConfigError
from assay.core.ports import Reporter
from assay.stores.storage.backend import Place
from assay.viewer.app import build_app
from assay.viewer.marks import Marks
from assay.viewer.state import ViewState

HOST = "127.0.0.1"  # the one address: who wants to see the page from elsewhere forwards a port over SSH
KEEP_ALIVE_S = 15
START_S = 10.0
AUDITS = "audits"  # folder of the marks in a lake's folder


class Viewer:
    """The page over one lake.

    Args:
        place: of the lake.
        reporter: of the config's run.
        config: whose stages are shown; None = the latest of each in the lake.
        port: 0 = any that is free.
        live: follow a running job.
        marks: file of an audit's marks; None = in the lake's folder.

    Raises:
        LakeError: there is no lake.
        ConfigError: the port is taken.
    """

    def __init__(
        self,
        place: Place,
        reporter: Reporter,
        *,
        config: Config | None = None,
        port: int = 0,
        live: bool = False,
        marks: Path | None = None,
    ) -> None:
        self.state = ViewState(place, config=config, reporter=reporter, live=live)
        self.token = secrets.token_urlsafe(24)
        self.marks = Marks(marks or default_marks(self.state))
        self._socket = _bind(port)
        self.port: int = self._socket.getsockname()[1]
        app = build_app(self.state, self.marks, port=self.port, token=self.token)
        settings = uvicorn.Config(
            app,
            log_level=logging.ERROR,
            access_log=False,  # addresses hold conditions, and those may hold texts
            lifespan="off",
            ws="none",
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=2,
            server_header=False,
            date_header=False,
            proxy_headers=False,
        )
        self._server = uvicorn.Server(settings)

    @property
    def url(self) -> str:
        """The address with this run's token, which the page keeps and takes out of the address bar."""
        return f"http://{HOST}:{self.port}/#token={self.token}"

    def serve(self) -> None:
        """Serve in this thread until it is interrupted."""
        self.state.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.state.close()

    def start(self) -> "Viewer":
        """Serve in a thread of its own until `close`; return this viewer."""
        self.state.start()
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True)
        self._thread.start()
        end = time.monotonic() + START_S
        while not self._server.started and time.monotonic() < end:
            time.sleep(0.01)
        return self

    def close(self) -> None:
        """Free the address and the lake."""
        self._server.should_exit = True
        self._thread.join(START_S)
        self.state.close()


def default_marks(state: ViewState) -> Path | None:
    """Return where marks lie unless a file is named: `audits/NAME.csv` in the lake's folder; None for a bucket."""
    lake = state.reader.lake
    if lake.storage.remote:
        return None
    name = state.config.name.replace("/", "-") if state.config is not None else "lake"
    return lake.root / AUDITS / f"{name}.csv"


def _bind(port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"address {HOST}:{port}: {(error.strerror or str(error)).lower()}; choose another with --port"
        ) from error
    bound.listen(128)
    return bound

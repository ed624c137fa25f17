"""A count towards a total as a progress artifact: what Prefect's UI shows of a long stage while it is at work."""

import time
from collections.abc import Callable
from uuid import UUID

from assay.core.display import escape_markdown
from assay.flows.artifacts import key, untaken

LONG_S, EVERY_S = 5.0, 5.0  # what is done sooner shows no progress; between two updates


class ProgressArtifact:
    """`core.ports.Ticker` whose artifact is made when it is worth one, and which never lets a busy server fail the stage."""

    def __init__(self, config: str, title: str, total: int, warn: Callable[[str], None]) -> None:
        self.config, self.title, self.total, self.warn = config, title, total, warn
        self.done, self.note = 0, ""
        self.began = self.told = time.monotonic()
        self.id: UUID | None = None

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Counts on; an update is sent every EVERY_S at most."""
        self.done, self.note = self.done + amount, note
        now = time.monotonic()
        if now - self.began >= LONG_S and now - self.told >= EVERY_S:
            self.told = now
            self._tell()

    def end(self) -> None:
        """The last update, if there was a first."""
        if self.id is not None:
            self._tell()

    def _tell(self) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import FlowRunContext, TaskRunContext

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return  # of no run, and so on no page
        percent = min(100.0, 100.0 * self.done / max(self.total, 1))
        note = f", {escape_markdown(self.note)}" if self.note else ""
        title = f"{escape_markdown(self.title)} of {escape_markdown(self.config)}"
        text = f"{title}: {self.done} of {self.total}{note}"
        with untaken(self.warn, f"the progress of {self.title}"):
            if self.id is None:
                self.id = create_progress_artifact(
                    percent, key=key(self.config, f"{self.title}-progress"), description=text
                )
            else:
                update_progress_artifact(self.id, percent, description=text)

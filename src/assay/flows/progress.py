"""Show progress towards a total as an artifact, which Prefect's UI shows while a long stage runs."""

import time
from collections.abc import Callable
from uuid import UUID

from assay.core.display import escape_markdown
from assay.flows.artifacts import artifact_key, warn_if_refused

LONG_S, EVERY_S = 5.0, 5.0  # shorter work shows no progress; time between two updates


class ProgressArtifact:
    """A `core.ports.Progress` whose artifact appears once the work is long; a busy server never fails the stage."""

    def __init__(self, config: str, title: str, total: int, warn: Callable[[str], None]) -> None:
        self.config, self.title, self.total, self.warn = config, title, total, warn
        self.done, self.note = 0, ""
        self.started_s = self.updated_s = time.monotonic()
        self.id: UUID | None = None

    def advance(self, amount: int = 1, *, note: str = "") -> None:
        """Count further items as done; an update is sent every EVERY_S at most."""
        self.done, self.note = self.done + amount, note
        now = time.monotonic()
        if now - self.started_s >= LONG_S and now - self.updated_s >= EVERY_S:
            self.updated_s = now
            self._update()

    def end(self) -> None:
        """Send the last update, if there was a first."""
        if self.id is not None:
            self._update()

    def _update(self) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact
        from prefect.context import FlowRunContext, TaskRunContext

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return  # of no run, and so on no page
        percent = min(100.0, 100.0 * self.done / max(self.total, 1))
        note = f", {escape_markdown(self.note)}" if self.note else ""
        title = f"{escape_markdown(self.title)} of {escape_markdown(self.config)}"
        text = f"{title}: {self.done} of {self.total}{note}"
        with warn_if_refused(self.warn, f"the progress of {self.title}"):
            if self.id is None:
                self.id = create_progress_artifact(
                    percent, key=artifact_key(self.config, f"{self.title}-progress"), description=text
                )
            else:
                update_progress_artifact(self.id, percent, description=text)

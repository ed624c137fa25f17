"""Open one run of a config: its lake, its context, and the start and end that `runs` records of it.

The command line, the flows and the Python API all open their runs here, so that `runs` says how each one ended: done,
partly done or failed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from assay.core.config import Config
from assay.core.errors import LakeError, Stopped
from assay.core.ports import Reporter
from assay.pipelines.context.edited_parts import edited_parts
from assay.pipelines.context.run import RunContext
from assay.pipelines.runner.stages import preflight
from assay.stores.lake import Lake
from assay.stores.maintenance.compaction import compact_scattered


def _nothing(_context: RunContext) -> None: ...


@contextmanager
def run_context(
    config: Config,
    reporter: Reporter,
    *,
    command: str,
    upto: str,
    stop: Callable[[], bool] = lambda: False,
    on_open: Callable[[RunContext], None] = _nothing,
) -> Iterator[RunContext]:
    """Open the config's lake and yield the context of a new run, whose start and end are rows in `runs`.

    The end is `context.outcome` where the body sets it. Otherwise it is "failed" after an error, "partly" after a stop
    or a stage that a limit left partly done, and "done" else. What is wrong with the config, its files, its model or
    its lake is found before the first row is written.

    Args:
        config: what is run.
        reporter: receives progress and warnings.
        command: what `runs` calls the run.
        upto: the last stage that will run, whose needs are checked too; "" = the last of curation.
        stop: called now and then; True ends the run.
        on_open: called with the context before anything is checked.

    Raises:
        ConfigError: the config, a file or a model is not as it must be.
        LakeError: the lake cannot be opened or written.
    """
    with Lake(config.lake) as lake, RunContext(config, lake, reporter, command=command, stop=stop) as context:
        on_open(context)
        preflight(context, upto)
        if lake.older_format is not None:
            reporter.say(
                f"{lake.place} began in lake format {lake.older_format}; new files use the current format, "
                "which older versions do not read"
            )
        for sentence in edited_parts(lake, config):
            reporter.say(sentence)
        context.log_run("start")
        ended = "failed"
        try:
            yield context
            ended = context.outcome or ("partly" if context.partial else "done")
        except (Stopped, KeyboardInterrupt):
            ended = "partly"
            raise
        finally:
            context.log_run("end", ended)
            if ended != "failed":
                _compact(context)
            lake.catalogue()


def _compact(context: RunContext) -> None:
    """Merge the lake's files where they are many and small; readers and writers go on meanwhile."""
    try:
        n_merged = compact_scattered(context.lake, context.config.compact_at, run=context.run)
    except LakeError as error:
        context.reporter.warn(f"the lake's small files were not merged: {error}")
        return
    if n_merged is not None:
        context.reporter.say(f"{context.lake.place}: {n_merged.before} small files merged; it has {n_merged.after} now")

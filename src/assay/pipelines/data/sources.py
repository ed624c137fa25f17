"""Build the sources that a config names, with their relative paths taken from its folder."""

from assay.core.config import SourceConfig
from assay.core.parts import build_part
from assay.core.ports import Source
from assay.pipelines.context.run import RunContext


def build_source(context: RunContext, config: SourceConfig) -> Source:
    """Build a source of the run's config, and warn once where it reads from another place than the config's folder.

    Args:
        context: the run.
        config: a table of the form `[[source]]`.

    Raises:
        ConfigError: an unknown part, or a setting that it refuses.
    """
    source: Source = build_part("source", config.part, config.settings)
    if hasattr(source, "relative_to"):
        source = source.relative_to(context.config.folder)
    for notice in getattr(source, "notices", tuple)():
        if notice not in context.warned:
            context.warned.add(notice)
            context.reporter.warn(notice)
    return source

"""Build what a config's `[[source]]` tables name: sources, with relative paths from its folder, and verifiers."""

from assay.core.config import Config, SourceConfig
from assay.core.parts import build_part, is_outside
from assay.core.ports import Source
from assay.pipelines.context.run import RunContext
from assay.pipelines.data.derived import StoredDerivations
from assay.verifiers.outside.plugins import load_verifier


def build_source(context: RunContext, config: SourceConfig) -> Source:
    """Build a source of the run's config, and warn once where it reads from another place than the config's folder.

    Args:
        context: the run.
        config: a table of the form `[[source]]`.

    Raises:
        ConfigError: an unknown part, or a setting that it refuses.
    """
    source: Source = build_part("source", config.type, config.settings)
    if hasattr(source, "relative_to"):
        source = source.relative_to(context.config.folder)
    if hasattr(source, "from_lake"):
        source = source.from_lake(StoredDerivations(context.lake))
    for notice in getattr(source, "notices", tuple)():
        if notice not in context.warned:
            context.warned.add(notice)
            context.reporter.warn(notice)
    return source


def check_outside_verifiers(config: Config) -> None:
    """Import the verifiers from outside that the sources name, before anything is paid for.

    Raises:
        ConfigError: a module or function is missing, raises when it is imported, or is no verifier.
    """
    for name in {str(source.settings.get("verifier", "math")) for source in config.source}:
        if is_outside(name):
            load_verifier(name, config.grade.settings.get(name, {}))

"""Say which parts from outside have been edited since an earlier run, whose results are therefore made anew."""

import json
from datetime import UTC, datetime

from assay.core.config import Config, find_outside_parts
from assay.core.errors import ConfigError
from assay.stores.lake import Lake
from assay.verifiers.outside.plugins import source_version

EARLIER = "SELECT versions, time FROM runs WHERE event = 'start' AND contains(versions, ?) ORDER BY time DESC LIMIT 1"


def outside_versions(config: Config) -> dict[str, str]:
    """Return the hash of the file behind each part from outside that a config names; none for one without a file."""
    versions = {}
    for name in dict.fromkeys(find_outside_parts(config.model_dump(exclude_unset=True))):
        try:
            versions[name] = source_version(name)
        except ConfigError:  # such as a function of a notebook
            continue
    return versions


def edited_parts(lake: Lake, config: Config) -> list[str]:
    """Return a sentence for each part from outside whose file differs from what the latest run that named it saw."""
    edited = []
    for name, version in outside_versions(config).items():
        for row in lake.rows(EARLIER, [json.dumps(name, ensure_ascii=False)]):
            if json.loads(row["versions"]).get(name, version) != version:
                moment = datetime.fromtimestamp(row["time"], UTC)
                edited.append(
                    f"{name!r} was edited since the run of {moment:%Y-%m-%d %H:%M:%S} UTC: its decisions are "
                    "made again; stored attempts are kept"
                )
    return edited

"""The pictures of problems in the lake: written at ingest, read where a model or a person shall see them."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pyarrow as pa

from assay.core.errors import ConfigError, LakeError
from assay.core.identity import content_id
from assay.core.pictures import Picture
from assay.core.types import Problem
from assay.stores.lake import Lake
from assay.stores.tables import schema

FILES = (
    "SELECT sha256, any_value(data) AS data FROM pictures WHERE sha256 IN (SELECT unnest(?::VARCHAR[])) GROUP BY sha256"
)


def picture_table(problems: Sequence[Problem], run: str) -> pa.Table:
    """Make the rows of `pictures` of some problems, each picture once per source.

    Args:
        problems: with their pictures, as a source has read them.
        run: id of the run.
    """
    found = {(picture.id, problem.source): picture for problem in problems for picture in problem.pictures}
    rows = [
        {
            **asdict(picture),
            "id": content_id("picture", sha256, source),
            "sha256": sha256,
            "source": source,
            "size": len(picture.data),
            "run": run,
        }
        for (sha256, source), picture in found.items()
    ]
    return pa.Table.from_pylist(rows, schema=schema("pictures"))


def pictures_of(lake: Lake, problem: Problem) -> tuple[Picture, ...]:
    """Read a problem's pictures, as `read_pictures` does.

    Args:
        lake: the lake.
        problem: any problem.

    Raises:
        LakeError: as `read_pictures`.
    """
    return read_pictures(lake, problem.id, problem.media)


def read_pictures(lake: Lake, problem: str, media: Sequence[str]) -> tuple[Picture, ...]:
    """Read the pictures of a problem, in the order in which it shows them.

    Args:
        lake: the lake.
        problem: its id, for the message.
        media: its pictures; most problems show none, which costs nothing.

    Raises:
        LakeError: the lake lacks one, so that the problem is not what was asked.
    """
    if not media:
        return ()
    files = {row["sha256"]: row["data"] for row in lake.rows(FILES, [sorted(set(media))])}
    if missing := [name for name in media if name not in files]:
        raise LakeError(
            f"problem {problem}: its picture {missing[0][:16]} is not in {lake.place}; `curate ingest` of a source with "
            'media = "keep" stores it'
        )
    return tuple(Picture.of(files[name]) for name in media)


def refuse_pictures(problems: Iterable[Problem], reader: str) -> None:
    """Refuse problems with pictures where only their texts would be read: what is measured so is another problem.

    Args:
        problems: those that would be read.
        reader: what reads them, for the message.

    Raises:
        ConfigError: one of them shows a picture.
    """
    shown = [problem.id for problem in problems if problem.media]
    if shown:
        raise ConfigError(
            f"{len(shown)} problems show pictures, such as {shown[0]}, and {reader} reads texts only; the engine openai "
            'sends pictures to a server that sees them, and media = "ignore" in [[source]] poses such rows as texts'
        )

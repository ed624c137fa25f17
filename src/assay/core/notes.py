"""Record what is noticed about a problem that stays in the pool."""

from dataclasses import asdict, dataclass

from assay.core.identity import content_id


@dataclass(frozen=True, slots=True)
class Note:
    """What was noticed about a problem that stays in the pool."""

    stage: str  # ingest, clean
    reason: str  # one word: same_template, gold_has_unit, ...
    problem_id: str
    detail: str = ""  # names the other problem, the value, the setting that would change it
    source: str = ""

    @property
    def id(self) -> str:
        """Return the content hash of the whole row."""
        return content_id("note", *asdict(self).values())

"""Special skills first, then everything else with a few of the special problems again."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Phase, Pool
from assay.curricula._order import one_lesson


@dataclass(frozen=True)
class Dmt:
    """Two lessons: the `special` values of a column, shuffled; then all others together with `rehearsal` of the special ones, shuffled.

    The rehearsed problems are the first of one shuffled order, so those of a smaller share are among those of a larger; their number is rounded
    to the nearest, 1 at least where the share is above 0. Without special values, or with nothing else, it is one shuffled lesson.

    Source: DMT, arXiv:2310.05492, sec. 4.4: rehearsal of 1/256 keeps what the first stage taught. There the second stage is general chat.
    """

    by: str = "source"
    special: tuple[str, ...] = ()
    rehearsal: Annotated[float, Field(ge=0, le=1)] = (
        1 / 256
    )  # share of the special problems; 0 = none comes again, 1 = all do
    passes: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """What names the skills."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """At most two lessons; with several passes each is walked that often before the next.

        Raises:
            LookupError: a special value that no problem has.
        """
        values = pool.column(self.by).astype(str)
        if unknown := sorted(set(self.special) - set(values.tolist())):
            raise LookupError(
                f"no problem of {len(pool)} has {self.by} = {unknown[0]!r}; they have {', '.join(sorted(set(values.tolist()))[:8])}"
            )
        special = rng.permutation(np.flatnonzero(np.isin(values, self.special)))
        general = np.flatnonzero(~np.isin(values, self.special))
        if not (len(special) and len(general)):
            return one_lesson(pool, rng.permutation(len(pool)), self.passes)
        again = special[: max(1, round(self.rehearsal * len(special))) if self.rehearsal else 0]
        lessons = (special, rng.permutation(np.concatenate([general, again])))
        return Curriculum(tuple(Phase(tuple(pool.ids[row] for row in rows), self.passes) for rows in lessons))

"""Special skills first, then everything else with a few of the special problems again."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from assay.core.types import Curriculum, Phase, Pool
from assay.curricula._order import single_phase


@dataclass(frozen=True)
class Dmt:
    """Train on problems with the `special` values of a column, then on all others with some of the special ones again.

    The first phase has the special problems, the second all others and a share `rehearsal` of the special ones. Both
    are shuffled. The rehearsed problems are the first of one shuffled order, so those of a smaller share are among
    those of a larger; their number is rounded to the nearest, and is at least 1 where the share is above 0. Without
    special problems, or with no others, there is one shuffled phase.

    Source: DMT, arXiv:2310.05492, sec. 4.4: rehearsal of 1/256 keeps what the first stage taught. There the second
    stage is general chat.
    """

    by: str = "source"
    special: tuple[str, ...] = ()
    rehearsal: Annotated[float, Field(ge=0, le=1)] = 1 / 256  # share of the special problems; 0 = none, 1 = all
    epochs: Annotated[int, Field(ge=1)] = 1

    @property
    def needs(self) -> tuple[str, ...]:
        """The column that defines the skills."""
        return (self.by,)

    def arrange(self, pool: Pool, rng: np.random.Generator) -> Curriculum:
        """Return at most two phases; several epochs over the first come before the second.

        Raises:
            LookupError: a special value that no problem has.
        """
        values = pool.column(self.by).astype(str)
        if unknown_values := sorted(set(self.special) - set(values.tolist())):
            some_values = ", ".join(sorted(set(values.tolist()))[:8])
            raise LookupError(
                f"none of the {len(pool)} problems has {self.by} = {unknown_values[0]!r}; they have {some_values}"
            )
        special = rng.permutation(np.flatnonzero(np.isin(values, self.special)))
        general = np.flatnonzero(~np.isin(values, self.special))
        if not (len(special) and len(general)):
            return single_phase(pool, rng.permutation(len(pool)), self.epochs)
        rehearsed = special[: max(1, round(self.rehearsal * len(special))) if self.rehearsal else 0]
        phases = (special, rng.permutation(np.concatenate([general, rehearsed])))
        return Curriculum(tuple(Phase(tuple(pool.ids[row] for row in rows), self.epochs) for rows in phases))

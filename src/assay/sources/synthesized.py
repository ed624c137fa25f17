"""`synthesized`: the problems that a method of synthesis made and the config's lake holds."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from assay.core.errors import ConfigError
from assay.core.identity import content_id
from assay.core.ports import DerivedProblems, SourceRow


@dataclass(frozen=True)
class Synthesized:
    """Read the new problems of a method's newest finished synthesis, with their labels, such as those of `scaffold`.

    Each stays on the side of the split on which the problems are that it was made from. With `verified` those whose
    label was not verified are left out.
    """

    method: str
    rule: str = ""  # of the method, such as "judge"; "" = all
    verified: bool = True
    stored: Any = field(default=None, init=False, repr=False, compare=False)  # the lake's; set by `from_lake`

    def from_lake(self, stored: DerivedProblems) -> "Synthesized":
        """Return a copy that reads from a lake."""
        copy = Synthesized(self.method, self.rule, self.verified)
        object.__setattr__(copy, "stored", stored)
        return copy

    def read(self) -> Iterator[SourceRow]:
        """Yield problems with labels, ids ascending."""
        for problem, label, rule, verified in self._lake.read(self.method):
            if self.rule in ("", rule) and (verified or not self.verified):
                yield problem, label

    def fingerprint(self) -> str:
        """Return the id of the synthesis."""
        return content_id("synthesized", self._lake.newest(self.method))

    def check(self) -> None:
        """Raise unless the lake holds such a synthesis."""
        self._lake.newest(self.method)

    @property
    def _lake(self) -> DerivedProblems:
        if self.stored is None:
            raise ConfigError("source 'synthesized' reads the lake of a config and can only be used in one")
        problems: DerivedProblems = self.stored
        return problems

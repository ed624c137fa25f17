"""ReLIFT: problems whose whole group failed wait, first come first served, until there are enough for one supervised pass.

Source: arXiv:2506.07527. Differs: the released code takes the newest first, which can leave old problems waiting for ever.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass
class FailedProblems:
    """Problem ids in the order in which their groups failed; nothing enters twice while it waits, and nothing leaves but in a full pass."""

    size: int  # ids of one pass
    waiting: list[str] = field(default_factory=list)

    def add(self, ids: Iterable[str]) -> None:
        """Those that do not wait yet are waiting now."""
        self.waiting += [id_ for id_ in dict.fromkeys(ids) if id_ not in self.waiting]

    def take(self) -> list[str]:
        """The oldest `size` ids, which leave; none while there are fewer.

        >>> buffer = FailedProblems(2, ["a"])
        >>> buffer.take(), buffer.add("bc"), buffer.take(), buffer.waiting
        ([], None, ['a', 'b'], ['c'])
        """
        if len(self.waiting) < self.size:
            return []
        taken, self.waiting = self.waiting[: self.size], self.waiting[self.size :]
        return taken

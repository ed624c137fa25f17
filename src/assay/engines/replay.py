"""An engine that answers from a recording, so that what was once paid for can be run again exactly."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, EngineError, nearest
from assay.core.types import Policy, Request, Rollout

NEEDED = ("problem_id", "sample", "text", "tokens", "finish", "policy", "policy_name")
OPTIONAL = ("seed", "prompt_tokens")
BUNDLED = "package:"

Key = tuple[str, str, int]  # sampler id ("" where the recording has none), problem id, sample


@dataclass(frozen=True)
class Replay:
    """Rollouts read from a recorded Parquet file or folder.

    The same text for the same problem, sampler and sample, every time.

    Columns: problem_id, sample, text, tokens, finish, policy, policy_name; sampler, seed and prompt_tokens where
    there are any. A recording with a `sampler` column answers only for the samplers in it; one without answers for
    all, and the cap then has no say. The seed is the recorded one, or -1.
    """

    path: str  # a file or a folder of them; "package:recordings/NAME.parquet" is one that the package bundles
    model: str = ""  # policy_name of the rows to use; "" = the only one
    revision: str = ""  # policy of the rows to use; "" = the only one
    delay_s: float = 0.0  # a request

    @cached_property
    def policy(self) -> Policy:
        """The policy that made the recording; only its two columns are read.

        Raises:
            ConfigError: no such recording, or it does not hold exactly one policy of that name.
        """
        rows = self._read(("policy", "policy_name"))
        found = sorted(
            {
                (row["policy_name"], row["policy"])
                for row in rows.group_by(["policy_name", "policy"]).aggregate([]).to_pylist()
            }
        )
        fitting = [Policy(*each) for each in found if self.model in ("", each[0]) and self.revision in ("", each[1])]
        if len(fitting) != 1:
            wanted = f"{len(fitting)} policies fit model {self.model!r}, revision {self.revision!r}"
            raise ConfigError(
                f"recording {self.path!r}: {wanted}; {nearest(self.model, [f'{name} {mark}' for name, mark in found])}"
            )
        return fitting[0]

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        Raises:
            EngineError: a wanted sample was never recorded, or a begun answer is to be continued.
        """
        for request in requests:
            if request.prefix:
                raise EngineError(
                    f"problem {request.problem_id}: a recording cannot continue a begun answer of {len(request.prefix)} characters"
                )
            if self.delay_s:
                time.sleep(self.delay_s)
            yield self._attempts(request)

    def count_tokens(self, request: Request) -> int:
        """Prompt tokens as recorded; words where they were not."""
        rows = self._rows
        recorded = next(
            (rows[key].get("prompt_tokens") for key in self._keys(request, request.samples) if key in rows), None
        )
        return recorded or len(self.show(request).split())

    def show(self, request: Request) -> str:
        """The turns, one a line; the recording keeps no template."""
        return "\n".join(f"{message.role}: {message.content}" for message in request.messages)

    def close(self) -> None:
        """The recording is let go; the next call reads it again."""
        self.__dict__.pop("_rows", None)

    @cached_property
    def _sampled(self) -> bool:
        return "sampler" in self._columns()

    @cached_property
    def _rows(self) -> dict[Key, dict[str, Any]]:
        columns = self._columns()
        if missing := [name for name in NEEDED if name not in columns]:
            raise ConfigError(f"recording {self.path!r} lacks column {missing[0]!r}; it has {columns}")
        wanted = [name for name in (*NEEDED, *OPTIONAL, "sampler") if name in columns]
        revision = self.policy.revision
        rows = (row for row in self._read(wanted).to_pylist() if row["policy"] == revision)
        return {(row.get("sampler", ""), row["problem_id"], row["sample"]): row for row in rows}

    def _keys(self, request: Request, samples: Sequence[int]) -> list[Key]:
        sampler = request.sampler.id if self._sampled else ""
        return [(sampler, request.problem_id, sample) for sample in samples]

    def _attempts(self, request: Request) -> tuple[Rollout, ...]:
        keys, policy = self._keys(request, request.samples), self.policy
        rows = self._rows
        if missing := [key[2] for key in keys if key not in rows]:
            raise EngineError(
                f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples, first {missing[0]}, "
                f"were not recorded under sampler {request.sampler.id} in {self.path!r}"
            )
        return tuple(_rollout(request, rows[key], policy) for key in keys)

    @property
    def _place(self) -> Path:
        bundled = Path(str(files("assay") / "data" / self.path.removeprefix(BUNDLED)))
        return bundled if self.path.startswith(BUNDLED) else Path(self.path)

    def _columns(self) -> list[str]:
        return list(self._read(None).column_names)

    def _read(self, columns: Sequence[str] | None) -> Any:
        """A table of the named columns; None = no row, all columns."""
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        try:
            if columns is None:
                first = next(iter(sorted(self._place.rglob("*.parquet"))), self._place)
                return parquet.read_schema(first).empty_table()
            return parquet.read_table(self._place, columns=list(columns))
        except (OSError, ArrowException) as error:
            why = str(error).splitlines()[0] if self._place.exists() else "no such file or folder"
            raise ConfigError(f"recording {self.path!r} cannot be read: {why}") from error


def _rollout(request: Request, row: dict[str, Any], policy: Policy) -> Rollout:
    seed = row.get("seed")
    return Rollout.of(
        request,
        row["sample"],
        policy=policy,
        engine="replay",
        text=row["text"],
        tokens=row["tokens"],
        finish=row["finish"],
        prompt_tokens=row.get("prompt_tokens") or 0,
        seed=-1 if seed is None else seed,
    )

"""Answer from a recording, so that attempts that were paid for once can be replayed exactly."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from assay.core.errors import ConfigError, EngineError, suggest_names
from assay.core.types import Policy, Request, Rollout

NEEDED = ("problem_id", "sample", "text", "tokens", "finish", "policy", "policy_name")
OPTIONAL = ("seed", "prompt_tokens")
BUNDLED = "package:"

Key = tuple[str, str, int]  # sampler id ("" where the recording has none), problem id, sample


@dataclass(frozen=True)
class Replay:
    """Read rollouts from a recorded Parquet file or folder: the same text for the same problem, sampler and sample.

    Columns: problem_id, sample, text, tokens, finish, policy, policy_name; optionally sampler, seed and prompt_tokens.
    A recording with a `sampler` column answers only for the samplers in it; one without answers for all, and the token
    cap then has no effect. The seed is the recorded one, or -1.
    """

    recorded: ClassVar[bool] = True
    takes_pictures: ClassVar[bool] = True  # they were there when the attempts were recorded
    path: str  # a file or a folder of them; "package:recordings/NAME.parquet" is one that the package bundles
    model: str = ""  # policy_name of the rows to use; "" = the only one
    revision: str = ""  # policy of the rows to use; "" = the only one
    delay_s: float = 0.0  # per request

    @cached_property
    def policy(self) -> Policy:
        """Return the policy that made the recording; only its two columns are read.

        Raises:
            ConfigError: no such recording, or it does not hold exactly one policy of that name.
        """
        rows = self._read_table(("policy", "policy_name"))
        pairs = rows.group_by(["policy_name", "policy"]).aggregate([]).to_pylist()
        policies = [Policy(*pair) for pair in sorted({(row["policy_name"], row["policy"]) for row in pairs})]
        matches = [
            policy for policy in policies if self.model in ("", policy.name) and self.revision in ("", policy.revision)
        ]
        if len(matches) != 1:
            neighbours = suggest_names(self.model, [f"{policy.name} {policy.revision}" for policy in policies])
            raise ConfigError(
                f"recording {self.path!r}: {len(matches)} policies fit model {self.model!r}, "
                f"revision {self.revision!r}; {neighbours}"
            )
        return matches[0]

    def generate(self, requests: Sequence[Request]) -> Iterator[tuple[Rollout, ...]]:
        """Yield one tuple of rollouts per request, in order.

        Raises:
            EngineError: a requested sample was never recorded, or a begun answer is to be continued.
        """
        for request in requests:
            if request.prefix:
                size = len(request.prefix)
                raise EngineError(
                    f"problem {request.problem_id}: a recording cannot continue a begun answer of {size} characters"
                )
            if self.delay_s:
                time.sleep(self.delay_s)
            yield self._replay_request(request)

    def count_tokens(self, request: Request) -> int:
        """Return the prompt tokens as recorded; the words of the prompt where none were recorded."""
        rows = self._rows
        recording = next(
            (rows[key].get("prompt_tokens") for key in self._list_keys(request, request.samples) if key in rows), None
        )
        return recording or len(self.show(request).split())

    def show(self, request: Request) -> str:
        """Return the turns, one per line; a recording keeps no template."""
        return "\n".join(f"{message.role}: {message.content}" for message in request.messages)

    def close(self) -> None:
        """Release the recording; the next call reads it again."""
        self.__dict__.pop("_rows", None)

    @cached_property
    def _has_samplers(self) -> bool:
        return "sampler" in self._list_columns()

    @cached_property
    def _rows(self) -> dict[Key, dict[str, Any]]:
        present = self._list_columns()
        if missing := [name for name in NEEDED if name not in present]:
            raise ConfigError(f"recording {self.path!r} lacks column {missing[0]!r}; it has {present}")
        columns = [name for name in (*NEEDED, *OPTIONAL, "sampler") if name in present]
        revision = self.policy.revision
        rows = (row for row in self._read_table(columns).to_pylist() if row["policy"] == revision)
        return {(row.get("sampler", ""), row["problem_id"], row["sample"]): row for row in rows}

    def _list_keys(self, request: Request, samples: Sequence[int]) -> list[Key]:
        sampler = request.sampler.id if self._has_samplers else ""
        return [(sampler, request.problem_id, sample) for sample in samples]

    def _replay_request(self, request: Request) -> tuple[Rollout, ...]:
        keys, policy = self._list_keys(request, request.samples), self.policy
        rows = self._rows
        if missing := [key[2] for key in keys if key not in rows]:
            raise EngineError(
                f"problem {request.problem_id}: {len(missing)} of {len(keys)} samples, first {missing[0]}, "
                f"were not recorded under sampler {request.sampler.id} in {self.path!r}"
            )
        return tuple(_build_rollout(request, rows[key], policy) for key in keys)

    @property
    def _location(self) -> Path:
        bundled = Path(str(files("assay") / "data" / self.path.removeprefix(BUNDLED)))
        return bundled if self.path.startswith(BUNDLED) else Path(self.path)

    def _list_columns(self) -> list[str]:
        return list(self._read_table(None).column_names)

    def _read_table(self, columns: Sequence[str] | None) -> Any:
        """Read the table of the named columns; None = all columns, without any row."""
        import pyarrow.parquet as parquet
        from pyarrow import ArrowException

        try:
            if columns is None:
                first = next(iter(sorted(self._location.rglob("*.parquet"))), self._location)
                return parquet.read_schema(first).empty_table()
            return parquet.read_table(self._location, columns=list(columns))
        except (OSError, ArrowException) as error:
            reason = str(error).splitlines()[0] if self._location.exists() else "no such file or folder"
            raise ConfigError(f"recording {self.path!r} cannot be read: {reason}") from error


def _build_rollout(request: Request, row: dict[str, Any], policy: Policy) -> Rollout:
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

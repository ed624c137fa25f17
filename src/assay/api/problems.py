"""A pool of problems from Python: a data set, a data frame, an Arrow table, a list of dicts, or files."""

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from assay.core.config import Config
from assay.core.errors import ConfigError
from assay.core.identity import canonical_json
from assay.core.parts import build_part
from assay.core.types import Drop
from assay.stores import query_results

FOLDER = Path(".assay/pools")  # where rows that came from memory are kept, each under the hash of its content


@dataclass(frozen=True)
class Problems:
    """Problems with gold answers, as a source describes them; none has been attempted.

    Attributes:
        name: what tables and reports call the source.
        settings: the keys of the config's `[[source]]` but `paths`.
        paths: the files, for problems that lie in files.
        content: the file's bytes and its suffix, for rows that came from memory.
    """

    name: str
    settings: Mapping[str, Any]
    paths: tuple[str, ...] = ()
    content: tuple[bytes, str] = (b"", "")

    def source_table(self, folder: Path | None = None) -> dict[str, Any]:
        """Return the `[[source]]` of a config; rows from memory are written to a file first, once.

        Args:
            folder: of that file; None = `.assay/pools`.
        """
        paths = self.paths or (str(self._write(folder or FOLDER)),)
        return {"type": "files", "paths": list(paths), "name": self.name, **self.settings}

    def to_config(self, **tables: Any) -> Config:
        """Return a config that reads these problems.

        Args:
            tables: further tables and keys of the config.
        """
        return Config.from_python(**{"name": self.name, "source": [self.source_table()], **tables})

    def to_arrow(self) -> pa.Table:
        """Return the problems that the rows hold: problem_id, prompt, answer, verifier, source, metadata."""
        return self._read[0]

    @property
    def dropped(self) -> pa.Table:
        """Rows that hold no problem: reason, detail, file, line."""
        return self._read[1]

    def to_pandas(self) -> Any:
        """Return `to_arrow()` as a pandas data frame."""
        return self.to_arrow().to_pandas()

    def to_dataset(self) -> Any:
        """Return `to_arrow()` as a `datasets.Dataset`."""
        import datasets

        return datasets.Dataset(self.to_arrow())

    def to_list(self) -> list[dict[str, Any]]:
        """Return `to_arrow()` as a list of dicts."""
        return list(self.to_arrow().to_pylist())

    def __len__(self) -> int:
        return int(self.to_arrow().num_rows)

    def __repr__(self) -> str:
        drops_text = f", {self.dropped.num_rows} rows dropped" if self.dropped.num_rows else ""
        return f"Problems({self.name!r}: {len(self)} problems{drops_text})"

    @cached_property
    def _read(self) -> tuple[pa.Table, pa.Table]:
        with tempfile.TemporaryDirectory() as folder:
            table = self.source_table(Path(folder))
            source = build_part("source", table.pop("type"), table)
            problems, drops = [], []
            for item in source.read():
                if isinstance(item, Drop):
                    file = item.file if self.paths else ""  # rows from memory lay in a file for a moment only
                    drops.append({"reason": item.reason, "detail": item.detail, "file": file, "line": item.line})
                    continue
                problem, label = item
                problems.append(
                    {
                        "problem_id": problem.id,
                        "prompt": problem.messages[-1].content,
                        "answer": label.answers[0],
                        "verifier": label.verifier,
                        "source": problem.source,
                        "metadata": problem.metadata,
                    }
                )
        text, whole = pa.string(), pa.int64()
        names = ("problem_id", "prompt", "answer", "verifier", "source", "metadata")
        return (
            pa.Table.from_pylist(problems, schema=pa.schema([(name, text) for name in names])),
            pa.Table.from_pylist(
                drops, schema=pa.schema([("reason", text), ("detail", text), ("file", text), ("line", whole)])
            ),
        )

    def _write(self, folder: Path) -> Path:
        content, suffix = self.content
        path = folder / f"{hashlib.sha256(content).hexdigest()[:24]}{suffix}"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_name(f"{path.name}.part")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        return path


def problems(
    data: Any, *, prompt: str | Sequence[str] = "", answer: str = "", name: str = "", **settings: Any
) -> Problems:
    """Describe a pool of problems; nothing is attempted and nothing is written yet.

    Args:
        data: a `datasets.Dataset`, a pandas data frame, an Arrow table, a list of dicts, or the path of one or more
            JSONL, JSON, CSV or Parquet files.
        prompt: the field of the question, or a list of fields; "" = the first that a row has of prompt, question and
            problem.
        answer: the field of the gold answer; "" = the first that a row has of answer and final_answer.
        name: of the source in tables and reports; "" = the file's name, or "problems".
        settings: further settings of the source `files` (docs/methods.md), such as `answer_marker="####"`,
            `metadata_fields=["level"]`, `options="choices"`, `verifier="choice"`.

    Raises:
        ConfigError: data of a kind that is not known, or an unknown setting.
    """
    table = settings | {"prompt": prompt or "prompt|question|problem", "answer": answer or "answer|final_answer"}
    if isinstance(data, str | Path) or _are_paths(data):
        paths = (str(data),) if isinstance(data, str | Path) else tuple(str(path) for path in data)
        pool = Problems(name or Path(paths[0]).name.split(".")[0], table, paths)
    else:
        pool = Problems(name or "problems", table, content=_to_content(data))
    build_part("source", "files", {"paths": list(pool.paths or ("rows",)), "name": pool.name, **table})
    return pool


def _are_paths(data: Any) -> bool:
    return isinstance(data, list | tuple) and bool(data) and all(isinstance(path, str | Path) for path in data)


def _to_content(data: Any) -> tuple[bytes, str]:
    """Return rows as the bytes of a file, and its suffix. Dicts become JSONL, which holds values of any type."""
    if isinstance(data, list | tuple) and all(isinstance(row, Mapping) for row in data):
        try:
            return "".join(canonical_json(dict(row)) + "\n" for row in data).encode(), ".jsonl"
        except (TypeError, ValueError) as error:
            raise ConfigError(f"a row holds a value that cannot be stored as JSON: {error}") from error
    return query_results.encode_parquet(_to_table(data)), ".parquet"


def _to_table(data: Any) -> pa.Table:
    if isinstance(data, Mapping):  # a datasets.DatasetDict, or columns
        if data and all(hasattr(part, "column_names") for part in data.values()):
            raise ConfigError(f"this data set has several splits: choose one, such as data[{next(iter(data))!r}]")
        return pa.table(dict(data))
    if isinstance(data, pa.Table):
        return data
    if hasattr(data, "with_format") and hasattr(data, "column_names"):  # a datasets.Dataset
        return data.with_format("arrow")[:]
    if hasattr(data, "__arrow_c_stream__"):  # polars, DuckDB, pandas
        try:
            return _without_index(pa.table(data))
        except pa.ArrowInvalid as error:  # such as a pandas Series, whose stream has no columns
            raise ConfigError(f"{type(data).__name__} is not a table of rows with named fields: {error}") from error
    if hasattr(data, "to_dict") and hasattr(data, "columns"):  # pandas before 2.2
        return pa.Table.from_pandas(data, preserve_index=False)
    raise ConfigError(
        f"{type(data).__name__} cannot be read as problems: pass a datasets.Dataset, a data frame, an Arrow table, a "
        "list of dicts or paths"
    )


def _without_index(table: pa.Table) -> pa.Table:
    return table.drop_columns([name for name in table.column_names if name.startswith("__index_level_")])

"""What a reader sees: the entries that nothing replaces, and which of their files must be folded by id."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from assay.core.errors import LakeError
from assay.stores.commits import manifest
from assay.stores.commits.concurrency import find_contested, find_stand_ins, seal
from assay.stores.commits.manifest import Entry, File
from assay.stores.renames import Pairs, renamed_columns
from assay.stores.sql.views import FileGroup
from assay.stores.storage.backend import Storage

# listings of the manifest before an entry that others name counts as gone: one listing is not taken at one instant
LOOKS, PAUSE_S = 4, 0.02


@dataclass
class Snapshot:
    """The entries that have been read, by name; entries never change, so none is read twice."""

    storage: Storage
    entries: dict[str, Entry] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)  # entries whose hash is not the one that a later entry names
    _named: dict[str, str] = field(default_factory=dict)  # entries that others name as parents -> their hashes
    _heads: set[str] = field(default_factory=set)  # entries that no other names

    def refresh(self) -> bool:
        """Read the entries that are new; return whether there were any.

        Raises:
            LakeError: an entry is damaged, of a newer format, or gone although later ones name it.
        """
        fresh = self.read_new()
        for look in range(LOOKS):
            if not fresh or not (lost_files := self.gone()):
                break
            if look == LOOKS - 1:
                raise LakeError(self._bereft(lost_files))
            time.sleep(PAUSE_S * look)
            self.read_new()
        if fresh and self.changed:
            raise LakeError(
                f"{self._of(self.changed)} differs from what later entries saw; "
                f"`curate lake fsck --lake {self.storage.place}` repairs them"
            )
        return fresh

    def read_new(self) -> bool:
        """Read the entries that are new, even where others are gone; return whether there were any.

        Raises:
            LakeError: an entry is damaged or of a newer format.
        """
        names = manifest.entry_names(self.storage)
        fresh = [name for name in names if name not in self.entries]
        self.storage.fetch(map(manifest.entry_path, fresh))
        for name in fresh:
            try:
                self.add(manifest.read_entry(self.storage, name))
            except FileNotFoundError:
                continue  # compacted away since the listing; what replaces it was listed before or will be next time
        return bool(fresh)

    def add(self, entry: Entry) -> None:
        """Add an entry; compare its hash with the one that later entries name, and its parents with what they name."""
        self.entries[entry.name] = entry
        if entry.name in self._named:
            self._compare(entry.name, self._named[entry.name])
        else:
            self._heads.add(entry.name)
        for parent, seal_ in entry.parents:
            self._named[parent] = seal_
            self._heads.discard(parent)
            self._compare(parent, seal_)

    def parents(self) -> tuple[tuple[str, str], ...]:
        """Return the parents of the next entry: the entries that no other names yet, with their hashes."""
        return tuple((name, self.entries[name].sha256[: manifest.PARENT_DIGITS]) for name in sorted(self._heads))

    def gone(self) -> list[str]:
        """Return the entries that later ones name, that no other stands for, and that are not there."""
        absent = [name for name in self._named if name not in self.entries]
        stands = find_stand_ins(self.entries.values()) if absent else {}
        return sorted(name for name in absent if name not in stands)

    def _compare(self, name: str, seal_: str) -> None:
        entry = self.entries.get(name)
        if entry is not None and not entry.mended and entry.sha256[: manifest.PARENT_DIGITS] != seal_:
            self.changed.add(name)

    def _bereft(self, lost_files: list[str]) -> str:
        return (
            f"{self._of(lost_files)} missing, but later entries name them; "
            f"`curate lake fsck --lake {self.storage.place}` restores what it can"
        )

    def _of(self, names: Iterable[str]) -> str:
        ordered_names = sorted(names)
        names_text = ", ".join(ordered_names[:3]) + (", ..." if len(ordered_names) > 3 else "")
        noun, verb = ("entries", "are") if len(ordered_names) > 1 else ("entry", "is")
        return f"{self.storage.place}: {len(ordered_names)} manifest {noun} ({names_text}) {verb}"

    def live(self) -> list[Entry]:
        """Return the entries that count, oldest first."""
        stands = find_stand_ins(self.entries.values())
        return [self.entries[name] for name in sorted(self.entries) if name not in stands]

    def seal(self) -> int:
        """Return the digest of every entry that was ever committed, as far as this reader has seen."""
        return seal({*self.entries, *find_stand_ins(self.entries.values())})

    def files(self) -> dict[str, list[str]]:
        """Return the absolute paths of every table's files, oldest first."""
        files: dict[str, list[str]] = {}
        for entry in self.live():
            for file in entry.files:
                files.setdefault(file.table, []).append(f"{self.storage.root}/{file.path}")
        return files

    def groups(self) -> dict[str, list[FileGroup]]:
        """Return the files by table, in groups of equal columns; files that may share rows are a group of their own."""
        live = self.live()
        doubtful = find_contested(list(self.entries.values()), find_stand_ins(self.entries.values()))
        sure = [entry for entry in live if entry.name not in doubtful]
        groups: dict[str, list[FileGroup]] = {}
        for form in sorted({entry.format for entry in sure}):
            files = [file for entry in sure if entry.format == form for file in entry.files]
            for table, alike in group_files(self.storage.root, files).items():
                groups.setdefault(table, []).extend(alike)
        files = [file for entry in live if entry.name in doubtful for file in entry.files]
        for table, alike in group_files(self.storage.root, files).items():
            groups.setdefault(table, []).append(fold(alike))
        return groups


def group_files(root: Path, files: Iterable[File]) -> dict[str, list[FileGroup]]:
    """Return the files by table in their order, in groups of equal column names."""
    alike: dict[str, dict[Pairs, list[File]]] = {}
    for file in files:
        renamed = renamed_columns(file.table, file.names)
        alike.setdefault(file.table, {}).setdefault(renamed, []).append(file)
    return {
        table: [
            FileGroup(
                tuple(f"{root}/{file.path}" for file in of),
                bytes=sum(file.bytes for file in of),
                sums=tuple((file.bytes, file.sha256) for file in of),
                renamed=renamed,
            )
            for renamed, of in groups.items()
        ]
        for table, groups in alike.items()
    }


def fold(groups: Sequence[FileGroup]) -> FileGroup:
    """Return one group in which each id counts once."""
    if len(groups) == 1:
        return replace(groups[0], doubled=len(groups[0].paths) > 1)
    return FileGroup(
        tuple(path for group in groups for path in group.paths),
        doubled=True,
        bytes=sum(group.bytes for group in groups),
        sums=tuple(total for group in groups for total in group.sums),
        parts=tuple(groups),
    )

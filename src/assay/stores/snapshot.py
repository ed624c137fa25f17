"""What a reader sees: the entries that nothing replaces, and which of their files must be folded by id."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from assay.stores import manifest
from assay.stores.concurrency import contested, seal, standing
from assay.stores.manifest import Entry, File
from assay.stores.storage import Storage
from assay.stores.views import Group


@dataclass
class Snapshot:
    """Every entry that has been read, by name; entries never change, so none is read twice."""

    storage: Storage
    entries: dict[str, Entry] = field(default_factory=dict)

    def refresh(self) -> bool:
        """Reads the entries that are new; whether there were any.

        Raises:
            LakeError: a broken entry, or one of a newer format.
        """
        listed = manifest.entry_names(self.storage)
        fresh = [name for name in listed if name not in self.entries]
        self.storage.fetch(map(manifest.entry_path, fresh))
        for name in fresh:
            try:
                self.entries[name] = manifest.read_entry(self.storage, name)
            except FileNotFoundError:  # compacted away since it was listed; what replaces it was listed earlier or will be next time
                continue
        return bool(fresh)

    def live(self) -> list[Entry]:
        """The entries that count, oldest first."""
        stands = standing(self.entries.values())
        return [self.entries[name] for name in sorted(self.entries) if name not in stands]

    def seal(self) -> int:
        """Digest of every entry that was ever committed, as far as this reader has seen."""
        return seal({*self.entries, *standing(self.entries.values())})

    def files(self) -> dict[str, list[str]]:
        """Absolute paths of every table's files, oldest first."""
        return {table: list(group.paths) for table, group in _grouped(self.storage.root, self.live()).items()}

    def groups(self) -> dict[str, list[Group]]:
        """The files by table, apart where their columns differ and where a row may lie in two of them."""
        live = self.live()
        doubtful = contested(list(self.entries.values()), standing(self.entries.values()))
        sure = [entry for entry in live if entry.name not in doubtful]
        groups: dict[str, list[Group]] = {}
        for form in sorted({entry.format for entry in sure}):
            for table, group in _grouped(self.storage.root, (entry for entry in sure if entry.format == form)).items():
                groups.setdefault(table, []).append(group)
        for table, group in _grouped(self.storage.root, (entry for entry in live if entry.name in doubtful)).items():
            groups.setdefault(table, []).append(replace(group, doubled=len(group.paths) > 1))
        return groups


def _grouped(root: Path, entries: Iterable[Entry]) -> dict[str, Group]:
    """All files of these entries by table, oldest first."""
    files: dict[str, list[File]] = {}
    for entry in entries:
        for file in entry.files:
            files.setdefault(file.table, []).append(file)
    return {table: Group(tuple(f"{root}/{file.path}" for file in of), bytes=sum(file.bytes for file in of)) for table, of in files.items()}

"""Build a root for programs: the interpreter, its standard library and named packages, read-only, and nothing else.

Standard library only, since it runs where no package can be imported. There is no /proc, so a program can look at no
process.
"""

import contextlib
import ctypes
import glob
import os
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence

from assay.verifiers.isolation.call_filter import NEW_MOUNTS, NEW_USER
from assay.verifiers.isolation.confinement import enter_namespaces

WORK, PACKAGES = "/program", "/packages"  # in the new root: the program's folder, and what it may import
STAGE = "/tmp"  # an empty file system is mounted here, for this process only, and becomes the root
OLD = "/old"  # where the old root lies while the new one is built
DEVICES = (
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
)  # not /dev/zero: mapped, it is memory that no process's own count shows
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
BIND, RECURSIVE, SLAVE, DETACH = 4096, 16384, 1 << 19, 2
READ_ONLY, NO_SETUID, NO_DEVICES = 1, 2, 4  # attributes of a mount, as of mount and mount_setattr


def enter_root(packages: Mapping[str, str]) -> str:
    """Move this process into new user and mount namespaces, with a root that holds only what a program needs.

    Args:
        packages: {name in the folder of packages: file or folder here}.

    Returns:
        "" where that worked, else why not; then this process can do nothing more.
    """
    if refusal := enter_namespaces(NEW_USER | NEW_MOUNTS):
        return refusal
    try:
        _build_root(packages)
    except OSError as error:
        return f"{error.filename or 'own root'}: {error.strerror}"
    return ""


def mount_folder(path: str, *, size: int, files: int) -> None:
    """Mount an empty file system of bounded size over a folder.

    Args:
        path: The folder.
        size: Bytes that it may hold.
        files: Files and folders that it may hold.

    Raises:
        OSError: The kernel refused.
    """
    _mount("tmpfs", path, "tmpfs", NO_SETUID | NO_DEVICES, f"size={size},nr_inodes={files},mode=700")


def interpreter_paths() -> list[str]:
    """List the files and folders without which this interpreter and its standard library do not run."""
    base, binary = sys.base_prefix, os.path.realpath(sys.executable)
    interpreter = [f"{base}/lib", f"{base}/lib64", os.path.dirname(os.__file__), sys.executable, binary]
    nix_store = ["/nix/store"] if binary.startswith("/nix/store/") else []
    return _drop_nested(
        [path for path in (*SYSTEM, *interpreter, *nix_store, *_loaded_libraries()) if os.path.exists(path)]
    )


def _build_root(packages: Mapping[str, str]) -> None:
    paths = interpreter_paths()
    _mount(None, "/", None, RECURSIVE | SLAVE)
    _mount("tmpfs", STAGE, "tmpfs", 0, "size=1m,mode=755")
    for name in ("old", "new"):
        os.mkdir(f"{STAGE}/{name}")
    _pivot_root(STAGE, f"{STAGE}/old")
    os.chdir("/")
    _mount("tmpfs", "/new", "tmpfs", 0, "size=4m,mode=755")
    for path in paths:
        _bind_mount(path, path)
    for folder in _find_site_folders(paths):
        _mount("tmpfs", f"/new{folder}", "tmpfs", 0, "size=4k,mode=755")
    for name, path in packages.items():
        _bind_mount(path, f"{PACKAGES}/{name}")
    for folder in (WORK, PACKAGES, "/tmp"):  # /tmp of the new root, unrelated to STAGE
        os.makedirs(f"/new{folder}", exist_ok=True)
    for path in DEVICES:
        _bind_mount(path, path)
    _set_attributes("/new", READ_ONLY | NO_SETUID)
    os.chdir("/new")
    _pivot_root(".", ".")
    _check_result(_libc().umount2(b".", DETACH), "umount")
    os.chdir("/")


def _bind_mount(source: str, target: str) -> None:
    """Show a file or folder of the old root in the new one; its parents are made, and links are followed."""
    old_path, new_path = _resolve_links(source), f"/new{target}"
    os.makedirs(os.path.dirname(new_path), exist_ok=True)
    if os.path.isdir(old_path):
        os.makedirs(new_path, exist_ok=True)
    else:
        with contextlib.suppress(FileExistsError), open(new_path, "xb"):
            pass
    _mount(old_path, new_path, None, BIND | RECURSIVE)


def _resolve_links(path: str) -> str:
    """Resolve every link of a path of the old root, within the old root."""
    resolved = OLD
    remaining, links_left = path.strip("/").split("/"), 64
    while remaining and links_left:
        name = remaining.pop(0)
        candidate = os.path.join(resolved, name)
        if os.path.islink(candidate):
            links_left -= 1
            target = os.readlink(candidate)
            resolved = OLD if target.startswith("/") else resolved
            remaining = [part for part in target.split("/") if part not in ("", ".")] + remaining
        elif name == "..":
            resolved = os.path.dirname(resolved) if resolved != OLD else resolved
        else:
            resolved = candidate
    return resolved


def _find_site_folders(paths: Iterable[str]) -> list[str]:
    """Find the folders of installed packages below the paths shown, which are hidden by empty file systems."""
    patterns = ("{}/site-packages", "{}/dist-packages", "{}/python3*/site-packages", "{}/python3*/dist-packages")
    folders = [path for path in paths if os.path.isdir(f"/new{path}")]
    return sorted(
        {
            match.removeprefix("/new")
            for path in folders
            for pattern in patterns
            for match in glob.glob(pattern.format(f"/new{path}"))
        }
    )


def _drop_nested(paths: Sequence[str]) -> list[str]:
    """Return the paths that lie below no other of them, ascending."""
    outermost: list[str] = []
    for path in sorted(dict.fromkeys(os.path.normpath(path) for path in paths)):
        if not any(path.startswith(f"{folder}/") for folder in outermost):
            outermost.append(path)
    return outermost


def _loaded_libraries() -> list[str]:
    """List the shared libraries that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.rstrip("\n").split(maxsplit=5) for line in file]
    return sorted({row[5] for row in rows if len(row) == 6 and row[5].startswith("/") and ".so" in row[5]})


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    _check_result(_libc().mount(*encoded, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def _pivot_root(new: str, old: str) -> None:
    number = 155 if os.uname().machine == "x86_64" else 41
    _check_result(_libc().syscall(number, os.fsencode(new), os.fsencode(old)), "pivot_root")


def _set_attributes(path: str, attributes: int) -> None:
    """Add attributes to a mount and to all mounts below it."""
    arguments = struct.pack("QQQQ", attributes, 0, 0, 0)
    _check_result(_libc().syscall(442, -100, os.fsencode(path), 0x8000, arguments, len(arguments)), f"read-only {path}")


def _check_result(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

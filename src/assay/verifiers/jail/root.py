"""A file system of its own for programs: the interpreter, its standard library and named packages, read-only, and nothing else.

Standard library only, since it runs where no package can be imported. There is no /proc, so no process can be looked at.
"""

import contextlib
import ctypes
import glob
import os
import struct
import sys
from collections.abc import Iterable, Mapping, Sequence

from assay.verifiers.isolation.confinement import NEW_MOUNTS, NEW_USER, enter_namespaces

WORK, PACKAGES = "/program", "/packages"  # the program's folder and what it may import, in the new root
STAGE = "/tmp"  # an empty file system is laid over it, for this process alone, and becomes the root
OLD = "/old"  # where the old root is while the new one is made
DEVICES = (
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
)  # not zero: mapped, it is memory that no process's own count shows
SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/usr/share/zoneinfo")
BIND, RECURSIVE, SLAVE, DETACH = 4096, 16384, 1 << 19, 2
READ_ONLY, NO_SETUID, NO_DEVICES = 1, 2, 4  # of a mount, in the words of mount and of mount_setattr


def enter_root(packages: Mapping[str, str]) -> str:
    """Move this process into new user and mount namespaces whose root holds only what a program needs.

    Args:
        packages: {name in the folder of packages: file or folder here}.

    Returns:
        "" where that worked, else why not; then this process is of no further use.
    """
    if refusal := enter_namespaces(NEW_USER | NEW_MOUNTS):
        return refusal
    try:
        _enter(packages)
    except OSError as error:
        return f"{error.filename or 'own root'}: {error.strerror}"
    return ""


def mount_folder(path: str, *, size: int, files: int) -> None:
    """Lay an empty file system of a bounded size over a folder.

    Args:
        path: the folder.
        size: bytes that it may hold.
        files: files and folders that it may hold.

    Raises:
        OSError: refused.
    """
    _mount("tmpfs", path, "tmpfs", NO_SETUID | NO_DEVICES, f"size={size},nr_inodes={files},mode=700")


def interpreter_paths() -> list[str]:
    """The files and folders without which this interpreter and its standard library do not run."""
    base, binary = sys.base_prefix, os.path.realpath(sys.executable)
    own = [f"{base}/lib", f"{base}/lib64", os.path.dirname(os.__file__), sys.executable, binary]
    store = ["/nix/store"] if binary.startswith("/nix/store/") else []
    return _outermost([path for path in (*SYSTEM, *own, *store, *_mapped()) if os.path.exists(path)])


def _enter(packages: Mapping[str, str]) -> None:
    paths = interpreter_paths()
    _mount(None, "/", None, RECURSIVE | SLAVE)
    _mount("tmpfs", STAGE, "tmpfs", 0, "size=1m,mode=755")
    for name in ("old", "new"):
        os.mkdir(f"{STAGE}/{name}")
    _pivot(STAGE, f"{STAGE}/old")
    os.chdir("/")
    _mount("tmpfs", "/new", "tmpfs", 0, "size=4m,mode=755")
    for path in paths:
        _bind(path, path)
    for folder in _site_folders(paths):
        _mount("tmpfs", f"/new{folder}", "tmpfs", 0, "size=4k,mode=755")
    for name, path in packages.items():
        _bind(path, f"{PACKAGES}/{name}")
    for folder in (WORK, PACKAGES, "/tmp"):  # a name in the new root
        os.makedirs(f"/new{folder}", exist_ok=True)
    for path in DEVICES:
        _bind(path, path)
    _fix("/new", READ_ONLY | NO_SETUID)
    os.chdir("/new")
    _pivot(".", ".")
    _checked(_libc().umount2(b".", DETACH), "umount")
    os.chdir("/")


def _bind(source: str, target: str) -> None:
    """Show a file or folder of the old root in the new one; its parents are made, and a link is followed."""
    here, there = _followed(source), f"/new{target}"
    os.makedirs(os.path.dirname(there), exist_ok=True)
    if os.path.isdir(here):
        os.makedirs(there, exist_ok=True)
    else:
        with contextlib.suppress(FileExistsError), open(there, "xb"):
            pass
    _mount(here, there, None, BIND | RECURSIVE)


def _followed(path: str) -> str:
    """A path of the old root, every link in it followed within the old root."""
    done = OLD
    steps, budget = path.strip("/").split("/"), 64
    while steps and budget:
        step = steps.pop(0)
        here = os.path.join(done, step)
        if os.path.islink(here):
            budget -= 1
            target = os.readlink(here)
            done = OLD if target.startswith("/") else done
            steps = [part for part in target.split("/") if part not in ("", ".")] + steps
        elif step == "..":
            done = os.path.dirname(done) if done != OLD else done
        else:
            done = here
    return done


def _site_folders(paths: Iterable[str]) -> list[str]:
    """Folders of installed packages below the paths shown: an empty file system is laid over each."""
    patterns = ("{}/site-packages", "{}/dist-packages", "{}/python3*/site-packages", "{}/python3*/dist-packages")
    shown = [path for path in paths if os.path.isdir(f"/new{path}")]
    return sorted(
        {
            hit.removeprefix("/new")
            for path in shown
            for pattern in patterns
            for hit in glob.glob(pattern.format(f"/new{path}"))
        }
    )


def _outermost(paths: Sequence[str]) -> list[str]:
    """Paths that lie in no other of them, ascending."""
    kept: list[str] = []
    for path in sorted(dict.fromkeys(os.path.normpath(path) for path in paths)):
        if not any(path.startswith(f"{folder}/") for folder in kept):
            kept.append(path)
    return kept


def _mapped() -> list[str]:
    """Libraries that this process has loaded."""
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as file:
        rows = [line.rstrip("\n").split(maxsplit=5) for line in file]
    return sorted({row[5] for row in rows if len(row) == 6 and row[5].startswith("/") and ".so" in row[5]})


def _mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    encoded = [os.fsencode(text) if text is not None else None for text in (source, target, kind)]
    _checked(_libc().mount(*encoded, ctypes.c_ulong(flags), options.encode() or None), f"mount {target}")


def _pivot(new: str, old: str) -> None:
    number = 155 if os.uname().machine == "x86_64" else 41
    _checked(_libc().syscall(number, os.fsencode(new), os.fsencode(old)), "pivot_root")


def _fix(path: str, attributes: int) -> None:
    """Add attributes to a mount and to all below it."""
    wanted = struct.pack("QQQQ", attributes, 0, 0, 0)
    _checked(_libc().syscall(442, -100, os.fsencode(path), 0x8000, wanted, len(wanted)), f"read-only {path}")


def _checked(result: int, what: str) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), what)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)

"""Publish an exported folder on the Hugging Face hub: only on request, and privately unless asked otherwise."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from assay.core.errors import ConfigError, PublishError


def publish(folder: Path, repository: str, *, public: bool = False) -> str:
    """Upload a folder as one commit to a data set repository, which is made where it is not there.

    The token is the one of `hf auth login`, or of HF_TOKEN; HF_ENDPOINT names another hub.

    Args:
        folder: what `curate export --to hub` wrote.
        repository: OWNER/NAME.
        public: whether everybody may read it.

    Returns:
        The address of the commit.

    Raises:
        ConfigError: the name is none, or the repository is public and `public` is not said.
        PublishError: the hub does not answer or refuses; nothing of this folder was published.
    """
    from huggingface_hub import HfApi

    _check_name(repository)
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="assay")
    with _refusals(repository, folder):
        api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
        is_private = api.dataset_info(repository).private
    if not public and not is_private:
        raise ConfigError(
            f"{repository} already exists and is public: add --public to publish there, or name another data set "
            "with --push"
        )
    with _refusals(repository, folder):
        commit: Any = api.upload_folder(
            repo_id=repository, folder_path=folder, repo_type="dataset", commit_message="Export from assay"
        )
    return str(commit.commit_url)


@contextmanager
def _refusals(repository: str, folder: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the hub's client, or of the HTTP library below it, which its versions change
        raise PublishError(
            f"{repository} was not published: {_reason(error)}; the export itself is in {folder}"
        ) from error


def check_publication(to: str, repository: str) -> None:
    """Check before anything is written that an export can be published under a name.

    Raises:
        ConfigError: it is no export for the hub, or the name is none.
    """
    if to != "hub":
        raise ConfigError(f"--push only publishes exports made with --to hub, found --to {to}")
    _check_name(repository)


def _check_name(repository: str) -> None:
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repository)
    except ValueError as error:
        raise ConfigError(f"--push {repository!r}: {' '.join(str(error).split())}") from error
    if "/" not in repository:
        raise ConfigError(f"--push {repository!r} is not of the form OWNER/NAME")


def _reason(error: Exception) -> str:
    """Return an error in one line; the hub's own message where it sent one."""
    response = getattr(error, "response", None)
    message = getattr(error, "server_message", None) or " ".join(str(error).split()) or type(error).__name__
    is_refused = response is not None and response.status_code in (401, 403)
    return f"{message}{' (`hf auth login`, or HF_TOKEN with write access)' if is_refused else ''}"

"""Download a catalogue entry: only the safetensors that are needed, resumable, the index last."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Protocol, cast
from urllib.parse import urlsplit

from engine.catalogue import ModelSpec
from engine.errors import EngineError

INDEX = "model_index.json"
SMALL = {".json", ".txt", ".model"}
"""Configs, vocabularies and tokenizers."""
SKIPPED = {"safety_checker", "image_encoder"}
"""Parts of a repository that drawing does not need."""
_PROXIES = [
    name for upper in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY") for name in (upper, upper.lower())
]
_PROXY_SCHEMES = {"http", "https", "socks5", "socks5h"}


class Hub(Protocol):
    """Where files come from."""

    def sizes(self, hub_id: str) -> Mapping[str, int]:
        """Bytes of every file; EngineError where the repository cannot be seen."""

    def text(self, hub_id: str, file: str) -> str:
        """A small file."""

    def download(self, hub_id: str, file: str, folder: Path) -> None:
        """Get a file, going on where an earlier attempt stopped."""


def needed(names: Sequence[str], parts: Sequence[str]) -> list[str]:
    """The files of a repository in diffusers' layout that its parts load, the index last.

    Half precision where every part has it; never pickles, and no weights twice.
    """
    half = {PurePosixPath(name).parent.name for name in names if ".fp16." in name}
    weighty = {
        PurePosixPath(name).parent.name
        for name in names
        if name.endswith(".safetensors") and PurePosixPath(name).parent.name in parts
    }
    take_half = bool(weighty) and weighty <= half
    chosen = []
    for name in names:
        path = PurePosixPath(name)
        if len(path.parts) != 2 or path.parts[0] not in parts:
            continue
        is_weight = path.suffix == ".safetensors" or name.endswith(".safetensors.index.json")
        if is_weight and (".fp16" in path.name) == take_half and "non_ema" not in path.name:
            chosen.append(name)
        if not is_weight and path.suffix in SMALL and not path.name.endswith(".bin.index.json"):
            chosen.append(name)
    return [*chosen, INDEX]


def fetch(
    spec: ModelSpec,
    *,
    agreed: bool,
    hub: Hub | None = None,
    ask: Callable[[str], str] = input,
    say: Callable[[str], object],
) -> int:
    """Say size, disk space, licence and gate; ask; download.

    Returns 0 where all the model's files are here afterwards, 1 where the answer was no.
    """
    info = spec.info
    if not spec.hub_id:
        raise EngineError(f"{info.name} has no hub_id in the catalogue; bring its files by hand.")
    hub = hub or HuggingFace()
    sizes = hub.sizes(spec.hub_id)
    if spec.hub_file:
        files = [spec.hub_file]
        folder = spec.place.parent
    else:
        index = json.loads(hub.text(spec.hub_id, INDEX))
        parts = [name for name in index if not name.startswith("_") and name not in SKIPPED]
        files = needed(list(sizes), parts)
        folder = spec.place
    absent = [name for name in files if name not in sizes]
    if absent:
        raise EngineError(f"{spec.hub_id} has no {absent[0]}; check hub_id and hub_file.")
    missing = [name for name in files if not _is_here(folder / name, sizes[name])]
    total_gb = sum(sizes[name] for name in missing) / 1e9
    near = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(near).free / 1e9
    say(f"{info.title}: {len(missing)} files, {total_gb:.2f} GB, to {folder}")
    say(f"Licence: {info.licence}; pictures {'may' if info.may_sell else 'may not'} be sold.")
    if info.gated:
        say("It is behind a gate: accept its terms on the hub and set HF_TOKEN.")
    if total_gb > free_gb:
        raise EngineError(
            f"{info.title} needs {total_gb:.2f} GB and {free_gb:.2f} GB are free at {near};"
            " make room first."
        )
    if missing and not agreed and not _agrees(ask):
        say("Nothing was downloaded.")
        return 1
    done_gb = 0.0
    for name in missing:
        say(f"{100 * done_gb / max(total_gb, 1e-9):3.0f} %  {name}, {sizes[name] / 1e6:.1f} MB")
        hub.download(spec.hub_id, name, folder)
        done_gb += sizes[name] / 1e9
    if spec.hub_file and folder / spec.hub_file != spec.place:
        (folder / spec.hub_file).rename(spec.place)
    say(f"{info.title} is ready. {_how_to_use(spec)}".rstrip())
    return 0


def _agrees(ask: Callable[[str], str]) -> bool:
    try:
        return ask("Download? [y/N] ").strip().lower() in {"y", "yes"}
    except EOFError:
        raise EngineError("There is no terminal to answer at; agree with --yes.") from None


def _how_to_use(spec: ModelSpec) -> str:
    if not spec.draws:
        return "Restart the bot to use it."
    name = next(iter(spec.info.aliases), spec.info.name)
    return (
        f"Restart the bot; then members draw with it by --v {name}, and without --v where it is "
        "the largest model here. /model default and DEFAULT_MODEL choose another."
    )


def _is_here(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _check_environment() -> None:
    """EngineError that names the variable which the hub's client, or its HTTP library, cannot use.

    Their own errors name none, and may show a secret.
    """
    endpoint = os.environ.get("HF_ENDPOINT")
    if endpoint and _scheme(endpoint) not in {"http", "https"}:
        raise EngineError(
            "HF_ENDPOINT is not an address that begins with https:// or http://; correct it, or "
            "unset it."
        )
    token = os.environ.get("HF_TOKEN", "").strip()
    if not (token.isascii() and all(map(str.isprintable, token))):
        raise EngineError("HF_TOKEN has a character that no token has; copy it again from the hub.")
    for name in _PROXIES:
        value = os.environ.get(name)
        # A proxy may be written without http:// before it.
        if value and _scheme(value if "://" in value else f"http://{value}") not in _PROXY_SCHEMES:
            raise EngineError(
                f"{name} is not the address of a proxy that begins with http://, https:// or "
                "socks5://; correct it, or unset it."
            )


def _scheme(address: str) -> str:
    """What the address begins with, such as https; "" where the address is wrong."""
    try:
        parts = urlsplit(address)
        _ = parts.port  # ValueError where it is no number or too large
    except ValueError:
        return ""
    return parts.scheme if parts.hostname else ""


class HuggingFace:
    """The hub, through its own client; it reads HF_TOKEN and HF_ENDPOINT from the environment.

    EngineError names the variable of the environment that cannot be used.
    """

    def __init__(self) -> None:
        _check_environment()

    def sizes(self, hub_id: str) -> Mapping[str, int]:
        from huggingface_hub import HfApi  # noqa: PLC0415 - a second to import

        with _in_words(f"{hub_id} cannot be reached", "Look at the network, then run it again."):
            info = HfApi().model_info(hub_id, files_metadata=True)
        return {file.rfilename: file.size or 0 for file in info.siblings or ()}

    def text(self, hub_id: str, file: str) -> str:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415

        with _in_words(f"{file} of {hub_id} cannot be read", "Run it again to go on."):
            return Path(hf_hub_download(hub_id, file)).read_text(encoding="utf-8")

    def download(self, hub_id: str, file: str, folder: Path) -> None:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415

        with _in_words(f"{file} of {hub_id} stopped", "Run it again to go on."):
            hf_hub_download(hub_id, file, local_dir=folder)


@contextlib.contextmanager
def _in_words(what: str, then: str) -> Iterator[None]:
    """Turn whatever the hub, the network or the disk refuses into one sentence."""
    from huggingface_hub import errors  # noqa: PLC0415

    # What breaks below HTTP is an error of the client's HTTP library, whose name changes between
    # versions of the client: its base class is one of the bases here, OSError the other.
    network = cast("tuple[type[Exception], ...]", errors.HfHubHTTPError.__bases__)
    try:
        yield
    except errors.GatedRepoError as error:
        raise EngineError(
            f"{what}: it is behind a gate. Accept its terms on the hub, then set HF_TOKEN."
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise EngineError(
            f"{what}: the hub has no such model, or shows it only to those with the right HF_TOKEN."
        ) from error
    except network as error:
        raise EngineError(f"{what}: {_first_line(error).rstrip('.')}. {then}") from error

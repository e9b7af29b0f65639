"""What the worker expects of models: a `Denoiser` draws in batches, a `Solo` does one job."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from engine.errors import JobError, Sentence

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch
    from PIL import Image
    from torch import Tensor

    from engine.messages import DrawJob, Finished, Job
    from engine.models.preview import Preview
    from engine.models.safety import SafetyCheck
    from engine.pictures.encoded import Inputs


PATIENCE_S = 1800.0
"""How long a model that is being loaded or compiled is waited for. Each takes minutes at most, so
what takes longer hangs."""
_CONSTRUCTING = threading.Lock()


@contextmanager
def constructing() -> Iterator[None]:
    """To be held while modules are built, by one thread at a time.

    diffusers and accelerate patch torch's classes meanwhile, for all threads: modules that another
    thread builds at the same time would have no data. Raises JobError where another thread does not
    let go within `PATIENCE_S`.
    """
    if not _CONSTRUCTING.acquire(timeout=PATIENCE_S):
        raise JobError(
            Sentence(
                "Another model has been loading or compiling for {minutes:.0f} minutes and hangs;"
                " the bot must be started anew.",
                minutes=PATIENCE_S / 60,
            )
        )
    try:
        yield
    finally:
        _CONSTRUCTING.release()


Beside = Callable[[], "Iterable[DrawJob]"]
"""The jobs of a model that wait while rows of it are in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditioning:
    """What a prompt becomes for one row."""

    tensors: Mapping[str, Tensor]
    """(samples, …) each: without guidance the text; with it negative, text, and what to avoid."""
    avoid_weight: float = 0.0
    """Weight of the third sample, which the picture is led away from; negative, or 0 without one.
    """
    notes: tuple[Sentence, ...] = ()


class Predictor(Protocol):
    """What a tick needs of a model."""

    device: torch.device
    prediction: str
    """epsilon, v_prediction, sample or flow."""
    alphas: Sequence[float]
    """Cumulative products of 1 − β by timestep; empty for flow."""
    untypical: bool
    """Whether the last pass ran without compiled code though the model is being compiled."""
    deep: Tensor | None
    """What came from within the denoiser in the last pass, (B, …), where the next may take it over;
    the tick takes it away."""

    def padded(self, samples: int, *, wraps: bool) -> int: ...
    def tile(self, *, on: bool) -> None: ...
    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor: ...
    def guide(
        self, predictions: Sequence[Tensor], scale: Tensor, avoid_weight: Tensor
    ) -> Tensor: ...


class Denoiser(Predictor, Protocol):
    """A drawing model whose images in flight share forward passes: what comes before and after."""

    name: str
    noise_dtype: torch.dtype
    picture_noise_dtype: torch.dtype
    """What the noise over a picture is drawn in, before it becomes `noise_dtype`. Some versions of
    torch draw other numbers in each format, so it has to be the pipeline's.
    """
    scheduler: Any
    """The checkpoint's own, from which each row's copy is configured."""
    inpaints: bool
    """Whether mask and masked picture are input channels of the denoiser."""
    preview: Preview
    safety: SafetyCheck | None
    can_tile: bool
    tile_from: float
    """From which share of a drawing on a tile's convolutions wrap around."""
    deep_every: int
    """All of the denoiser runs in one of so many steps of a row; 1 = in each."""
    makes_contiguous: bool
    """Whether its inpainting pipeline makes encoded pictures contiguous. The encoder leaves
    channels last, and convolutions round differently for each layout."""

    def condition(
        self, job: DrawJob, pictures: Sequence[Image.Image] = (), beside: Beside | None = None
    ) -> Conditioning: ...
    def without_text_cache(self) -> AbstractContextManager[None]: ...
    def tokens(self, word: str) -> int:
        """How many pieces its tokenizer makes of a word."""
        ...

    def adapter(self, loras: tuple[tuple[str, float], ...]) -> str: ...
    def keep_adapters(self, in_use: Collection[str]) -> None: ...
    def latent_shape(self, width_px: int, height_px: int) -> tuple[int, ...]: ...
    def first_step(self, steps: int, strength: float) -> int: ...
    def set_timesteps(self, scheduler: Any, steps: int, shape: tuple[int, ...]) -> None: ...  # noqa: ANN401
    def encode_image(self, picture: Image.Image) -> Callable[[torch.Generator], Tensor]: ...
    def encode_mask(
        self, mask: Image.Image, picture: Image.Image
    ) -> Callable[[torch.Generator], tuple[Tensor, Tensor | None]]: ...
    def add_noise(
        self,
        scheduler: Any,  # noqa: ANN401
        latents: Tensor,
        noise: Tensor,
        timestep: Tensor,
    ) -> Tensor: ...
    def decode(self, latents: Tensor) -> Tensor: ...


@runtime_checkable
class Solo(Protocol):
    """A pipeline or network that has the device to itself until its next report."""

    name: str

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Do the job; `report(done, total)` raises where the job was cancelled."""

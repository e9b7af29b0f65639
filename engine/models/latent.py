"""What all latent diffusion families share: prompts, pictures, masks, guidance, the decoder."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from engine.errors import Sentence
from engine.messages import DrawJob, Look, WeightedText
from engine.models import Beside, Conditioning, noise, variation
from engine.models.compiled import Compiled
from engine.models.compiled_decoder import CompiledDecoder
from engine.models.deep_cache import DEEP, DeepPass, ShallowPass
from engine.models.how import HowCompiled
from engine.models.loras import Loras
from engine.models.preview import LinearRgb, Preview
from engine.models.safety import SafetyCheck
from engine.models.text_cache import Embedding, Text, TextCache
from engine.policy.budgets import bucket_of

LOOKED_AT = 16
"""How many jobs that wait are looked at for texts to read with those of one that begins."""
COUNTED = 256
"""Of how many texts a model remembers their chunks, as jobs that wait are looked at again."""
log = logging.getLogger(__name__)


class LatentModel:
    """A diffusers pipeline's parts as a `Denoiser`; families say how text becomes conditioning."""

    chunks_together = 1
    """How many chunks a pass of the text encoder takes where several jobs wait; 1: encoding texts
    together gains nothing, as with long ones, or cannot be done."""

    def __init__(
        self,
        name: str,
        pipeline: Any,  # noqa: ANN401
        device: torch.device,
        loras: Mapping[str, Path] = MappingProxyType({}),
    ) -> None:
        self.name = name
        self.device = device
        self.pipeline = pipeline
        self.scheduler = pipeline.scheduler
        self.vae = pipeline.vae
        self.vae_scale = 2 ** (len(self.vae.config.block_out_channels) - 1)
        self.channels = int(self.vae.config.latent_channels)
        self.noise_dtype: torch.dtype = self.denoiser.dtype
        self.picture_noise_dtype: torch.dtype = self.denoiser.dtype
        self._mean, self._deviation = (
            torch.tensor(values, device=device).view(1, -1, 1, 1) if values else None
            for values in (
                getattr(self.vae.config, "latents_mean", None),
                getattr(self.vae.config, "latents_std", None),
            )
        )
        """Mean and deviation by channel, where the autoencoder has them, as Playground 2.5's does.
        """
        self.prediction = str(getattr(self.scheduler.config, "prediction_type", "epsilon"))
        alphas = getattr(self.scheduler, "alphas_cumprod", None)
        self.alphas: Sequence[float] = [] if alphas is None else alphas.tolist()
        self.inpaints = False
        self.preview: Preview = LinearRgb(self.channels)
        self.safety: SafetyCheck | None = None
        self.can_tile = True
        self.tile_from = 0.0
        self.makes_contiguous = True
        self._tiles = False
        self._loras = Loras(pipeline, loras, device)
        self._compiled: Compiled | None = None
        self._passes: tuple[DeepPass, ShallowPass] | None = None
        self._compiled_shallow: Compiled | None = None
        self._decoder: CompiledDecoder | None = None
        self.deep_every = 1
        self.deep: Tensor | None = None
        self.untypical = False
        self._text_adapter, self._alone = "", True
        self._texts = TextCache()
        self._chunks_of = lru_cache(maxsize=COUNTED)(self.text_chunks)

    @property
    def denoiser(self) -> Any:  # noqa: ANN401 - UNets and transformers share no useful base
        """The network that a tick runs."""
        raise NotImplementedError

    @property
    def posterior_dtype(self) -> torch.dtype:
        """What the pipeline draws an encoded picture's noise in."""
        return self.picture_noise_dtype

    # Text.

    def tokens(self, word: str) -> int:
        """How many pieces its tokenizer, of several the first, makes of a word."""
        return len(self.pipeline.tokenizer(word, add_special_tokens=False).input_ids)

    def text_chunks(self, text: str) -> int:
        """How many chunks a text needs; 1 where the encoder takes any length."""
        del text
        return 1

    def embed(self, texts: Sequence[Text]) -> list[Embedding]:
        """Encode texts, in one pass where there may be several; cached by the caller."""
        raise NotImplementedError

    def embed_negative(self, text: str, chunks: int) -> Embedding:
        """What the first sample of a guided row sees."""
        return self._cached(text, chunks)

    def text_notes(self, text: str) -> tuple[Sentence, ...]:
        """Notes for the member on how this text was read."""
        del text
        return ()

    def guided(self, job: DrawJob) -> bool:
        """Whether rows of this job bring a sample for the negative."""
        return job.guided

    def extra_conditioning(self, job: DrawJob, samples: int) -> Embedding:
        """Tensors that do not come from the text, (samples, …)."""
        del job, samples
        return {}

    def image_prompt(
        self, job: DrawJob, pictures: Sequence[Image.Image], samples: int
    ) -> Embedding:
        """Tensors of the pictures that guide, (samples, …), where the model has an adapter."""
        del job, pictures, samples
        return {}

    def condition(
        self, job: DrawJob, pictures: Sequence[Image.Image] = (), beside: Beside | None = None
    ) -> Conditioning:
        """Encode the prompt's parts, mixed by weight, the negative, and what negative weights
        avoid.

        pictures: those that guide the drawing in addition to the words. beside: the jobs of this
        model that wait; None where the job is drawn alone, whose texts are encoded one by one, as
        in the pipeline.
        """
        wanted, avoided = _wanted(job), _avoided(job)
        total = sum(part.weight for part in wanted)
        guided = self.guided(job)
        heeded = [*wanted, *avoided, WeightedText(text=job.negative)] if guided else wanted
        notes = [note for part in heeded for note in self.text_notes(part.text)]
        if not guided and (job.negative or avoided):
            notes.append(Sentence("Without guidance this model cannot heed what to leave out."))
        self._text_adapter, self._alone = self.adapter(job.loras), beside is None
        texts = self._texts_in(job)
        if beside is not None:
            self._read_together(job, texts, beside)
        chunks = texts[0][1]
        text = self._mixed(wanted, chunks)
        if job.looks:
            looks = [(_wanted(look), look.weight) for look in job.looks]
            text = variation.led(
                text, [(self._mixed(parts, chunks), weight) for parts, weight in looks]
            )
        samples = [text]
        if guided:
            samples.insert(0, self.embed_negative(job.negative, chunks))
        if guided and avoided:
            samples.append(self._mixed(avoided, chunks))
        tensors = {key: torch.cat([sample[key] for sample in samples]) for key in samples[0]}
        return Conditioning(
            tensors={
                **tensors,
                **self.extra_conditioning(job, len(samples)),
                **self.image_prompt(job, pictures, len(samples)),
            },
            avoid_weight=-sum(part.weight for part in avoided) / total,
            notes=tuple(notes),
        )

    def _mixed(self, parts: Sequence[WeightedText], chunks: int) -> Embedding:
        embeddings = [self._cached(part.text, chunks) for part in parts]
        if len(embeddings) == 1:
            return embeddings[0]
        total = sum(part.weight for part in parts)
        weights = [part.weight / total for part in parts]
        mixed: dict[str, Tensor] = {}
        for key, first in embeddings[0].items():
            stacked = torch.stack([embedding[key] for embedding in embeddings])
            if first.is_floating_point():
                shares = torch.tensor(weights, dtype=first.dtype, device=first.device)
                mixed[key] = torch.tensordot(shares, stacked, dims=1)
            else:
                mixed[key] = stacked.amax(dim=0)
        return mixed

    def _texts_in(self, job: DrawJob) -> list[Text]:
        """All texts that a job's samples are made of; each is given as many chunks as the longest
        needs.
        """
        parts = [*_wanted(job), *(part for look in job.looks for part in _wanted(look))]
        if self.guided(job):
            parts += [WeightedText(text=job.negative), *_avoided(job)]
        chunks = max(self._chunks_of(part.text) for part in parts)
        return [(part.text, chunks) for part in parts]

    def _readable(self, job: DrawJob) -> list[Text]:
        """The texts of a job that waits; none where they cannot be read: it fails in its turn."""
        try:
            return self._texts_in(job)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - panics of the tokenizer, which is in Rust, too
            return []

    def _read_together(self, job: DrawJob, texts: Sequence[Text], beside: Beside) -> None:
        """Encode what is not cached of these texts, and of those of other jobs, in one pass."""

        def unread(texts: Iterable[Text]) -> list[Text]:
            return [
                text
                for text in dict.fromkeys(texts)
                if (*text, self._text_adapter) not in self._texts
            ]

        wanted = unread(texts)
        if not wanted or self.chunks_together == 1:
            return
        # A job's texts may be long; then those of others find no room, and it is read without them.
        room = self.chunks_together - sum(chunks for _, chunks in wanted)
        for other in itertools.islice(beside(), LOOKED_AT):
            if room <= 0:
                break
            if other.loras != job.loras:
                continue
            more = [text for text in unread(self._readable(other)) if text not in wanted]
            if (taken := sum(chunks for _, chunks in more)) <= room:
                wanted += more
                room -= taken
        try:
            with self.using([self._text_adapter]):
                embeddings = self.embed(wanted)
        except Exception:
            log.info("Texts that could not be read together are read one by one.", exc_info=True)
            return
        for text, embedding in zip(wanted, embeddings, strict=True):
            # Copies, so that each may go alone.
            own = {key: tensor.clone() for key, tensor in embedding.items()}
            self._texts.put((*text, self._text_adapter), own, together=len(wanted) > 1)

    def _cached(self, text: str, chunks: int) -> Embedding:
        def encode() -> Embedding:
            with self.using([self._text_adapter]):
                return self.embed([(text, chunks)])[0]

        return self._texts.get((text, chunks, self._text_adapter), encode, alone=self._alone)

    @contextmanager
    def without_text_cache(self) -> Iterator[None]:
        """Texts encoded within are not cached: they would displace those of other members."""
        kept, self._texts = self._texts, TextCache(limit=0)
        try:
            yield
        finally:
            self._texts = kept

    # Adapters.

    def adapter(self, loras: tuple[tuple[str, float], ...]) -> str:
        """The name that rows with these LoRAs carry to `predict`."""
        return self._loras.name_for(loras)

    def keep_adapters(self, in_use: Collection[str]) -> None:
        """Forget the longest unused LoRAs beyond a few, but none that rows in flight have."""
        self._loras.keep(in_use)

    @property
    def adapters_gb(self) -> float:
        """What LoRAs take of the device's memory."""
        return self._loras.gigabytes()

    def using(self, adapters: Sequence[str]) -> AbstractContextManager[None]:
        """Use these adapters in the passes within, one for each sample."""
        return self._loras.using(adapters)

    def padded(self, samples: int, *, wraps: bool) -> int:
        """How many samples a pass with so many must have: a full bucket where it has compiled code.

        wraps: whether it is of seamless tiles, which have none.
        """
        passes = (self._compiled, self._compiled_shallow)
        compiled = not wraps and any(each.serves for each in passes if each is not None)
        return bucket_of(samples) if compiled else samples

    def compiling(self) -> bool:
        """Whether shapes that were asked for are still being compiled."""
        return any(each.waits() for each in self._all_compiled)

    def close(self) -> None:
        """Close what would keep the weights in memory."""
        for each in self._all_compiled:
            each.close()

    @property
    def _all_compiled(self) -> Sequence[Compiled]:
        decoder = None if self._decoder is None else self._decoder.code
        every = (self._compiled, self._compiled_shallow, decoder)
        return [each for each in every if each is not None]

    def reuse_deep_features(self, deep_every: int) -> None:
        """Run all of the denoiser, a UNet, in one of so many steps; call it before `compile`."""
        self.deep_every = deep_every
        self._passes = (DeepPass(self.denoiser), ShallowPass(self.denoiser))

    def compile(self, how: HowCompiled, *, graphs: bool = False) -> None:
        """Compile denoiser and decoder in the background, each shape when it is first asked for.

        graphs: whether passes of few samples are CUDA graphs, too.
        """
        self._decoder = CompiledDecoder(self.vae, how)
        if self._passes is None:
            self._compiled = Compiled(self.denoiser, how, graphs=graphs)
            return
        self._compiled, self._compiled_shallow = (
            Compiled(each, how, graphs=graphs) for each in self._passes
        )

    # Seamless tiling, by convolutions that wrap around.

    def tile(self, *, on: bool) -> None:
        """Let the following passes draw pictures that repeat without a seam, or not."""
        if on == self._tiles:
            return
        for part in (self.denoiser, self.vae.decoder):
            for module in part.modules():
                if isinstance(module, torch.nn.Conv2d):
                    module.padding_mode = "circular" if on else "zeros"
        self._tiles = on

    # Latents.

    def latent_shape(self, width_px: int, height_px: int) -> tuple[int, ...]:
        """(1, C, h, w) of one picture."""
        return (1, self.channels, height_px // self.vae_scale, width_px // self.vae_scale)

    def first_step(self, steps: int, strength: float) -> int:
        """The step at which a picture noised to `strength` begins, as diffusers counts.

        Unlike there, a strength above 0 always leaves a step to draw.
        """
        drawn = max(int(steps * strength), 1 if strength > 0 else 0)
        return steps - min(drawn, steps)

    def set_timesteps(self, scheduler: Any, steps: int, shape: tuple[int, ...]) -> None:  # noqa: ANN401
        """Prepare a scheduler for so many steps, on the CPU: some index CPU tables by them."""
        del shape
        scheduler.set_timesteps(steps, device="cpu")

    def add_noise(
        self,
        scheduler: Any,  # noqa: ANN401
        latents: Tensor,
        noise: Tensor,
        timestep: Tensor,
    ) -> Tensor:
        """Latents as they would be at this timestep."""
        noised: Tensor = scheduler.add_noise(latents, noise, timestep.reshape(1))
        return noised

    def encode_image(self, picture: Image.Image) -> Callable[[torch.Generator], Tensor]:
        """A function that draws the picture's latents, (1, C, h, w)."""
        return self._encode(self._pixels(picture))

    def encode_mask(
        self, mask: Image.Image, picture: Image.Image
    ) -> Callable[[torch.Generator], tuple[Tensor, Tensor | None]]:
        """A function that returns the area to draw anew, (1, 1, h, w), and the denoiser's extra
        channels.

        It draws the masked picture's latents even where they are not needed, as diffusers does.
        """
        white = torch.from_numpy(np.array(mask).astype(np.float32) / 255.0)[None, None]
        white = (white >= 0.5).float()
        shape = self.latent_shape(*mask.size)[-2:]
        new = functional.interpolate(white, size=shape).to(self.device, self.noise_dtype)
        hidden = self._pixels(picture) * (white < 0.5)
        sample = self._encode(hidden)

        def draw(generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
            latents = sample(generator)
            return new, torch.cat([new, latents], dim=1) if self.inpaints else None

        return draw

    def decode(self, latents: Tensor) -> Tensor:
        """(B, C, h, w) → (B, 3, H, W), −1 … 1."""
        shift = getattr(self.vae.config, "shift_factor", None) or 0
        given, scale = latents.to(self.vae.dtype), self.vae.config.scaling_factor
        if self._mean is not None and self._deviation is not None:
            mean, deviation = self._mean.to(given.dtype), self._deviation.to(given.dtype)
            scaled = given * deviation / scale + mean
        else:
            scaled = given / scale
        ready = scaled + shift if shift else scaled
        if self._decoder is not None and not self._tiles:
            return self._decoder.decode(ready)
        pixels: Tensor = self.vae.decode(ready, return_dict=False)[0]
        return pixels

    def _encode(self, pixels: Tensor) -> Callable[[torch.Generator], Tensor]:
        posterior = self.vae.encode(pixels.to(self.device, self.vae.dtype)).latent_dist
        shift = getattr(self.vae.config, "shift_factor", None) or 0
        scale = self.vae.config.scaling_factor

        def draw(generator: torch.Generator) -> Tensor:
            # As `posterior.sample`, but in the pipeline's format, whatever the autoencoder's is.
            shape, dtype = posterior.mean.shape, self.posterior_dtype
            drawn = noise.draw(shape, generator, self.device, dtype).to(posterior.mean.dtype)
            latents: Tensor = posterior.mean + posterior.std * drawn
            if self._mean is not None and self._deviation is not None:
                mean, deviation = self._mean.to(latents.dtype), self._deviation.to(latents.dtype)
                latents = (latents - mean) * scale / deviation
            else:
                latents = (latents - shift) * scale if shift else scale * latents
            return latents.to(self.noise_dtype)

        return draw

    def _pixels(self, picture: Image.Image) -> Tensor:
        array = np.array(picture).astype(np.float32) / 255.0
        pixels: Tensor = 2.0 * torch.from_numpy(array[None].transpose(0, 3, 1, 2)) - 1.0
        return pixels

    # Denoising.

    def predict(
        self,
        latents: Tensor,
        timesteps: Tensor,
        conditioning: Mapping[str, Tensor],
        adapters: Sequence[str],
    ) -> Tensor:
        """One forward pass: (B, C, h, w), (B,) fp32, tensors of (B, …), and one adapter each."""
        raise NotImplementedError

    def forward(
        self,
        adapters: Sequence[str],
        *arguments: Any,  # noqa: ANN401
        eager: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        """Run the denoiser, with compiled code where there is some for exactly these shapes.

        It runs eagerly where the pass has a seamless tile, or where the family asks for that.
        options: with `deep_features` only the outermost blocks run.
        """
        shallow = DEEP in options
        compiled = self._compiled_shallow if shallow else self._compiled
        self.untypical = compiled is not None and compiled.serves
        served = None
        if compiled is not None and not (eager or self._tiles):
            loras = self._loras.stacked(adapters)
            if loras is None or self._passes is None:
                served = compiled.serve(arguments, options, loras)
        if served is not None:
            self.untypical = False
            result = served[0]
        else:
            network = self.denoiser if self._passes is None else self._passes[shallow]
            with self.using(adapters), self.eagerly():
                result = network(*arguments, **options)
        if self._passes is not None and not shallow:
            self.deep = result[1]
        return result

    def eagerly(self) -> AbstractContextManager[object]:
        """The context in which the denoiser runs eagerly."""
        return nullcontext()

    def guide(self, predictions: Sequence[Tensor], scale: Tensor, avoid_weight: Tensor) -> Tensor:
        """Classifier-free guidance (Ho & Salimans 2022, eq. 6), one scale for each row.

        predictions, (B, C, h, w) each: for the text alone; or for the negative and the text; or for
        these and for what to avoid, which is composed in with a negative weight (Liu et al. 2022,
        eq. 11). scale, avoid_weight: (B, 1, 1, 1) fp32.
        """
        if len(predictions) == 1:
            return predictions[0]
        negative, text, *avoided = predictions
        guided = negative + scale * (text - negative)
        for prediction in avoided:
            guided = guided + scale * avoid_weight * (prediction - negative)
        return guided


def _wanted(described: DrawJob | Look) -> list[WeightedText]:
    """The parts of a prompt that are to be seen; the empty text where there are none."""
    return [part for part in described.prompt if part.weight > 0] or [WeightedText(text="")]


def _avoided(job: DrawJob) -> list[WeightedText]:
    """The parts that the picture is led away from, with positive weights."""
    return [WeightedText(text=p.text, weight=-p.weight) for p in job.prompt if p.weight < 0]

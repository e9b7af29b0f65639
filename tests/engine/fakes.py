"""A model of four latents a picture, a scripted mailbox, and a worker that runs on the spot."""

from __future__ import annotations

import queue
from concurrent.futures import Executor, Future

import torch
from diffusers import DDIMScheduler

from engine.loop.admission import Admission
from engine.loop.mailbox import Close, Submit
from engine.loop.reports import Reports
from engine.loop.worker import Worker
from engine.models import Conditioning
from engine.models.preview import LinearRgb
from engine.pictures.encoded import Inputs
from engine.policy.budgets import Budgets, Profile
from engine.policy.queue import FairQueue


class FakeModel:
    """A `Denoiser` that draws the seed's noise; a test scripts what goes wrong."""

    def __init__(
        self,
        name="m",
        *,
        most_samples=10**9,
        no_memory=None,
        poison=None,
        broken="",
        nan="",
        clock=None,
        tick_s=0.0,
        decode_s=0.0,
    ):
        self.name = name
        self._clock, self._tick_s, self._decode_s = clock or FakeClock(), tick_s, decode_s
        self.device = torch.device("cpu")
        self.noise_dtype = self.picture_noise_dtype = torch.float32
        self.scheduler = DDIMScheduler(clip_sample=False)
        self.prediction = "epsilon"
        self.alphas = self.scheduler.alphas_cumprod.tolist()
        self.preview = LinearRgb(3)
        self.safety = None
        self.inpaints = self.makes_contiguous = False
        self.can_tile = True
        self.tile_from = 0.0
        self.untypical = False
        self.deep, self.deep_every = None, 1
        self.passes = []
        """Samples of every pass that went through."""
        self.decoded = []
        """Pictures of every call of the decoder."""
        self._most_samples, self._poison = most_samples, poison
        self._no_memory = no_memory or torch.OutOfMemoryError("CUDA out of memory.")
        self._broken, self._nan = broken, nan

    def condition(self, job, pictures=(), beside=None):
        samples = 2 if job.guidance > 1 else 1
        mark = float(bool(job.prompt) and job.prompt[0].text == self._broken)
        return Conditioning(tensors={"mark": torch.full((samples, 1), mark)})

    def adapter(self, loras):
        return ""

    def keep_adapters(self, in_use):
        pass

    def latent_shape(self, width_px, height_px):
        return (1, 3, height_px // 32, width_px // 32)

    def first_step(self, steps, strength):
        return steps - int(steps * strength)

    def padded(self, samples, *, wraps):
        return samples

    def tile(self, *, on):
        pass

    def set_timesteps(self, scheduler, steps, shape):
        scheduler.set_timesteps(steps)

    def predict(self, latents, timesteps, conditioning, adapters):
        if self._poison is not None:
            raise self._poison
        if len(latents) > self._most_samples:
            raise type(self._no_memory)(*self._no_memory.args)  # a new one, which holds nothing
        if self._broken and conditioning["mark"].any():
            raise RuntimeError("shape mismatch deep inside")
        self.passes.append(len(latents))
        self._clock.now_s += self._tick_s
        return latents * float("nan") if self._nan else torch.zeros_like(latents)

    def guide(self, predictions, scale, avoid_weight):
        return predictions[-1]

    def decode(self, latents):
        self.decoded.append(len(latents))
        self._clock.now_s += self._decode_s * len(latents)
        return latents.clamp(-1, 1).repeat_interleave(4, -1).repeat_interleave(4, -2)


class ReadyModels:
    """Every model is resident."""

    loading = None

    def __init__(self, *models):
        self._models = {model.name: model for model in models}

    def names(self):
        return tuple(self._models)

    def get(self, name):
        return self._models.get(name)

    def compiling(self):
        return ()

    def is_solo(self, job):
        return False

    def title(self, name):
        return name

    def just_loaded(self):
        return False

    def unload_idle(self, after_s, in_use):
        pass

    def close(self):
        pass


class ScriptedMailbox:
    """Messages by the number of the turn that receives them; closes when all is idle."""

    def __init__(self, script):
        self._script = {turn: list(messages) for turn, messages in script.items()}
        self._turn = 0

    def put(self, message):
        self._script.setdefault(self._turn, []).append(message)

    def get(self, *, block, timeout):
        del timeout
        waiting = self._script.get(self._turn)
        if waiting:
            return waiting.pop(0)
        later = [turn for turn, messages in self._script.items() if messages and turn > self._turn]
        if block and not later:
            return Close(float("-inf"))
        self._turn = min(later) if block else self._turn + 1
        if block:
            return self.get(block=True, timeout=None)
        raise queue.Empty


class OnTheSpot(Executor):
    """Runs what it is given at once."""

    def submit(self, function, /, *arguments, **options):
        future = Future()
        try:
            future.set_result(function(*arguments, **options))
        except Exception as error:  # noqa: BLE001 - as executors do
            future.set_exception(error)
        return future


class FakeClock:
    """Each look at it takes a millisecond."""

    def __init__(self):
        self.now_s = 0.0

    def __call__(self):
        self.now_s += 0.001
        return self.now_s


def submit(*jobs):
    return [Submit(job, Inputs()) for job in jobs]


def work(
    script,
    *models,
    owner_cap=3,
    profile=Profile,
    clock=None,
    preview_interval_s=2.0,
    cache=None,
    mailbox=None,
    idle_unload_s=None,
    pool=None,
):
    """Run a worker through a script of {turn: messages}; the events and the worker."""
    events = []
    clock = clock or FakeClock()
    budgets = Budgets(profile)
    worker = Worker(
        mailbox=mailbox or ScriptedMailbox(script),
        admission=Admission(
            FairQueue(owner_cap=owner_cap, clock=clock), cache or ReadyModels(*models), budgets
        ),
        budgets=budgets,
        reports=Reports(
            post=events.extend,
            pool=pool or OnTheSpot(),
            clock=clock,
            preview_interval_s=preview_interval_s,
        ),
        clock=clock,
        device_title="fake",
        idle_unload_s=idle_unload_s,
    )
    worker.run()
    return events, worker

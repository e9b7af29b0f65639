"""Schedulers by name: what a name means, on whatever checkpoint, and what is refused."""

from __future__ import annotations

import itertools

import diffusers
import numpy as np
import pytest
import torch
from PIL import Image

from engine import InputPicture, scheduler_table
from engine.errors import JobError
from engine.loop import sampler
from engine.loop.row_builder import build_rows
from engine.loop.rows import Work
from engine.models import schedulers
from engine.models.z_image import ZImage
from engine.pictures.encoded import Inputs
from engine.policy.cost import ticket_for
from engine.validation import check
from tests.engine import tiny_models
from tests.engine.fakes import FakeModel

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
SPACED = {"timestep_spacing": "leading", "steps_offset": 1}
NOISE = scheduler_table.names_for(flow=False)
FLOW = scheduler_table.names_for(flow=True)
PICTURE = InputPicture(data=b"a picture")

OWN = {
    "euler": ("EulerDiscreteScheduler", SPACED),
    "euler-karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}),
    "euler-a": ("EulerAncestralDiscreteScheduler", SPACED),
    "heun": ("HeunDiscreteScheduler", {"use_karras_sigmas": True}),
    "kdpm2": ("KDPM2DiscreteScheduler", {}),
    "kdpm2-a": ("KDPM2AncestralDiscreteScheduler", {}),
    "ddim": ("DDIMScheduler", SPACED),
    "ddim-zero-snr": (
        "DDIMScheduler",
        {
            "rescale_betas_zero_snr": True,
            "prediction_type": "v_prediction",
            "timestep_spacing": "trailing",
        },
    ),
    "ddpm": ("DDPMScheduler", {"prediction_type": "v_prediction"}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1}),
    "pndm-prk": ("PNDMScheduler", {}),
    "dpm": ("DPMSolverMultistepScheduler", {}),
    "dpm-sde": (
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "sde-dpmsolver++", "use_karras_sigmas": True, "solver_order": 3},
    ),
    "dpm-heun": (
        "DPMSolverMultistepScheduler",
        {"final_sigmas_type": "sigma_min", "solver_type": "heun", "euler_at_final": True},
    ),
    "dpm-single": ("DPMSolverSinglestepScheduler", {"use_exponential_sigmas": True}),
    "deis": ("DEISMultistepScheduler", {"solver_order": 3, "use_karras_sigmas": True}),
    "unipc": (
        "UniPCMultistepScheduler",
        {"solver_order": 3, "disable_corrector": [0]},
    ),
    "sa-solver": ("SASolverScheduler", {"algorithm_type": "noise_prediction"}),
    "lcm": ("LCMScheduler", {}),
    "tcd": ("TCDScheduler", {}),
    "ipndm": ("IPNDMScheduler", {}),
    "edm": ("EDMEulerScheduler", {}),
    "edm-dpm": ("EDMDPMSolverMultistepScheduler", {"sigma_data": 1.0}),
}
"""Own schedulers of checkpoints: class and what it is told, beside the betas."""


def own_scheduler(name, place):
    """Saved, and loaded from its file, where every setting is said."""
    class_name, settings = OWN[name]
    kind = getattr(diffusers, class_name)
    betas = {} if class_name.startswith(("EDM", "IPNDM")) else BETAS
    kind(**betas | settings).save_pretrained(place)
    return kind.from_pretrained(place)


class Painter(FakeModel):
    """A model whose prediction is a plain function of what it sees."""

    def __init__(self, own):
        super().__init__()
        self.scheduler = own
        flows = type(own).__name__.startswith("FlowMatch")
        self.prediction = "flow" if flows else own.config.get("prediction_type", "epsilon")
        alphas = getattr(own, "alphas_cumprod", None)
        self.alphas = [] if alphas is None else alphas.tolist()

    def encode_image(self, picture):
        del picture
        return lambda generator: torch.randn(1, 3, 2, 2, generator=generator, dtype=torch.float32)

    def add_noise(self, scheduler, latents, noise, timestep):
        noising = getattr(scheduler, "scale_noise", None)
        if noising is not None:
            return noising(latents, timestep.reshape(1), noise)
        return scheduler.add_noise(latents, noise, timestep.reshape(1))

    def predict(self, latents, timesteps, conditioning, adapters):
        del timesteps, conditioning, adapters
        return torch.sin(0.7 * latents) * 0.9 + 0.1 * latents

    def guide(self, predictions, scale, avoid_weight):
        del avoid_weight
        return predictions[0] + scale * (predictions[-1] - predictions[0])


@torch.inference_mode()
def drawn(model, job):
    """The row of a job's only picture, at its end."""
    inputs = Inputs(pictures=[Image.new("RGB", (64, 64))] if job.inputs else [])
    (row,) = build_rows(Work(job, ticket_for(job), inputs), model, itertools.count())
    while row.step < row.total:
        assert row.clean().isfinite().all()
        for _, error in sampler.step(model, [row]):
            raise error
    return row


def own_for(name):
    """A plain own scheduler of the form that a name is for."""
    match scheduler_table.form_of(name):
        case "flow":
            return diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
        case "edm":
            return diffusers.EDMEulerScheduler()
        case _:
            return diffusers.DDIMScheduler(clip_sample=False, **BETAS, **SPACED)


def names_tried(own):
    """All names on one checkpoint; on the others one of each kind, since what a class does with
    the settings that it is given is the same for all of a kind."""
    if own in {"ddim", "edm"}:
        return ("", *NOISE, "edm-euler")
    return (
        "",  # the checkpoint's own, with all its settings
        "euler",  # one step from sigmas
        "ddpm",  # one step from alphas, with fresh noise
        "heun",  # two evaluations a step
        "dpm++2m-karras",  # several predictions, spaced otherwise
        "unipc",  # several predictions, corrected
        "lcm",  # few steps of a distilled table
        "ipndm",  # no noise schedule of the model's, and no picture to begin from
        "edm-euler",  # for models of EDM's form only
    )


@pytest.mark.parametrize("own", OWN)
def test_every_name_draws_on_every_checkpoint_or_says_what_to_choose(own, draw, tmp_path):
    model = Painter(own_scheduler(own, tmp_path))
    names, refused = names_tried(own), set()
    for name, start in itertools.product(names, ("text", "picture")):
        given = {"inputs": (PICTURE,), "strength": 0.6} if start == "picture" else {}
        try:
            row = drawn(model, draw(scheduler=name, steps=4, **given))
            assert row.latents.isfinite().all(), name
        except JobError as error:
            assert "choose" in str(error)
            refused.add((name, start))
    if own.startswith("edm"):
        noise = [name for name in names if name in NOISE]
        expected = set(itertools.product(noise, ("text", "picture")))
    else:
        expected = {("edm-euler", "text"), ("edm-euler", "picture"), ("ipndm", "picture")}
        if own == "ipndm":
            expected.add(("", "picture"))
    assert refused == expected


ODD = ("euler-karras", "dpm-sde", "dpm-heun", "deis", "unipc", "sa-solver")
"""Own schedulers with settings that other names must not take over."""


@pytest.fixture(scope="module")
def odd_owns(tmp_path_factory):
    """Own schedulers of ODD, saved and loaded, beside the plain one whose training they share."""
    folder, loaded = tmp_path_factory.mktemp("odd"), {}
    for own in ODD:
        class_name, settings = OWN[own]
        kind = getattr(diffusers, class_name)
        kind(**BETAS, **SPACED | settings).save_pretrained(folder / own)
        loaded[own] = kind.from_pretrained(folder / own)
    return diffusers.EulerDiscreteScheduler(**BETAS, **SPACED), loaded


def settings_of(scheduler):
    return {key: value for key, value in scheduler.config.items() if not key.startswith("_")}


@pytest.mark.parametrize("name", NOISE)
def test_a_name_means_the_same_on_checkpoints_that_were_sampled_otherwise(name, odd_owns, draw):
    """A class with equal settings draws equal pictures; only with others are pictures drawn."""
    plain, odd = odd_owns
    wanted, job = schedulers.build(name, plain), draw(scheduler=name, steps=6)
    for own, scheduler in odd.items():
        built = schedulers.build(name, scheduler)
        assert type(built) is type(wanted), own
        if settings_of(built) != settings_of(wanted):
            ours, theirs = drawn(Painter(scheduler), job), drawn(Painter(plain), job)
            assert torch.equal(ours.latents, theirs.latents), own


@pytest.mark.parametrize("own", OWN)
def test_without_a_name_the_checkpoints_own_is_as_it_was_saved(own, tmp_path):
    saved = own_scheduler(own, tmp_path)
    built = schedulers.build("", saved)
    assert type(built).__name__ == type(saved).__name__
    assert settings_of(built) == settings_of(saved)


def test_what_a_checkpoint_was_trained_for_holds_for_every_name(tmp_path):
    model = own_scheduler("ddim-zero-snr", tmp_path)
    built = schedulers.build("euler", model).config
    assert built.prediction_type == "v_prediction"
    assert built.rescale_betas_zero_snr
    assert (built.beta_start, built.timestep_spacing) == (0.00085, "trailing")
    flow = diffusers.FlowMatchEulerDiscreteScheduler(
        shift=3.0, use_dynamic_shifting=True, max_shift=1.3, use_karras_sigmas=True
    )
    built = schedulers.build("flow-euler", flow).config
    assert (built.shift, built.use_dynamic_shifting, built.max_shift) == (3.0, True, 1.3)
    assert not built.use_karras_sigmas


@pytest.mark.parametrize("name", ["ddim", "ddpm", "lcm", "tcd"])
def test_latents_are_not_clipped_because_a_checkpoint_does_not_say(name):
    for own in (diffusers.EulerDiscreteScheduler(**BETAS), diffusers.DDIMScheduler(**BETAS)):
        assert not schedulers.build(name, own).config.clip_sample


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
@pytest.mark.parametrize("steps", [1, 2, 7])
def test_the_price_counts_the_evaluations_that_are_made(name, steps, draw):
    row = drawn(Painter(own_for(name)), draw(scheduler=name, steps=steps))
    assert row.step == scheduler_table.evaluations(name, steps)


def test_too_few_steps_for_runge_and_kutta_are_refused_with_numbers(draw, tmp_path):
    model = Painter(own_scheduler("pndm-prk", tmp_path))
    with pytest.raises(JobError, match="needs at least 4 steps, not 3"):
        drawn(model, draw(steps=3))
    assert drawn(model, draw(steps=4)).latents.isfinite().all()


def test_a_table_of_betas_that_a_scheduler_cannot_make_is_refused_in_words(draw):
    own = diffusers.DDPMScheduler(beta_schedule="sigmoid")
    with pytest.raises(JobError, match="sigmoid is not implemented"):
        drawn(Painter(own), draw(scheduler="dpm++2m"))


def test_ipndm_says_that_its_pictures_are_pale(draw):
    row = drawn(Painter(own_for("ipndm")), draw(scheduler="ipndm"))
    assert any("pale" in note for note in row.work.notes)


def test_edm_is_for_no_flow_matching_model(draw, tmp_path):
    models = {"sd3": tiny_models.spec("sd3", tmp_path), "sd": tiny_models.spec("sd", tmp_path)}
    check(draw("sd", scheduler="edm-euler"), models)
    with pytest.raises(ValueError, match="flow-euler, flow-heun do"):
        check(draw("sd3", scheduler="edm-euler"), models)
    with pytest.raises(ValueError, match="does not suit"):
        check(draw("sd", scheduler="flow-euler"), models)


# A model that knows the picture: whatever it is shown, it predicts just what leads there.

TARGET = torch.linspace(-1.5, 1.5, 12).reshape(1, 3, 2, 2)


class Knowing(Painter):
    """It predicts the noise, velocity or picture that is truly in what it sees."""

    def predict(self, latents, timesteps, conditioning, adapters):
        del conditioning, adapters
        time = float(timesteps[0])
        if schedulers.is_edm(self.scheduler):  # Karras et al. 2022, table 1, time = ln(σ) / 4
            sigma, data = np.exp(4 * time), self.scheduler.config.sigma_data
            sample = latents * np.hypot(sigma, data)
            kept = data**2 / (sigma**2 + data**2)
            return (TARGET - kept * sample) * np.hypot(sigma, data) / (sigma * data)
        if self.prediction == "flow":
            return (latents - TARGET) / (time / 1000)
        betas = np.linspace(BETAS["beta_start"] ** 0.5, BETAS["beta_end"] ** 0.5, 1000) ** 2
        alpha = float(np.interp(time, np.arange(1000), np.cumprod(1 - betas)))
        if self.angle:
            alpha = np.cos(time * np.pi / 2) ** 2
        signal, spread = alpha**0.5, (1 - alpha) ** 0.5
        noise = (latents - signal * TARGET) / spread
        return {
            "epsilon": noise,
            "v_prediction": signal * noise - spread * TARGET,
            "sample": TARGET.expand_as(latents),
        }["v_prediction" if self.angle else self.prediction]

    angle = False
    """Whether it is asked by IPNDM: times are angles, and it should predict velocities."""


def knowing(name, **options):
    own = own_for(name)
    model = Knowing(type(own).from_config(own.config, **options))
    model.angle = name == "ipndm"
    return model


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
def test_an_early_stop_gives_the_clean_picture_not_the_noise(name, draw):
    row = drawn(knowing(name), draw(scheduler=name, steps=10, stop=0.4))
    assert row.total < len(row.timesteps)
    assert torch.allclose(row.latents, TARGET, atol=2e-2)


@pytest.mark.parametrize("prediction", ["v_prediction", "sample"])
def test_an_early_stop_heeds_what_the_model_predicts(prediction, draw):
    model = knowing("ddim", prediction_type=prediction)
    row = drawn(model, draw(scheduler="ddim", steps=10, stop=0.4))
    assert torch.allclose(row.latents, TARGET, atol=1e-3)


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
def test_a_model_that_knows_the_picture_draws_it(name, draw):
    row = drawn(knowing(name), draw(scheduler=name, steps=20))
    assert (row.latents - TARGET).abs().max() < 0.15


# Loading a model in half precision changes torch's default for the whole process.


@pytest.fixture
def half_default():
    """A function that makes bfloat16 torch's default until the test ends."""
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(torch.bfloat16)
    torch.set_default_dtype(before)


@pytest.mark.parametrize("name", scheduler_table.SCHEDULERS)
def test_a_load_in_half_precision_beside_changes_no_picture(name, draw, half_default):
    model, job = Painter(own_for(name)), draw(scheduler=name, steps=20)
    alone = drawn(model, job)
    half_default()
    beside = drawn(model, job)
    assert torch.equal(alone.timesteps, beside.timesteps)
    assert torch.equal(alone.latents, beside.latents)
    for table in ("sigmas", "betas", "alphas"):
        if isinstance(getattr(alone.scheduler, table, None), torch.Tensor):
            there = getattr(beside.scheduler, table)
            assert torch.equal(getattr(alone.scheduler, table), there), table


def test_z_images_schedule_does_not_heed_the_default_either(half_default):
    alone = ZImage.sigmas(None, 20)
    half_default()
    assert ZImage.sigmas(None, 20) == alone


@pytest.mark.parametrize("name", ["lcm", "tcd", "ipndm"])
def test_a_fixed_scheduler_is_diffusers_own_bit_for_bit(name, draw):
    model, job = Painter(own_for(name)), draw(scheduler=name, steps=20, seed=9)
    ours = drawn(model, job)
    theirs = getattr(diffusers, type(ours.scheduler).__name__).from_config(ours.scheduler.config)
    assert type(theirs) is not type(ours.scheduler)
    model.scheduler = theirs
    plain = pytest.MonkeyPatch()
    with plain.context() as patch:
        patch.setattr(schedulers, "build", lambda _, own: own)
        assert torch.equal(drawn(model, job).latents, ours.latents)

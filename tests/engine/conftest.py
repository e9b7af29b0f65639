from __future__ import annotations

import gc
import itertools
import os
import tempfile
from pathlib import Path

import pytest

from engine import DrawJob, Engine, WeightedText

# Before torch is imported: its threads would spin against the other processes of a busy machine.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import torch

from tests.engine import tiny_models

QUIET = (
    # diffusers' schedulers call numpy functions on tensors, whose __array__ is torch's.
    "ignore:__array__ implementation doesn't accept a copy:DeprecationWarning",
    "ignore:__array_wrap__ must accept context:DeprecationWarning",
)


def pytest_configure():
    """Each of several test processes has one thread, and keeps its compiled code to itself."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if worker:
        torch.set_num_threads(1)
        for name in ("TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"):
            folder = Path(tempfile.gettempdir()) / f"{name.lower()}-{os.getuid()}-{worker}"
            os.environ.setdefault(name, str(folder))


NO_CARD = "--device cuda was asked for, but torch finds no CUDA card here: nothing was tried."


OF_THE_HOST = "It is about the host's processor alone; the run without a card has it."


def wants_card(config):
    return config.getoption("--device") == "cuda"


def lacks_card(config):
    return wants_card(config) and not torch.cuda.is_available()


def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for rule in QUIET:
                item.add_marker(pytest.mark.filterwarnings(rule))
            if lacks_card(config):
                item.add_marker(pytest.mark.skip(reason=NO_CARD))
            elif wants_card(config) and item.get_closest_marker("host") is not None:
                item.add_marker(pytest.mark.skip(reason=OF_THE_HOST))


def pytest_terminal_summary(terminalreporter, config):
    if lacks_card(config):
        terminalreporter.section("No card", red=True)
        terminalreporter.line(NO_CARD, red=True)


def pytest_collection_finish():
    # The engine collects garbage when it unloads a model, which takes long among the objects of
    # torch and diffusers. They live until the end, so that need not look at them.
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """A function: family → directory with a tiny random copy of it, built once a session."""
    root = tmp_path_factory.mktemp("weights")
    built: dict[str, Path] = {}

    def directory(family):
        if family not in built:
            tiny_models.BUILDERS[family]().save_pretrained(root / family)
            built[family] = root / family
        return built[family]

    return directory


@pytest.fixture
def untuned():
    """torch's settings for float32 as they are before `tune`; they are set back afterwards."""
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = matmul.fp32_precision, cudnn.allow_tf32, cudnn.benchmark
    torch.set_float32_matmul_precision("highest")
    cudnn.allow_tf32 = cudnn.benchmark = False
    yield
    torch.set_float32_matmul_precision("highest")
    matmul.fp32_precision, cudnn.allow_tf32, cudnn.benchmark = before


@pytest.fixture
def draw():
    """A function that writes draw jobs with small defaults and fresh ids."""
    numbers = itertools.count()

    def write(model="sd", prompt="a red cat at night", **fields):
        defaults = {
            "id": f"job-{next(numbers)}",
            "owner": "ann",
            "images": 1,
            "steps": 4,
            "width_px": 64,
            "height_px": 64,
            "guidance": 5.0,
        }
        parts = (WeightedText(text=prompt),) if isinstance(prompt, str) else prompt
        return DrawJob(model=model, prompt=parts, **(defaults | fields))

    return write


@pytest.fixture
async def engine_of(weights, request):
    """A function: family names → a started engine with their tiny models; closed afterwards.

    It draws where `--device` says, in fp32.
    """
    engines, device = [], request.config.getoption("--device")

    async def start(*families, loras=(), **options):
        options_of = {"loras": loras, "compiled": "off"}
        specs = [tiny_models.spec(family, weights(family), **options_of) for family in families]
        options = {"device": device, "dtype": "float32"} | options
        engine = Engine(specs, **options)
        engines.append(engine)
        await engine.start()
        return engine

    yield start
    for engine in engines:
        await engine.close()

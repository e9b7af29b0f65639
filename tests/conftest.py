import os

import pytest
from hypothesis import settings

# No example fails for the time it took: machines that are busy are slow.
settings.register_profile("any_machine", deadline=None)
# HYPOTHESIS_PROFILE=nightly: many more examples than a commit waits for.
settings.register_profile("nightly", deadline=None, max_examples=10_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "any_machine"))

# Before torch is imported: its threads sleep while they wait, instead of spinning on shared cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist, which a machine with a card may lack
def pytest_xdist_auto_num_workers(config):
    """One more than there are cores: many tests wait for processes, browsers or servers."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None  # xdist reads it
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(8, (cores or 1) + 1)


def pytest_addoption(parser):
    parser.addoption(
        "--device",
        default="cpu",
        choices=("cpu", "cuda"),
        help="where the engine's tests draw: on the CPU, where a card is pretended, or on a card",
    )
    parser.addoption(
        "--postgres",
        action="store_true",
        help="every test of the bot on PostgreSQL, on the server that POSTGRES_URL names",
    )

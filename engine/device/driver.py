"""Whether torch can use the NVIDIA card that its driver sees, and what to do if not.

Importing this imports no torch.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

SELECTOR = "https://pytorch.org/get-started/locally/"
"""PyTorch's own page that says how to install it for a platform and a CUDA."""
_ANSWER_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """What nvidia-smi says."""

    cards: tuple[tuple[str, str], ...]
    """(name, compute capability such as "8.9") of each card."""
    version: str
    """Of the driver."""
    cuda: tuple[int, int] | None
    """The newest CUDA that it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    """What the installed torch can do."""

    version: str
    cuda: tuple[int, int] | None
    """What it was built with; None: it draws on CPUs alone."""
    available: bool
    """Whether it finds a card."""
    architectures: tuple[str, ...]
    """Such as "sm_80" for code of a generation, "compute_90" for what later ones translate."""


def card_report() -> tuple[str, str]:
    """(what the driver sees, what is wrong with it and the remedy); empty where there is nothing.

    Takes seconds where torch was not imported yet.
    """
    driver = _driver()
    if driver is None:
        return "", ""
    seen = ", ".join(name for name, _ in driver.cards) or "no card"
    return f"{seen}, driver {driver.version}", trouble(driver, _torch())


def trouble(driver: Driver, torch: Torch) -> str:
    """What keeps this torch from this driver's cards, and the remedy; empty where nothing does."""
    if not driver.cards:
        return "nvidia-smi runs but sees no card: look whether another system holds it."
    if torch.cuda is None:
        return (
            f"This torch ({torch.version}) draws on CPUs alone, as plain ones on Windows do. "
            f"Choose your CUDA on {SELECTOR} and install torch with the line it shows."
        )
    if not torch.available and driver.cuda is not None and driver.cuda < torch.cuda:
        return (
            f"The driver {driver.version} runs CUDA up to {_said(driver.cuda)}, this torch needs "
            f"{_said(torch.cuda)}. Update the driver, or install torch for CUDA "
            f"{_said(driver.cuda)} or older from {SELECTOR}."
        )
    if not torch.available:
        return (
            "nvidia-smi sees a card, torch does not: look whether CUDA_VISIBLE_DEVICES hides it, "
            "whether this user or container may use it, and restart after an update of the driver."
        )
    for name, capability in driver.cards:
        if not _runs_on(capability, torch.architectures):
            return (
                f"{name} is of a generation (compute capability {capability}) that this torch "
                f"({torch.version}) has no code for: {', '.join(torch.architectures)}. Choose a "
                f"torch that has on {SELECTOR}: a newer one for a new card, an older for an old."
            )
    return ""


def _runs_on(capability: str, architectures: tuple[str, ...]) -> bool:
    """By NVIDIA's rule: code runs on its own major generation from its minor on, and what is to be
    translated on every later one.
    """
    match = re.fullmatch(r"(\d+)\.(\d+)", capability)
    if match is None or not architectures:
        return True  # not known: not to be called wrong
    card = int(match[1]), int(match[2])
    for each in architectures:
        code = re.fullmatch(r"(sm|compute)_(\d+)(\d)[a-z]?", each)
        if code is None:
            continue
        built = int(code[2]), int(code[3])
        if built <= card and (code[1] == "compute" or built[0] == card[0]):
            return True
    return False


def _said(cuda: tuple[int, int]) -> str:
    return f"{cuda[0]}.{cuda[1]}"


def _driver() -> Driver | None:
    """None where there is no nvidia-smi, or it does not answer."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    listed = _asked(program, "--query-gpu=name,compute_cap,driver_version", "--format=csv,noheader")
    rows = [[cell.strip() for cell in line.split(",")] for line in listed.splitlines()]
    cards = [row for row in rows if len(row) == 3]
    newest = re.search(r"CUDA Version:\s*(\d+)\.(\d+)", _asked(program))
    return Driver(
        cards=tuple((row[0], row[1]) for row in cards),
        version=cards[0][2] if cards else "of unknown version",
        cuda=(int(newest[1]), int(newest[2])) if newest else None,
    )


def _asked(*command: str) -> str:
    try:
        answer = subprocess.run(  # noqa: S603 - the program found above, with constants
            command, capture_output=True, text=True, timeout=_ANSWER_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout


def _torch() -> Torch:
    import torch  # noqa: PLC0415 - seconds

    cuda = re.match(r"(\d+)\.(\d+)", torch.version.cuda or "")
    available = torch.cuda.is_available()
    return Torch(
        version=str(torch.__version__),
        cuda=(int(cuda[1]), int(cuda[2])) if cuda else None,
        available=available,
        architectures=tuple(torch.cuda.get_arch_list()) if available else (),
    )

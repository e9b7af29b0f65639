"""The weights of all stages, in files of a folder."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file, save_file

from doodle import weights
from doodle.recipe import RecipeError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from doodle.training.flat import Flat

LARGEST = 12_000_000  # bytes of a file, of those parts that are cut in two
CUT = ("unet",)
TOGETHER = ("vae", "text", "judge")  # in small.safetensors
ALONE = ("pair",)
SHIPPED = {
    "vae": "vae/diffusion_pytorch_model.safetensors",
    "text": "text_encoder/model.safetensors",
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "judge": "judge.safetensors",
    "pair": "clip/model.safetensors",
}


class Parts:
    """Every part's weights by the names PART.WEIGHT, in fp16, in files of less than 16 MB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._states: dict[str, dict[str, Tensor]] = {}
        self.kept: set[str] = set()
        """The parts that this training has trained."""

    def read(self, folder: Path | None = None) -> None:
        """Read the parts of this folder, or of another one, or of weights as they ship.

        Nothing is written. `RecipeError` if there are none or unknown ones, `WeightsError` if a
        file is damaged.
        """
        folder = folder or self.folder
        if (folder / "model_index.json").is_file():
            self._states = _shipped(folder)
            return
        for file in sorted(folder.glob("*.safetensors")):
            weights.check(file)
            for key, value in load_file(file).items():
                part = key.split(".")[0]
                if part not in (*CUT, *TOGETHER, *ALONE):
                    message = f"{file} is none of a training's files: it holds {key!r}."
                    raise RecipeError(message)
                self._states.setdefault(part, {})[key] = value
        if not self._states:
            message = f"{folder} holds no weights (*.safetensors)."
            raise RecipeError(message)

    def write(self) -> None:
        """Write all parts."""
        for part in self._states:
            self._write(part)

    def __contains__(self, part: str) -> bool:
        """Tell whether there are weights of this part."""
        return part in self._states

    def number(self, part: str, name: str) -> float | None:
        """Return a number that was kept beside a part's weights."""
        value = self._states.get(part, {}).get(f"{part}.{name}")
        return None if value is None else float(value)

    def give(self, part: str, model: nn.Module) -> None:
        """Give a model a part's weights, if there are any; `RecipeError` if they do not fit."""
        if part not in self:
            return
        own = model.state_dict()
        state = {
            key.removeprefix(f"{part}."): value
            for key, value in self._states[part].items()
            if key.removeprefix(f"{part}.") in own
        }
        lacking = {key for key, value in own.items() if value.is_floating_point()} - state.keys()
        try:
            model.load_state_dict(own | state)
        except RuntimeError as error:
            message = f"The weights of {part} are those of another recipe."
            raise RecipeError(message) from error
        if lacking:
            message = f"The weights of {part} are not whole, or are those of another recipe."
            raise RecipeError(message)

    def keep(
        self,
        part: str,
        model: nn.Module,
        flat: Flat,
        *,
        same: dict[str, Tensor] | None = None,
        **numbers: float,
    ) -> None:
        """Write a part's averaged weights, and numbers beside them.

        What was not trained stays as it was, or as it is in `same`: the model may compute in fewer
        digits.
        """
        whole = {**dict(model.named_buffers()), **dict(model.named_parameters())}
        before = self._states.get(part, {}) | {
            f"{part}.{key}": value for key, value in (same or {}).items()
        }
        state = {}
        for key, value in whole.items():
            name = f"{part}.{key}"
            if name in before and not flat.trains(value):
                state[name] = before[name]
            elif value.is_floating_point():
                state[name] = flat.averaged(value).detach().half().cpu().contiguous()
        state |= {f"{part}.{key}": torch.tensor(value) for key, value in numbers.items()}
        self._states[part] = state
        self._write(part)
        self.kept.add(part)

    def state(self, part: str) -> dict[str, Tensor]:
        """Return a part's weights, in fp16."""
        return {key.removeprefix(f"{part}."): value for key, value in self._states[part].items()}

    def _write(self, part: str) -> None:
        files: dict[str, dict[str, Tensor]] = {}
        if part in CUT:
            size = 0
            for key, value in self._states[part].items():
                files.setdefault(f"{part}-{int(size > LARGEST)}", {})[key] = value
                size += 2 * value.numel()
        elif part in TOGETHER:
            files["small"] = {
                key: value for each in TOGETHER for key, value in self._states.get(each, {}).items()
            }
        else:
            files[part] = self._states[part]
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in files.items():
            save_file(tensors, self.folder / f"{name}.partial")
        for name in files:  # once all are whole: two of one part belong together
            (self.folder / f"{name}.partial").replace(self.folder / f"{name}.safetensors")


def _shipped(folder: Path) -> dict[str, dict[str, Tensor]]:
    found = {}
    for part, name in SHIPPED.items():
        file = folder / name
        if file.is_file():
            weights.check(file)
            found[part] = {f"{part}.{key}": value for key, value in load_file(file).items()}
    if "vae" in found:
        found["vae"]["vae.scaling_factor"] = torch.tensor([_scaling_factor(folder)])
    return found


def _scaling_factor(folder: Path) -> float:
    file = folder / "vae" / "config.json"
    try:
        return float(json.loads(file.read_text(encoding="utf-8"))["scaling_factor"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        message = f"{file} names no scaling_factor ({error!r}); restore it or train anew."
        raise RecipeError(message) from error

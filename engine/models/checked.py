"""A network that makes something of pictures, with a checker that scores these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from engine.messages import Finished, Job
from engine.models import Solo
from engine.models.safety import SafetyCheck
from engine.pictures.encoded import Inputs


class Checked:
    """A `Solo` whose results tell how unsafe the pictures were that it was given."""

    def __init__(self, solo: Solo, safety: SafetyCheck) -> None:
        self.name, self.solo, self.safety = solo.name, solo, safety

    def run(self, job: Job, inputs: Inputs, report: Callable[[int, int], None]) -> Finished:
        """Do the job; what it was given is scored first."""
        scores = input_scores(self.safety, inputs)
        return replace(self.solo.run(job, inputs, report), input_scores=scores)


def input_scores(safety: SafetyCheck | None, inputs: Inputs) -> tuple[float, ...]:
    """Of the pictures that a job starts from or that guide it; none where nothing checks them."""
    pictures = (*inputs.pictures, *inputs.prompts)
    if safety is None or not pictures:
        return ()
    return tuple(safety.scores([np.asarray(picture.convert("RGB")) for picture in pictures]))

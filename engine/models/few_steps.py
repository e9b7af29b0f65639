"""A LoRA that lets a checkpoint draw in few steps, merged into its weights when it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.models.lora_file import check_lora
from engine.scheduler_table import FewSteps

NAME = "few-steps"


def merge(pipeline: Any, lora: Path, kind: FewSteps) -> None:  # noqa: ANN401
    """Add a LoRA to the pipeline's weights, and let its schedulers end where it was trained to.

    Merged it costs no pass anything, and members' LoRAs come on top. JobError with one sentence
    where the file cannot be a LoRA of this pipeline.
    """
    check_lora(lora.stem, lora, pipeline)
    pipeline.load_lora_weights(
        lora.parent, weight_name=lora.name, adapter_name=NAME, local_files_only=True
    )
    pipeline.fuse_lora(adapter_names=[NAME])
    pipeline.unload_lora_weights()
    if kind.spacing:
        own = pipeline.scheduler
        pipeline.scheduler = type(own).from_config(own.config, timestep_spacing=kind.spacing)

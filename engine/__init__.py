"""Draws pictures on one device thread, many members' pictures in each forward pass.

What this module names is all that the bot may know of the engine. Importing it imports no torch.
"""

from engine.catalogue import LoraSpec, ModelSpec, load_catalogue
from engine.engine import Engine
from engine.errors import (
    CatalogueError,
    EngineClosed,
    EngineError,
    EngineLost,
    Sentence,
    sentence_of,
)
from engine.fake import FakeEngine
from engine.messages import (
    Cancelled,
    DescribeJob,
    DrawJob,
    DrawnWords,
    End,
    EngineStatus,
    Event,
    Failed,
    FailureKind,
    Finished,
    InitUse,
    InputPicture,
    Job,
    Lane,
    ModelInfo,
    Picture,
    Progress,
    Queued,
    Started,
    Translating,
    UpscaleJob,
    Vocabulary,
    WeightedText,
    WordWeightsJob,
)
from engine.scheduler_table import SCHEDULERS
from engine.validation import MAX_SEED, MAX_STEPS

__all__ = [
    "MAX_SEED",
    "MAX_STEPS",
    "SCHEDULERS",
    "Cancelled",
    "CatalogueError",
    "DescribeJob",
    "DrawJob",
    "DrawnWords",
    "End",
    "Engine",
    "EngineClosed",
    "EngineError",
    "EngineLost",
    "EngineStatus",
    "Event",
    "Failed",
    "FailureKind",
    "FakeEngine",
    "Finished",
    "InitUse",
    "InputPicture",
    "Job",
    "Lane",
    "LoraSpec",
    "ModelInfo",
    "ModelSpec",
    "Picture",
    "Progress",
    "Queued",
    "Sentence",
    "Started",
    "Translating",
    "UpscaleJob",
    "Vocabulary",
    "WeightedText",
    "WordWeightsJob",
    "load_catalogue",
    "sentence_of",
]

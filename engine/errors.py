"""What can go wrong with the engine itself, as against one job (that is `Failed`)."""

from __future__ import annotations


class EngineError(Exception):
    """The engine cannot do this; the text is one sentence for the operator."""


class EngineClosed(EngineError):
    """The engine was closed before the job ended: its row stays open and runs again."""


class EngineLost(EngineError):
    """The device is lost until the process starts anew: rows stay open and run again."""


class CatalogueError(EngineError):
    """The catalogue is wrong; the text names the file, the entry and the field."""


class JobError(Exception):
    """One job cannot be drawn; the text is one sentence for the member."""


class NotYetError(Exception):
    """The job cannot begin while another model is being loaded; try again next turn."""

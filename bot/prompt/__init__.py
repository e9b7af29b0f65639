"""The text of a prompt → what the engine will draw. Pure."""

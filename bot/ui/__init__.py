"""Discord: commands, buttons, messages. The only rooms that import `discord`."""

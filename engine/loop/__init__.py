"""The device thread: receive, admit, tick, retire, tell."""

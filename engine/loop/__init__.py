"""The device thread: receive, admit, tick, decode, report."""

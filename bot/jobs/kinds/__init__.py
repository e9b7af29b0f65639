"""One file for each kind of job: what it costs, how it is stored and shown."""

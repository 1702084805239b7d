"""The planning half of every writer verb, one module per kind of environment: `VERBS`, a tuple of `core.writer.VerbUnit`."""

"""The doing half of every writer verb, one module per kind of environment (`core.writer.Writer`).

Nothing else in this program changes the system under examination. Imported by `engine/execute.py` alone, in the executor
process alone; a contract in `pyproject.toml` checks both.
"""

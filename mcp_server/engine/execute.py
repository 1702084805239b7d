"""Carrying out a plan: the only module that holds a Writer. It runs in the executor process and nowhere else."""

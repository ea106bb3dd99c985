"""Launching on SLURM. Knows nothing of machine learning."""

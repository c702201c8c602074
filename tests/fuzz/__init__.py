"""Input that nobody has thought of: it becomes a value or a clear error, and nothing else."""

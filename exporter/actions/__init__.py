"""What changes or watches containers."""

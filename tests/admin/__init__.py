"""The admin API, and healing."""

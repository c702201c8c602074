"""The web configuration."""

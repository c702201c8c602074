"""How an engine is reached: through the Docker SDK, or through the `docker` command."""

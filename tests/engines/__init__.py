"""The contract on engines beyond the ordinary one: Podman, and Debian 13's Docker Engine."""

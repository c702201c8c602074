"""What to do about an engine that cannot be reached, by the kind of its address."""

from __future__ import annotations

from importlib.util import find_spec


def kind(where: str) -> str:
    """Return how an address is reached: `unix`, `tcp` or `ssh`, as the SDK understands it.

    Examples:
        >>> kind("unix:///run/docker.sock"), kind("https://docker-1:2376"), kind("docker-1:2375")
        ('unix', 'tcp', 'tcp')
    """
    scheme, separator, _ = where.partition("://")
    if scheme == "ssh":
        return "ssh"
    is_tcp = scheme in ("tcp", "http", "https") if separator else ":" in where
    return "tcp" if is_tcp else "unix"


def has_ssh() -> bool:
    """Return whether the SDK can use SSH, which takes the extra `ssh`."""
    return find_spec("paramiko") is not None


def for_unreachable(where: str) -> str:
    """Return what to look at where nobody answers."""
    match kind(where):
        case "tcp":
            return (
                "Is the engine running and listening there, does the name resolve, does a firewall "
                "let it through, and is DOCKER_HOST or --docker.host right?"
            )
        case "ssh":
            extra = (
                ""
                if has_ssh()
                else "It takes the extra ssh (pip install '.[ssh]'), or else the docker and ssh "
                "commands. "
            )
            return f"{extra}Does 'ssh {where} docker version' work, without a question?"
        case _:
            return (
                "Is the engine running, and is its socket mounted "
                "(-v /var/run/docker.sock:/var/run/docker.sock) or DOCKER_HOST right?"
            )


def for_denied(where: str) -> str:
    """Return what to do where the operating system does not let this user connect."""
    if kind(where) != "unix":
        return for_unreachable(where)
    is_named = where.startswith("unix://")
    socket = where.removeprefix("unix://") if is_named else "/var/run/docker.sock"
    return (
        "Add the user to the docker group (sudo usermod -aG docker $USER), or a container to the "
        f'group of the socket (--group-add "$(stat -c %g {socket})").'
    )

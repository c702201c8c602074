"""Every error that this package raises on purpose.

    ExporterError
    ├── SettingsError                a setting that cannot be used
    ├── InvalidNameError             a container name no engine would accept
    └── EngineError                  the engine did not do what it was asked
        ├── EngineUnavailableError   nobody answers
        │   ├── EngineTimeoutError       not in time
        │   └── EngineAccessDeniedError  not to this user
        ├── EngineResponseError      an answer that makes no sense, or a failure of the engine's own
        ├── ContainerNotFoundError   no such container
        ├── ContainerConflictError   the container's state forbids it
        └── CgroupNotFoundError      the kernel's files of a container are not here

Foreign exceptions (`requests`, `docker`, `subprocess`) are translated once per engine, in
`exporter.engine.sdk_errors` and `exporter.engine.docker_cli`.
"""

from __future__ import annotations

import re
from typing import ClassVar

# What is wrong with the address of an engine, wherever it was given.
NO_ADDRESS = (
    "is not the address of an engine; allowed: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST"
)

# What stands between the user's name and the last `@` of a URL: some have that in the password.
_PASSWORD = re.compile(r"(?<=://)([^\s:@/]*):\S*@")


def without_passwords(text: str) -> str:
    """Return a text with the passwords in its URLs made unreadable.

    Examples:
        >>> without_passwords("tcp://user:secret@docker-1:2375, ssh://user@docker-2:22")
        'tcp://user:***@docker-1:2375, ssh://user@docker-2:22'
    """
    return _PASSWORD.sub(r"\1:***@", text)


class ExporterError(Exception):
    """The root of the tree: catch it to catch everything this package raises on purpose.

    Its text has no passwords, whatever it was made of.
    """

    def __init__(self, text: str) -> None:
        super().__init__(without_passwords(text))


class SettingsError(ExporterError):
    """A setting that cannot be used; the text names it, its value and what is allowed."""


class InvalidNameError(ExporterError):
    """A container reference that no engine would accept, so that nothing was asked.

    Attributes:
        name: What was given.
    """

    reason: ClassVar[str] = "invalid_name"

    def __init__(self, name: object) -> None:
        self.name = name
        super().__init__(
            f"Invalid container name {name!r}: a name or id is made of letters, digits, "
            "'_', '.' and '-', and begins with a letter or a digit."
        )


class EngineError(ExporterError):
    """The engine did not do what it was asked; the text says why and what to do.

    Attributes:
        reason: A short constant word for the kind of failure: the only part of an error that
            may become the value of a label.
    """

    reason: ClassVar[str] = "error"


class EngineUnavailableError(EngineError):
    """Nobody answers: the engine is not running, not reachable, or not installed."""

    reason = "unavailable"


class EngineTimeoutError(EngineUnavailableError):
    """The engine did not answer in time."""

    reason = "timeout"


class EngineAccessDeniedError(EngineUnavailableError):
    """The engine, its socket or a proxy before it refuses this user."""

    reason = "permission_denied"


class EngineResponseError(EngineError):
    """The answer makes no sense (rubbish, cut short, endless), or the engine itself failed."""

    reason = "bad_response"


class ContainerNotFoundError(EngineError):
    """The engine has no such container.

    Attributes:
        container: The name or id that was asked for.
    """

    reason = "not_found"

    def __init__(self, container: str) -> None:
        self.container = container
        super().__init__(
            f"Container '{container}' not found. Check the name: docker ps -a | grep {container}"
        )


class ContainerConflictError(EngineError):
    """The state of the container forbids what was asked.

    Attributes:
        container: The name or id that was asked for.
    """

    reason = "conflict"

    def __init__(self, container: str, detail: str) -> None:
        self.container = container
        super().__init__(f"Conflict on container '{container}': {detail}")


class CgroupNotFoundError(EngineError):
    """The kernel's files of a container are not here, as with an engine on another machine."""

    reason = "no_cgroup"

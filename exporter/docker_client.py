"""One client for a Docker engine, by the Docker SDK or, where that cannot connect, by its CLI.

The methods that take the name of a container are the library: they never raise, and answer in
plain dictionaries. `connect` and `call` are what the exporter builds on: they hand out the
`Engine` in use, and raise `EngineError`.
"""

from __future__ import annotations

import logging
import shutil
import threading
import time
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from exporter.deadline import Deadline
from exporter.engine import finding
from exporter.engine.base import check_name
from exporter.engine.docker_cli import CliEngine
from exporter.engine.docker_sdk import SdkEngine
from exporter.engine.remedies import kind
from exporter.engine.session import Session
from exporter.errors import (
    EngineAccessDeniedError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    InvalidNameError,
)
from exporter.model import Mode
from exporter.rates import RateReader, as_stats

if TYPE_CHECKING:
    from collections.abc import Callable

    import docker

    from exporter.engine.base import Engine, EventStream, Observer
    from exporter.model import ContainerStats

T = TypeVar("T")

logger = logging.getLogger(__name__)

# What a single request may take where its caller has no deadline, in seconds.
DEFAULT_TIMEOUT = 10.0


def _ignore(operation: str, seconds: float, error: EngineError | None) -> None:
    """Observe nothing."""


class DockerClient:
    """A client that reaches its engine by the Docker SDK, or else by the `docker` command.

    It connects at first use. After a failure the SDK is tried first, so that an engine that
    starts late, dies or returns is found by the same client. Safe to use from many threads.

    Examples:
        >>> client = DockerClient()
        >>> client.is_container_running("../etc")
        False
    """

    def __init__(
        self,
        docker_host: str | None = None,
        *,
        observe: Observer = _ignore,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """Prepare to connect; nothing is asked before the first use.

        Args:
            docker_host: The engine's address; None for what the environment (`DOCKER_HOST`, the
                TLS variables) and the context of the CLI say.
            observe: Told of each request: its operation, its seconds, its error or None.
            timeout: What a single request may take where the caller has no deadline.
        """
        # The two that the client's reference names: plain attributes, read at each call.
        self._client: docker.DockerClient | None = None
        self._sdk_available = False
        self._host = docker_host
        self._where = docker_host or "its usual place"
        self._observe = observe
        self._timeout = timeout
        self._engine: SdkEngine | None = None
        self._podman = False
        self._mode: Mode | None = None
        self._lock = threading.Lock()
        self._failed: tuple[float, EngineError] | None = None
        self._closed = threading.Event()
        self._rates = RateReader(self._read_stats, self._closed.wait)

    @property
    def mode(self) -> Mode | None:
        """How the engine was reached at the last use; None when it was not."""
        return Mode.SDK if self._sdk_available else self._mode

    # -- the library ------------------------------------------------------------------------

    def is_available(self) -> bool:
        """Return whether the engine is connected through the Docker SDK.

        False also stands for an engine that can be reached by the `docker` command only; `mode`
        tells which it is.
        """
        try:
            return self.call(_ping) is Mode.SDK
        except EngineError as error:
            logger.debug("engine not available", extra={"error": str(error)})
            return False

    def is_container_running(self, container_name: str) -> bool:
        """Return whether a container is running; False also when that cannot be known."""
        try:
            name = check_name(container_name)
            return self.call(lambda engine: engine.status(name)) == "running"
        except (InvalidNameError, EngineError) as error:
            self._log_failure("status", container_name, error)
            return False

    def start_container(self, container_name: str) -> dict[str, Any]:
        """Start a container; one that runs already is a success too.

        Returns:
            `success`, and a `message` that says what was done, or the cause and what to do.
        """
        return self._act(
            container_name,
            lambda engine, name: engine.start(name),
            lambda before: "is already running" if before == "running" else "started",
        )

    def stop_container(self, container_name: str, timeout: int = 10) -> dict[str, Any]:
        """Stop a container; one that is stopped already is a success too.

        Args:
            container_name: Which one.
            timeout: Seconds until the engine kills what has not ended by itself.

        Returns:
            `success`, and a `message` that says what was done, or the cause and what to do.
        """
        stopped = ("created", "exited", "dead")
        return self._act(
            container_name,
            lambda engine, name: engine.stop(name, timeout),
            lambda before: f"is already stopped ({before})" if before in stopped else "stopped",
            timeout,
        )

    def restart_container(self, container_name: str, timeout: int = 10) -> dict[str, Any]:
        """Restart a container, or start it if it is stopped.

        Args:
            container_name: Which one.
            timeout: Seconds until the engine kills what has not ended by itself.

        Returns:
            `success`, and a `message` that says what was done, or the cause and what to do.
        """
        return self._act(
            container_name,
            lambda engine, name: engine.restart(name, timeout),
            lambda _: "restarted",
            timeout,
        )

    def get_container_stats(self, container_name: str) -> dict[str, Any] | None:
        """Return what a container uses; None when it does not run or cannot be read.

        Returns:
            `cpu_percent` (100 is one processor), `memory_usage` (what `docker stats` shows: usage
            less inactive page cache) and `memory_limit` in bytes, `memory_percent` of the limit,
            `memory_mb` (of 1024 x 1024 bytes). A value is None where the engine does not tell.
        """
        try:
            name = check_name(container_name)
            reading = self._rates.read(name)
        except (InvalidNameError, EngineError) as error:
            self._log_failure("stats", container_name, error)
            return None
        return None if reading is None else as_stats(*reading)

    def get_container_info(self, container_name: str) -> dict[str, Any] | None:
        """Return what a container is; None when there is none such, or it cannot be read.

        Returns:
            `id`, `name`, `status`, `started_at` (as the engine writes it; None when it was never
            started), `pid` (None while it has none).
        """
        try:
            name = check_name(container_name)
            container = self.call(lambda engine: engine.inspect(name))
        except (InvalidNameError, EngineError) as error:
            self._log_failure("inspect", container_name, error)
            return None
        return {
            "id": container.id,
            "name": container.name,
            "status": container.status,
            "started_at": container.started_at_text,
            "pid": container.pid,
        }

    # -- what the exporter builds on ----------------------------------------------------------

    def call(self, ask: Callable[[Engine], T], deadline: Deadline | None = None) -> T:
        """Return what an engine answers; ask once more if the engine in use turns out to be gone.

        Args:
            ask: What to ask; may be called twice, so it must not change anything.
            deadline: By when the engine must be found; None for the client's own timeout.

        Raises:
            EngineError: The engine cannot be reached, or did not do what it was asked.
        """
        engine = self.connect(deadline)
        try:
            return ask(engine)
        except (EngineTimeoutError, EngineAccessDeniedError):
            # Who is late, or refuses, is there.
            raise
        except EngineUnavailableError as error:
            self.lost(engine, error)
        return ask(self.connect(deadline))

    def connect(self, deadline: Deadline | None = None) -> Engine:
        """Return the engine: through the SDK where it can connect, through the CLI otherwise.

        Raises:
            EngineUnavailableError: Through neither; the message says why, and what to do.
        """
        engine = self._sdk_engine()
        if engine is not None:
            return engine
        came = time.monotonic()
        deadline = deadline or Deadline(self._timeout)
        if not self._lock.acquire(timeout=deadline.remaining()):
            raise EngineTimeoutError("Another request is still trying to reach the engine.")
        try:
            return self._sdk_engine() or self._find_once(came, deadline)
        finally:
            self._lock.release()

    def lost(self, engine: Engine, error: EngineError) -> None:
        """Note that an engine was found to be gone, so that the next call looks for it anew."""
        with self._lock:
            if isinstance(engine, SdkEngine):
                if engine.client is not self._client:
                    # Another thread has found it again meanwhile.
                    return
                self._drop_client()
            self._mode = None
        logger.info("engine lost", extra={"mode": engine.mode.value, "error": str(error)})

    def events(self, since: str | None) -> EventStream:
        """Open the stream of container events, see `Engine.events`.

        Raises:
            EngineError: It cannot be opened.
        """
        return self.call(lambda engine: engine.events(since))

    def close(self) -> None:
        """Give the connections back; a later call connects anew."""
        self._closed.set()
        with self._lock:
            self._drop_client()

    # -- below --------------------------------------------------------------------------------

    def _sdk_engine(self) -> SdkEngine | None:
        """Return the engine through the SDK's client in use; None when there is none."""
        # Read once: another thread may be dropping it.
        client, engine = self._client, self._engine
        if not self._sdk_available or client is None:
            return None
        if engine is not None and engine.client is client:
            return engine
        # A client that somebody has put in its place.
        session = Session(client.api, self._where)
        return SdkEngine(client, session, self._where, self._observe, self._timeout)

    def _drop_client(self) -> None:
        """Give the SDK's connections back; the lock is held."""
        engine = self._sdk_engine()
        self._client, self._engine, self._sdk_available = None, None, False
        if engine is not None:
            engine.close()

    def _find_once(self, came: float, deadline: Deadline) -> Engine:
        """Look for the engine, unless somebody has since `came`, in vain; the lock is held.

        So many who ask at the same time cost no more than two attempts, one after the other.
        """
        if self._failed is not None and self._failed[0] >= came:
            raise self._failed[1]
        began, self._failed = time.monotonic(), None
        try:
            return self._find(deadline)
        except EngineTimeoutError:
            # That was the deadline of this one.
            raise
        except EngineError as error:
            # A copy, since the error itself holds on to everything that was tried.
            self._failed = began, copy(error)
            raise

    def _find(self, deadline: Deadline) -> Engine:
        try:
            place = finding.locate(self._host)
        except EngineError:
            # The command is not tried: whatever it might find, it would be another engine.
            self._mode = None
            raise
        self._where = place.address
        # An engine that hangs must leave time to ask by the other way.
        patience = Deadline(min(self._timeout, deadline.remaining()) / 2)
        try:
            engine = finding.connect(place, patience, observe=self._observe, timeout=self._timeout)
        except EngineError as error:
            return self._find_cli(deadline, error)
        self._engine, self._client, self._sdk_available = engine, engine.client, True
        self._settle(Mode.SDK)
        return engine

    def _find_cli(self, deadline: Deadline, sdk_error: EngineError) -> Engine:
        """Look for the engine by the command."""
        command = shutil.which("docker")
        if command is None:
            self._mode = None
            raise sdk_error
        engine = CliEngine(command, self._host, self._where, self._observe, self._timeout)
        if self._mode is not Mode.CLI:
            try:
                self._podman = engine.version(deadline).engine == "podman"
            except EngineError as cli_error:
                self._mode = None
                # A refusal tells more than an address where nobody is, and the SDK's names the
                # request; of SSH the command tells more, since the SDK may not have tried.
                refused, first = (
                    isinstance(error, EngineAccessDeniedError) for error in (cli_error, sdk_error)
                )
                tells_more = (refused and not first) or kind(self._where) == "ssh"
                raise (cli_error if tells_more else sdk_error) from None
            logger.warning("docker sdk cannot connect", extra={"error": str(sdk_error)})
            self._settle(Mode.CLI)
        return replace(engine, podman=self._podman)

    def _settle(self, mode: Mode) -> None:
        if self._mode is not mode:
            logger.info("engine found", extra={"mode": mode.value})
        self._mode = mode

    def _act(
        self,
        container_name: str,
        act: Callable[[Engine, str], None],
        outcome: Callable[[str], str],
        timeout: int = 0,
    ) -> dict[str, Any]:
        """Do something to a container once, and say in words what came of it."""
        try:
            name = check_name(container_name)
            if timeout < 0:
                return _failure(f"Invalid timeout {timeout!r}: allowed are 0 seconds and more.")
            engine, before = self.call(lambda engine: (engine, engine.status(name)))
            act(engine, name)
        except (InvalidNameError, EngineError) as error:
            self._log_failure("action", container_name, error)
            return _failure(str(error))
        return {"success": True, "message": f"Container '{name}' {outcome(before)}."}

    def _read_stats(self, name: str, *, pair: bool) -> ContainerStats | None:
        return self.call(lambda engine: engine.read_stats(name, pair=pair))

    @staticmethod
    def _log_failure(operation: str, container: object, error: Exception) -> None:
        logger.debug(
            "request failed",
            extra={"operation": operation, "container": str(container), "error": str(error)},
        )


def _ping(engine: Engine) -> Mode:
    """Return how an engine was reached that has just answered."""
    engine.ping()
    return engine.mode


def _failure(message: str) -> dict[str, Any]:
    return {"success": False, "message": message}


_shared: DockerClient | None = None
_shared_lock = threading.Lock()


def get_docker_client() -> DockerClient:
    """Return the client that this process shares, made at the first call."""
    global _shared  # noqa: PLW0603 - the reference defines a singleton
    with _shared_lock:
        if _shared is None:
            _shared = DockerClient()
        return _shared

"""Serving: the one place where everything is wired together."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exporter.actions.audit import AuditLog, Outcome
from exporter.actions.executor import Executor
from exporter.actions.guard import Action, Policy, Trigger
from exporter.actions.healer import Healer
from exporter.actions.ledger import Ledger
from exporter.actions.selfid import own_container_id
from exporter.docker_client import DockerClient
from exporter.engine.events import EventFollower
from exporter.engine.finding import address
from exporter.errors import EngineError
from exporter.logs import configure
from exporter.metrics.disk import DiskUsageReader
from exporter.metrics.exposition import Exposition
from exporter.metrics.instruments import (
    ActionInstruments,
    ConfigReloads,
    ExhaustedHealing,
    Instruments,
)
from exporter.metrics.labels import LabelOptions
from exporter.metrics.snapshot import Snapshots
from exporter.metrics.usage import UsageReader
from exporter.process import needless_root, raise_file_limit
from exporter.settings.unused import unknown_variables, without_admin_api
from exporter.web import healthcheck
from exporter.web.admin import AdminApi
from exporter.web.app import create_admin_app, create_app
from exporter.web.auth import Tokens
from exporter.web.endpoint import admin_routes, disabled_admin_routes
from exporter.web.gate import Gate
from exporter.web.lifecycle import Lifecycle
from exporter.web.listeners import Listener, open_sockets
from exporter.web.openapi import PREFIX
from exporter.web.pages.page import Page
from exporter.web.protocol import Limits
from exporter.web.server import Server
from exporter.web.telemetry import Telemetry
from exporter.wiring import asks_engine, filters, kernel_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

    from exporter.actions.audit import Record
    from exporter.settings import Settings
    from exporter.web.pages.view import Denials

logger = logging.getLogger(__name__)


def serve(settings: Settings) -> None:
    """Serve until a signal comes.

    Raises:
        ExporterError: There is no listening where it was asked.
    """
    configure(settings.log_level, settings.log_format)
    _warn_of_root(settings)
    _warn_of_unused(settings)
    limits = _limits(settings)
    sockets, apart = open_sockets(settings)
    own_metrics = not settings.web_disable_exporter_metrics
    with ExitStack() as cleanup:
        instruments = Instruments()
        client = DockerClient(settings.docker_host, observe=instruments.observe)
        cleanup.callback(client.close)
        follower = EventFollower(client.events)
        cleanup.callback(follower.close)
        snapshots = Snapshots(
            client,
            ttl=settings.collector_cache_ttl,
            filters=filters(settings),
            follower=follower,
            disk=_disk(settings, client, cleanup),
            usage=UsageReader(kernel_files(settings), ask_engine=asks_engine(settings)),
        )
        exposition = Exposition(
            _label_options(settings), own=instruments.registry if own_metrics else None
        )
        lifecycle = Lifecycle()
        telemetry = Telemetry(
            snapshots,
            exposition,
            max_requests=settings.web_max_requests,
            lifecycle=lifecycle,
        )
        cleanup.callback(telemetry.close)
        admin, denial = _admin(settings, client, instruments, lifecycle, cleanup)
        path = settings.web_telemetry_path
        app = create_app(
            telemetry,
            Page(snapshots, lifecycle, telemetry_path=path, denial=None if apart else denial),
            lifecycle,
            telemetry_path=path,
            admin=() if apart else admin,
        )
        listens = _listeners(settings, instruments, cleanup)
        listeners = [listens(one, app) for one in sockets]
        page = Page(snapshots, lifecycle, telemetry_path=None, denial=denial)
        listeners += [listens(one, create_admin_app(page, lifecycle, admin)) for one in apart]
        follower.start()
        Server(listeners, lifecycle, limits, _health_listener()).run()


def _listeners(
    settings: Settings, instruments: Instruments, cleanup: ExitStack
) -> Callable[[socket.socket, ASGIApp], Listener]:
    """Return what makes listeners; with the web configuration applied, if there is one."""
    if settings.web_config_file is None:
        return Listener
    # Only here: nobody else needs YAML and bcrypt.
    from exporter.web.config.admission import Admission  # noqa: PLC0415 -- as just said
    from exporter.web.config.live import LiveWebConfig  # noqa: PLC0415 -- as just said
    from exporter.web.config.users import Passwords  # noqa: PLC0415 -- as just said

    live = LiveWebConfig(Path(settings.web_config_file))
    instruments.registry.register(ConfigReloads(live.reloads))
    passwords = Passwords()
    cleanup.callback(passwords.close)
    admission = Admission(live, passwords, without_users=PREFIX)
    return lambda one, app: Listener(one, admission.before(app), live.tls)


def _health_listener() -> socket.socket | None:
    try:
        return healthcheck.listen()
    except OSError as exc:
        logger.warning(
            "the command healthcheck will not find this process", extra={"error": str(exc)}
        )
        return None


def _admin(
    settings: Settings,
    reader: DockerClient,
    instruments: Instruments,
    lifecycle: Lifecycle,
    cleanup: ExitStack,
) -> tuple[list[BaseRoute], Denials | None]:
    """Build the admin API, if there is to be one.

    Returns:
        Its routes, and what its guard would say to an action.
    """
    if not settings.admin_token_file:
        return disabled_admin_routes(), None
    tokens = Tokens(settings.admin_token_file)
    path = settings.admin_audit_file
    audit = AuditLog(None if path is None else Path(path))
    cleanup.callback(audit.close)
    ledger = Ledger(_policy(settings), audit.earlier())
    counts = ActionInstruments(
        instruments.registry,
        actions=(*Action, "unknown"),
        triggers=(Trigger.API, Trigger.ALERTMANAGER),
        outcomes=Outcome,
    )
    instruments.registry.register(ExhaustedHealing(ledger.exhausted))

    def write(record: Record) -> Record:
        counts.count_action(record.action, record.trigger, record.outcome)
        return audit.write(record)

    actor = reader
    if settings.admin_docker_host is not None:
        actor = DockerClient(settings.admin_docker_host, observe=instruments.observe)
        cleanup.callback(actor.close)
    executor = Executor(reader, actor, ledger, write, dry_run=settings.admin_dry_run)
    cleanup.callback(executor.close)
    healer = Healer(executor, ledger, write, settings.admin_alert_match)
    api = AdminApi(reader, executor, healer, audit.recent, lifecycle)
    gate = Gate(tokens, settings.admin_allowed_host, counts.count_auth_failure)
    denial = partial(executor.denial, trigger=Trigger.API)
    return admin_routes(api.operations(), gate, write), denial


def _disk(settings: Settings, client: DockerClient, cleanup: ExitStack) -> DiskUsageReader | None:
    if not settings.collector_disk_usage:
        return None
    reader = DiskUsageReader(client, settings.collector_disk_usage_interval)
    cleanup.callback(reader.close)
    return reader


def _policy(settings: Settings) -> Policy:
    return Policy(
        label=settings.admin_label,
        allow=settings.admin_allow,
        cooldown_seconds=settings.admin_cooldown,
        budget=settings.admin_budget,
        own_id=own_container_id(Path("/proc/self"), socket.gethostname()),
    )


def _warn_of_root(settings: Settings) -> None:
    addresses = () if settings.web_systemd_socket else settings.web_listen_address
    try:
        engine = address(settings.docker_host)
    except EngineError:
        # The first attempt to reach it says what is wrong.
        return
    advice = needless_root(engine, [one.port for one in addresses])
    if advice is not None:
        logger.warning("runs as root without need", extra={"advice": advice})


def _warn_of_unused(settings: Settings) -> None:
    flags = without_admin_api(settings)
    if flags:
        logger.warning(
            "the admin API is off for want of a token",
            extra={"without_effect": " ".join(flags), "advice": "give --admin.token-file"},
        )
    for variable, advice in unknown_variables(os.environ).items():
        logger.warning(
            "unknown environment variable", extra={"variable": variable, "advice": advice}
        )


def _limits(settings: Settings) -> Limits:
    # Half of the files are for everything else: an old engine is asked for much at once.
    most = raise_file_limit() // 2
    if most < settings.web_max_connections:
        logger.warning("few open files are allowed", extra={"connections": most})
    return Limits(
        connections=min(settings.web_max_connections, most),
        read_seconds=settings.web_read_timeout,
        write_seconds=settings.web_write_timeout,
        idle_seconds=settings.web_idle_timeout,
    )


def _label_options(settings: Settings) -> LabelOptions:
    return LabelOptions(
        series=settings.collector_labels,
        container_labels=settings.collector_container_labels,
        everywhere=settings.collector_container_labels_everywhere,
    )

"""Every setting of the exporter: a field of `Settings`, and a row of the table that makes it.

Flags, environment variables, the keys of the YAML file and `docs/configuration.md` are made from
the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from exporter.settings import admin, parsers
from exporter.settings.setting import Setting

if TYPE_CHECKING:
    import re


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the exporter is to do: each field is described by the row of its name in `TABLE`.

    Durations are seconds; None is what was not given and has no default.
    """

    web_listen_address: tuple[parsers.ListenAddress, ...]
    web_systemd_socket: bool
    web_telemetry_path: str
    web_max_requests: int
    web_max_connections: int
    web_read_timeout: float
    web_write_timeout: float
    web_idle_timeout: float
    web_config_file: str | None
    web_disable_exporter_metrics: bool
    collector_cache_ttl: float
    collector_include: re.Pattern[str] | None
    collector_exclude: re.Pattern[str] | None
    collector_include_label: tuple[tuple[str, str | None], ...]
    collector_labels: tuple[str, ...]
    collector_container_labels: tuple[str, ...]
    collector_container_labels_everywhere: bool
    collector_disk_usage: bool
    collector_disk_usage_interval: float
    collector_stats_source: str
    path_cgroup: str
    path_procfs: str
    docker_host: str | None
    admin_token_file: tuple[admin.TokenFile, ...]
    admin_listen_address: parsers.ListenAddress | None
    admin_docker_host: str | None
    admin_allowed_host: tuple[str, ...]
    admin_label: str
    admin_allow: re.Pattern[str] | None
    admin_cooldown: float
    admin_budget: int
    admin_alert_match: tuple[tuple[str, str], ...]
    admin_audit_file: str | None
    admin_dry_run: bool
    log_level: str
    log_format: str
    config_file: str | None


TABLE = (
    Setting(
        "web.listen-address",
        parsers.listen_address,
        "Where to serve. `:PORT` means every IPv4 and IPv6 address of the machine.",
        default=":9417",
        metavar="ADDRESS",
        repeatable=True,
    ),
    Setting(
        "web.systemd-socket",
        parsers.truth,
        "Serve on the sockets that systemd has opened for this service (socket activation) instead"
        " of `--web.listen-address`. One that is named `admin` (`FileDescriptorName=admin`) serves"
        " the admin API alone.",
        default="false",
    ),
    Setting(
        "web.telemetry-path",
        parsers.url_path,
        "The path of the metrics.",
        default="/metrics",
        metavar="PATH",
    ),
    Setting(
        "web.max-requests",
        parsers.whole_number,
        "How many different expositions may be in the making at once; a scrape that would"
        " need one more is answered 503. Scrapes that wait for the engine, or for an"
        " exposition that is being made already, do not count. 0 is no limit.",
        default="40",
        metavar="N",
    ),
    Setting(
        "web.max-connections",
        parsers.positive_number,
        "How many connections may be open at once, on all addresses together. At the limit a new"
        " one takes the place of the one that has been idle for the longest; one that waits for"
        " its answer is never closed for another.",
        default="512",
        metavar="N",
    ),
    Setting(
        "web.read-timeout",
        parsers.positive_duration,
        "How long a client may take for a TLS handshake, for sending the head of a request, and"
        " for sending its body: so long for each, on every request of a connection.",
        default="10s",
        metavar="DURATION",
    ),
    Setting(
        "web.write-timeout",
        parsers.positive_duration,
        "How long a client may take for receiving each 64 KiB of an answer, so that one that is"
        " slow but steady is served to the end.",
        default="30s",
        metavar="DURATION",
    ),
    Setting(
        "web.idle-timeout",
        parsers.positive_duration,
        "How long a connection is kept open between two requests. The default is longer than"
        " Prometheus keeps its own.",
        default="6m",
        metavar="DURATION",
    ),
    Setting(
        "web.config.file",
        str,
        "A file with certificates, users, headers and a rate limit, in the format of"
        " exporter-toolkit; see web-configuration.md. It is read again when it changes.",
        metavar="FILE",
    ),
    Setting(
        "web.disable-exporter-metrics",
        parsers.truth,
        "Leave out the metrics about the exporter itself (`docker_exporter_*`,"
        " `process_*`, `python_info`).",
        default="false",
    ),
    Setting(
        "collector.cache-ttl",
        parsers.duration,
        "How long one reading of the engine serves further scrapes. 0 reads anew for each,"
        " though simultaneous ones still share.",
        default="3s",
        metavar="DURATION",
    ),
    Setting(
        "collector.include",
        parsers.regular_expression,
        "Only containers whose whole name matches: the expression is anchored at both ends,"
        " as in Prometheus.",
        metavar="REGEX",
    ),
    Setting(
        "collector.exclude",
        parsers.regular_expression,
        "No containers whose whole name matches; wins over `--collector.include`.",
        metavar="REGEX",
    ),
    Setting(
        "collector.include-label",
        parsers.label_filter,
        "Only containers with this Docker label, or with this value of it; with several, all"
        " must hold.",
        default="",
        metavar="KEY[=VALUE]",
        repeatable=True,
    ),
    Setting(
        "collector.labels",
        parsers.one_of("id", "compose_project", "compose_service"),
        "Further labels for every container series: `id`, `compose_project`, `compose_service`.",
        default="",
        metavar="LABEL",
        repeatable=True,
    ),
    Setting(
        "collector.container-labels",
        parsers.pattern,
        "Docker labels to show on `container_info` as `container_label_NAME`; a pattern may"
        " hold `*` and `?`.",
        default="",
        metavar="PATTERN",
        repeatable=True,
    ),
    Setting(
        "collector.container-labels-everywhere",
        parsers.truth,
        "Show those Docker labels on every container series, as cAdvisor does.",
        default="false",
    ),
    Setting(
        "collector.disk-usage",
        parsers.truth,
        "Show what images, containers, volumes and the build cache take on disk. The engine walks"
        " through all of them to tell it, so it is asked in the background, never while a scrape"
        " waits.",
        default="false",
    ),
    Setting(
        "collector.disk-usage-interval",
        parsers.interval,
        "How often that is read, at most: at a scrape, when this much time has passed. What is"
        " shown is at most twice as old.",
        default="10m",
        metavar="DURATION",
    ),
    Setting(
        "collector.stats-source",
        parsers.one_of("auto", "api", "cgroup"),
        "Where stats come from. `cgroup`: from the kernel's own files, which cost the engine"
        " nothing and tell more; a container that they are not found for goes without, and is"
        " counted with the reason `no_cgroup`. `api`: from the engine. `auto`: from the kernel's"
        " files for every container that they are found for, as they are where the exporter runs"
        " on the engine's machine, and from the engine for the rest.",
        default="auto",
        metavar="SOURCE",
    ),
    Setting(
        "path.cgroup",
        str,
        "Where the machine's cgroup hierarchies are mounted. In a container, mount them, as"
        " `--volume /sys/fs/cgroup:/host/cgroup:ro`, and name the place here.",
        default="/sys/fs/cgroup",
        metavar="DIRECTORY",
    ),
    Setting(
        "path.procfs",
        str,
        "Where the machine's procfs is mounted. In a container, mount it, as"
        " `--volume /proc:/host/proc:ro`, and name the place here; sharing the machine's process"
        " ids (`--pid=host`) will do as well. With `--cgroupns=host` the exporter finds its own"
        " container too, which it sees without its id otherwise, and asks the engine about.",
        default="/proc",
        metavar="DIRECTORY",
    ),
    Setting(
        "docker.host",
        parsers.engine_address,
        "The engine to read: `unix:///PATH`, `tcp://HOST:PORT` or `ssh://USER@HOST`. By default"
        " what `DOCKER_HOST` or the context of the docker command says. An address with a password"
        " belongs in the environment or the file: everyone can see the flags of a process.",
        metavar="ADDRESS",
    ),
    Setting(
        "admin.token-file",
        admin.token_file,
        "Enables the admin API for who holds the token in this file: `NAME=FILE` or"
        " `NAME:SCOPE[,SCOPE]=FILE`. NAME is what records call its holder; the scopes are `read`"
        " (the default) and `act`. The token has at least 32 characters, and no two names have the"
        " same one; the file is read again when it changes.",
        default="",
        metavar="NAME[:SCOPE[,SCOPE]]=FILE",
        repeatable=True,
        split=admin.split_token_files,
    ),
    Setting(
        "admin.listen-address",
        parsers.listen_address,
        "Where to serve the admin API instead of where the metrics are served.",
        metavar="ADDRESS",
    ),
    Setting(
        "admin.docker-host",
        parsers.engine_address,
        "The same engine by another way, to be used for actions only: such as a socket proxy that"
        " allows them, where `--docker.host` is one that allows reading.",
        metavar="ADDRESS",
    ),
    Setting(
        "admin.allowed-host",
        admin.host_name,
        "Further host names that requests without a valid token may use to reach the admin API."
        " IP addresses and `localhost` are allowed always, and with a valid token every name is.",
        default="",
        metavar="NAME",
        repeatable=True,
    ),
    Setting(
        "admin.label",
        parsers.pattern,
        "The Docker label by which a container opts in to actions: its value lists them, as in"
        " `restart,start,stop`.",
        default="docker-exporter.actions",
        metavar="LABEL",
    ),
    Setting(
        "admin.allow",
        parsers.regular_expression,
        "Containers whose whole name matches have opted in to every action, whatever their labels"
        " are.",
        metavar="REGEX",
    ),
    Setting(
        "admin.cooldown",
        parsers.duration,
        "The time between two actions on one container. For what Alertmanager asks for it also"
        " counts from the moment that the container was started by somebody else.",
        default="60s",
        metavar="DURATION",
    ),
    Setting(
        "admin.budget",
        parsers.positive_number,
        "How many actions there may be on one container within an hour.",
        default="5",
        metavar="N",
    ),
    Setting(
        "admin.alert-match",
        admin.alert_match,
        "Which alerts may name a container by its name alone: those that have this value of a"
        " label, such as `instance`; with several, all must hold. Alerts with the container's"
        " `id`, as those of this project, do not need it.",
        default="",
        metavar="LABEL=VALUE",
        repeatable=True,
    ),
    Setting(
        "admin.audit-file",
        str,
        "A file to which the record of every attempt is added, as a line of JSON. It may be"
        " rotated. At start, the budgets are taken up from it.",
        metavar="FILE",
    ),
    Setting(
        "admin.dry-run",
        parsers.truth,
        "Carry out nothing, and put on record what would be.",
        default="false",
    ),
    Setting(
        "log.level",
        parsers.one_of("debug", "info", "warn", "warning", "error"),
        "What to log: `debug`, `info`, `warn` or `error`, and what is graver. `warning`, the word"
        " of the log itself, is the same as `warn`.",
        default="info",
        metavar="LEVEL",
    ),
    Setting(
        "log.format",
        parsers.one_of("logfmt", "json"),
        "How to log: `logfmt` or `json`.",
        default="logfmt",
        metavar="FORMAT",
    ),
    Setting(
        "config.file",
        str,
        "A YAML file of settings. This one cannot stand in it.",
        metavar="FILE",
    ),
)

[CONFIG_FILE] = (setting for setting in TABLE if setting.name == "config_file")

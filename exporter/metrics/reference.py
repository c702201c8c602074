"""The text of `docs/metrics.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exporter.metrics import catalogue

if TYPE_CHECKING:
    from collections.abc import Iterable

    from exporter.metrics.catalogue import Metric

_INTRODUCTION = """\
# Metrics

Every series of a container has the labels `name` and `image`; further ones are given beside the
metric. `image` is what was typed when the container was created, also after its tag has moved on.
`--collector.labels` adds `id`, `compose_project` or `compose_service` to them, and
`--collector.container-labels` shows Docker labels, as `container_label_...`, on `container_info`.
Labels that begin with `docker-exporter.` are always there.

Names and meanings are those of cAdvisor where it has the metric ([from cAdvisor](from-cadvisor.md)
says where they differ). A series is left out where its value is not known: a stopped container
has no CPU series, and there is never a 0 in place of a value. No sample carries a timestamp.

Stats come from the kernel's files where the exporter finds them, else from the engine, container
by container: `--collector.stats-source`. Where both have a value it is the same one, and the
source named is the field of the engine's answer; what stands in a file alone is named after the
file. What "SDK mode, or the kernel's files" stands beside is left out in CLI mode where the
kernel's files are not found, since the `docker` command prints rounded text of which no counter
can be made.
"""

_NETWORK = """\
In the kernel's files a container has every interface of its network but the loopback and those of
containers within it (`veth…`, `docker…`); the engine tells of those that it has made itself.
"""

_EVENTS = """\
Counted from the engine's event stream since the exporter started, so that they survive what
resets the engine's own numbers: a manual start, or a container that is created again under its
name. Those of a container that was removed stay for five minutes after its last event. The engine
keeps its last 256 events: a gap in the stream is filled from them, and what happened beyond that
is not counted.
"""

_DISK = """\
Off by default: `--collector.disk-usage` turns it on. The engine walks through every volume and
the own layer of every container to tell it, so it is asked in the background: at the first scrape,
and from then on at a scrape when `--collector.disk-usage-interval` (ten minutes) has passed since
it was asked last. Until it has told, the last reading is shown; one that is older than two
intervals is left out, as all are while the engine is down. Where the engine refuses to tell, or
takes more than an interval or five minutes, only these series are missing.

What could be reclaimed of images is the layers that no other image has, of the images without a
container, also where older versions of `docker system df` show more: they count layers that an
image in use shares. In CLI mode the totals are what that command prints, rounded to four digits;
the sizes of containers are exact.
"""

_OWN = """\
With `--web.disable-exporter-metrics` these, `process_*` and `python_info` are left out. Besides
those below there are `docker_exporter_build_info`, `docker_exporter_engine_requests_total`,
`docker_exporter_engine_requests_failed_total` and the histogram
`docker_exporter_engine_request_duration_seconds`, by `operation` (and `reason`).

Where the admin API is enabled there are also `docker_exporter_actions_total`, which counts
attempts by `action`, `trigger` (`api`, `alertmanager`) and `outcome` (`done`, `failed`, `denied`,
`dry_run`, `ignored`); `docker_exporter_auth_failures_total`, which counts requests without a valid
token; and the gauge `docker_exporter_healing_exhausted`, which is 1 for each `name` whose healing
was given up ([healing](healing.md)).

With a [web configuration](web-configuration.md) there are also the gauges
`docker_exporter_config_last_reload_successful` and
`docker_exporter_config_last_reload_success_timestamp_seconds`, by `file`.
"""

_SECTIONS: tuple[tuple[str, str, Iterable[Metric[Any]]], ...] = (
    ("The engine", "", catalogue.ENGINE),
    ("State of containers", "", (*catalogue.STATE, catalogue.CONTAINER_INFO)),
    ("What was configured", "", catalogue.CONFIGURED),
    ("CPU", "", catalogue.CPU),
    ("Memory and processes", "", catalogue.MEMORY),
    ("Network", _NETWORK, catalogue.NETWORK),
    ("Block I/O", "", catalogue.BLOCK_IO),
    ("Pressure", "", catalogue.PRESSURE),
    ("Disk", _DISK, (*catalogue.DISK, *catalogue.CONTAINER_DISK)),
    ("Events", _EVENTS, catalogue.EVENTS),
    ("The exporter itself", _OWN, catalogue.SCRAPE),
)


def render_reference() -> str:
    """Return the text of `docs/metrics.md`."""
    return "\n".join([_INTRODUCTION, *(_section(*section) for section in _SECTIONS)])


def _section(title: str, text: str, metrics: Iterable[Metric[Any]]) -> str:
    rows = [
        f"| `{metric.name}` | {metric.kind} | {' '.join(f'`{one}`' for one in metric.labels)} "
        f"| {metric.help} | {metric.present} |"
        for metric in metrics
    ]
    table = ["| name | type | labels | meaning (source) | there when |", "|---|---|---|---|---|"]
    return "\n".join([f"## {title}", "", *([text] if text else []), *table, *rows, ""])

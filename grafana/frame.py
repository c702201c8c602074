"""What surrounds the panels: variables, links, rows, and the dashboard itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import DATASOURCE
from grafana.promql import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana.panels import Panel

TAG = "docker-exporter"

FLEET = "docker-fleet"
HOST = "docker-host"
CONTAINER = "docker-container"
EXPORTER = "docker-exporter"

# The name of a series of a container; hosts may well have containers of the same name.
NAMED = "{{name}} @ {{instance}}"

TITLES = {
    FLEET: "Fleet",
    HOST: "Host and containers",
    CONTAINER: "Container",
    EXPORTER: "Exporter and healing",
}

# What every link hands over, besides the time.
_KEEP = "${datasource:queryparam}&${job:queryparam}"

Rows = dict[str, "Sequence[Panel]"]


def job() -> builders.QueryVariable:
    """Return the variable for scrape jobs."""
    return _query("job", "Job", "label_values(docker_up, job)").multi(True).include_all(True)


def instance() -> builders.QueryVariable:
    """Return the variable for hosts: the targets of the jobs."""
    values = 'label_values(docker_up{job=~"$job"}, instance)'
    return _query("instance", "Instance", values).multi(True).include_all(True)


def project() -> builders.QueryVariable:
    """Return the variable for compose projects; all of them includes containers without one."""
    values = f"label_values({select('container_info')}, compose_project)"
    variable = _query("project", "Compose project", values)
    # A container without a project has an empty label, which is no choice.
    return variable.multi(True).include_all(True).all_value(".*").regex("/.+/")


def container(*, single: bool) -> builders.QueryVariable:
    """Return the variable for containers: one of them, or any number."""
    info = select("container_info", 'compose_project=~"$project"')
    variable = _query("container", "Container", f"label_values({info}, name)")
    return variable if single else variable.multi(True).include_all(True)


def link(title: str, uid: str, **variables: str) -> builders.DashboardLink:
    """Return a link to another dashboard, with variables taken from what was clicked on."""
    values = "".join(f"&var-{name}={value}" for name, value in variables.items())
    return builders.DashboardLink(title).url(f"/d/{uid}?{_KEEP}&${{__url_time_range}}{values}")


TO_CONTAINER = link(
    "Open this container",
    CONTAINER,
    instance="${__field.labels.instance}",
    container="${__field.labels.name}",
)
TO_HOST = link("Open this host", HOST, instance="${__field.labels.instance}")
HOST_OF_ROW = link("Open this host", HOST, instance="${__data.fields.Host}")
CONTAINER_OF_ROW = link(
    "Open this container",
    CONTAINER,
    instance="${__data.fields.Host}",
    container="${__data.fields.Container}",
)


def _query(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query(query)
        .all_value(".+")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NATURAL_ASC)
    )


def _top_link(title: str, uid: str) -> builders.DashboardLink:
    """Return a link for the top of a dashboard."""
    return (
        builders.DashboardLink(title)
        .type(models.DashboardLinkType.LINK)
        .url(f"/d/{uid}?{_KEEP}&${{instance:queryparam}}")
        .icon("dashboard")
        .keep_time(True)
    )


def build(
    uid: str,
    description: str,
    *,
    variables: Sequence[builders.QueryVariable],
    rows: Rows,
    annotations: Sequence[builders.AnnotationQuery] = (),
) -> models.Dashboard:
    """Return a dashboard; rows are its panels by heading."""
    builder = (
        builders.Dashboard(f"Docker / {TITLES[uid]}")
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-1h", "now")
        .refresh("30s")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .links([_top_link(title, other) for other, title in TITLES.items() if other != uid])
        .with_variable(
            builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
        .annotations(list(annotations))
    )
    for variable in variables:
        builder.with_variable(variable)
    for heading, panels in rows.items():
        builder.with_row(builders.Row(heading))
        for panel in panels:
            builder.with_panel(panel)
    built = builder.build()
    for number, built_panel in enumerate(built.panels or (), start=1):
        built_panel.id_val = number
    return built

"""The kinds of panels that the dashboards are made of."""

from __future__ import annotations

from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana import look

if TYPE_CHECKING:
    from collections.abc import Sequence

DATASOURCE = options.DataSourceRef(type_val="prometheus", uid="${datasource}")

Panel = bargauge.Panel | stat.Panel | statetimeline.Panel | table.Panel | timeseries.Panel
P = TypeVar("P", bargauge.Panel, stat.Panel, statetimeline.Panel, table.Panel, timeseries.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel.

    Attributes:
        expression: In PromQL.
        legend: The name of each series, such as `{{name}}`.
        colour: Of all its series; None to go by the panel.
        below: Draw it downwards from zero, as one draws what is sent below what is received.
        dashed: Draw it dashed, as one draws a limit.
    """

    expression: str
    legend: str
    colour: str | None = None
    below: bool = False
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or what a query brings into one.

    Attributes:
        title: Its heading.
        expression: In PromQL.
        unit: Of its values.
        label: Show this label of the query instead of its values.
        mappings: Texts for values.
        warn: From which value on it is coloured.
    """

    title: str
    expression: str
    unit: str = "short"
    label: str | None = None
    mappings: Sequence[models.ValueMapping] = ()
    warn: float | None = None


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    warn: float | None = None,
    crowded: bool = False,
    links: Sequence[builders.DashboardLink] = (),
) -> timeseries.Panel:
    """Return a graph over time, which begins at zero unless something is drawn below it.

    Args:
        title: Of the panel.
        description: Of the panel.
        queries: What it shows.
        unit: Of the values.
        warn: Where to draw a line that is not to be crossed.
        crowded: Whether there may be many series: their names stand beside the graph then.
        links: Where its series lead.
    """
    place = options.LegendPlacement.RIGHT if crowded else options.LegendPlacement.BOTTOM
    panel = (
        _panel(timeseries.Panel(), title, description, queries)
        .span(12)
        .unit(unit)
        .color_scheme(look.by_value())
        .line_width(1)
        .fill_opacity(8)
        .show_points(options.VisibilityMode.NEVER)
        .tooltip(
            common.VizTooltipOptions()
            .mode(options.TooltipDisplayMode.MULTI)
            .sort(options.SortOrder.DESCENDING)
            .max_height(400)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.TABLE)
            .placement(place)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
            .sort_by("Max")
            .sort_desc(True)
        )
        .data_links(list(links))
    )
    if not any(query.below for query in queries):
        panel.min(0)
    if warn is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(options.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(look.thresholds((warn, look.RED))).thresholds_style(dashed)
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        if overrides := _overrides(query):
            panel.override_by_query(letter, overrides)
    return panel


def stack(panel: timeseries.Panel) -> timeseries.Panel:
    """Turn a graph into one of areas on top of each other."""
    stacking = common.StackingConfig().mode(options.StackingMode.NORMAL).group("A")
    return panel.stacking(stacking).fill_opacity(60)


def bars(panel: timeseries.Panel) -> timeseries.Panel:
    """Turn a graph into one of bars, for things that happen now and then."""
    # Prometheus' windows overlap by a scrape: much shorter ones would show all things repeatedly.
    return stack(panel).draw_style(options.GraphDrawStyle.BARS).interval("1m")


def number(
    title: str,
    description: str,
    expression: str,
    *,
    legend: str = "",
    warn: float | None = None,
    mappings: Sequence[models.ValueMapping] = (),
) -> stat.Panel:
    """Return a single number, as it is now; red from `warn` on."""
    steps = () if warn is None else ((warn, look.RED),)
    return (
        _panel(stat.Panel(), title, description, (Query(expression, legend),), instant=True)
        .span(4)
        .height(4)
        .unit("short")
        .mappings(list(mappings))
        .color_scheme(look.by_threshold())
        .thresholds(look.thresholds(*steps))
        .color_mode(options.BigValueColorMode.VALUE)
        .graph_mode(options.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .no_value("unknown")
    )


def ranking(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    links: Sequence[builders.DashboardLink],
) -> bargauge.Panel:
    """Return bars in the order of the query, which is to be that of a `topk`."""
    return (
        _panel(bargauge.Panel(), title, description, (query,), instant=True)
        .span(8)
        .height(9)
        .unit(unit)
        .min(0)
        .color_scheme(look.fixed(look.BLUE))
        .display_mode(options.BarGaugeDisplayMode.BASIC)
        .orientation(options.VizOrientation.HORIZONTAL)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .data_links(list(links))
    )


def timeline(
    title: str,
    description: str,
    query: Query,
    *,
    mappings: Sequence[models.ValueMapping],
    links: Sequence[builders.DashboardLink] = (),
) -> statetimeline.Panel:
    """Return one bar for each series, which changes its colour over time; 20 of them a page."""
    return (
        _panel(statetimeline.Panel(), title, description, (query,))
        .span(12)
        .mappings(list(mappings))
        .color_scheme(look.by_threshold())
        .show_value(options.VisibilityMode.AUTO)
        .row_height(0.8)
        .merge_values(True)
        .per_page(20)
        .legend(
            common.VizLegendOptions()
            .display_mode(options.LegendDisplayMode.LIST)
            .placement(options.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
        .data_links(list(links))
    )


def listing(
    title: str,
    description: str,
    columns: Sequence[Column],
    *,
    keys: dict[str, str],
    links: dict[str, Sequence[builders.DashboardLink]],
    sort_by: str,
) -> table.Panel:
    """Return a table with one row for each set of keys.

    Args:
        title: Of the panel.
        description: Of the panel.
        columns: What it shows beside the keys, in order.
        keys: The labels that all queries share, and their headings; "" hides one.
        links: Where the cells under a heading lead.
        sort_by: The heading to sort by, the highest first.
    """
    queries = [Query(column.expression, "") for column in columns]
    panel = (
        _panel(table.Panel(), title, description, queries, instant=True)
        .span(24)
        .unit("short")
        .filterable(True)
        .sort_by([common.TableSortByFieldState().display_name(sort_by).desc(True)])
        .with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_organised(columns, keys))
    )
    for column in columns:
        panel.override_by_name(column.title, _cell(column))
    for heading, targets in links.items():
        shown = [link.build() for link in targets]
        panel.override_by_name(heading, [models.DynamicConfigValue("links", shown)])
    return panel


def _panel(
    panel: P,
    title: str,
    description: str,
    queries: Sequence[Query],
    *,
    instant: bool = False,
) -> P:
    """Give a panel what all have."""
    panel.title(title).description(description).datasource(DATASOURCE).height(8)
    tabular = isinstance(panel, table.Panel)
    for letter, query in zip(ascii_uppercase, queries, strict=False):
        target = (
            prometheus.Dataquery()
            .expr(query.expression)
            .legend_format(query.legend)
            .ref_id(letter)
            .datasource(DATASOURCE)
            .format(PromQueryFormat.TABLE if tabular else PromQueryFormat.TIME_SERIES)
        )
        panel.with_target(target.instant() if instant else target.range())
    return panel


def _overrides(query: Query) -> list[models.DynamicConfigValue]:
    """Return how the series of one query differ from the others of a graph."""
    found = []
    if query.colour is not None:
        found.append(models.DynamicConfigValue("color", look.fixed(query.colour).build()))
    if query.below:
        found.append(models.DynamicConfigValue("custom.transform", "negative-Y"))
    if query.dashed:
        style = {"fill": "dash", "dash": [8, 8]}
        found.append(models.DynamicConfigValue("custom.lineStyle", style))
        found.append(models.DynamicConfigValue("custom.fillOpacity", 0))
    return found


def _cell(column: Column) -> list[models.DynamicConfigValue]:
    """Return how the cells of a column look."""
    found = [models.DynamicConfigValue("unit", column.unit)]
    if column.mappings:
        found.append(models.DynamicConfigValue("mappings", list(column.mappings)))
    if column.warn is not None:
        steps = look.thresholds((column.warn, look.RED), base="text").build()
        found.append(models.DynamicConfigValue("thresholds", steps))
    if column.mappings or column.warn is not None:
        found.append(models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return found


def _organised(columns: Sequence[Column], keys: dict[str, str]) -> models.DataTransformerConfig:
    """Return the transformation that names, orders and hides what the merged queries gave."""
    fields = {label: heading for label, heading in keys.items() if heading}
    hidden = {label: True for label, heading in keys.items() if not heading} | {"Time": True}
    for letter, column in zip(ascii_uppercase, columns, strict=False):
        if column.label is None:
            fields[f"Value #{letter}"] = column.title
        else:
            fields[column.label] = column.title
            hidden[f"Value #{letter}"] = True
    order = {field: index for index, field in enumerate(fields)}
    return models.DataTransformerConfig(
        id_val="organize",
        options={"renameByName": fields, "indexByName": order, "excludeByName": hidden},
    )

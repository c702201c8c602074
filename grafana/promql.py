"""Pieces of PromQL that the dashboards are made of.

Every selector asks for the job and the instance that are chosen at the top of the dashboard.
"""

from __future__ import annotations

TARGET = 'job=~"$job", instance=~"$instance"'

# What the series of a container on a host have in common.
CONTAINER = "job, instance, name"

# How many containers a graph shows: more lines than this cannot be told apart.
MOST = 25

STATES = ("running", "paused", "restarting", "created", "removing", "exited", "dead")
HEALTHS = ("healthy", "starting", "unhealthy")


def select(metric: str, *matchers: str, over: str = "") -> str:
    """Return a selector of a metric of the chosen targets.

    Args:
        metric: Its name.
        matchers: More matchers, such as `state="running"`.
        over: The window, for a range of samples.

    Examples:
        >>> select("docker_up", over="5m")
        'docker_up{job=~"$job", instance=~"$instance"}[5m]'
    """
    window = f"[{over}]" if over else ""
    return f"{metric}{{{', '.join((TARGET, *matchers))}}}{window}"


def of(metric: str, *matchers: str, over: str = "") -> str:
    """Return a selector of a metric of the chosen containers."""
    return select(metric, 'name=~"$container"', *matchers, over=over)


def rate(selector: str) -> str:
    """Return the increase of a counter in a second."""
    return f"rate({selector}[$__rate_interval])"


def mean(selector: str) -> str:
    """Return the mean of a gauge over what one point of a graph stands for."""
    return f"avg_over_time({selector}[$__rate_interval])"


def increase(selector: str) -> str:
    """Return how often something happened in the time range of the dashboard.

    Prometheus extrapolates, so that one event may come out as 1.1.
    """
    return f"round(increase({selector}[$__range]))"


def events(selector: str) -> str:
    """Return how often something happened, for each bar of a graph."""
    return f"round(increase({selector}[$__rate_interval]))"


def per_container(function: str, expression: str, *more: str) -> str:
    """Return an aggregation that leaves one series for each container, and `more` labels."""
    return f"{function} by ({', '.join((CONTAINER, *more))}) ({expression})"


def in_project(expression: str) -> str:
    """Return what an expression gives for containers of the chosen compose projects.

    The project is on `container_info` alone, so that it need not be on every series.
    """
    projects = select("container_info", 'compose_project=~"$project"')
    return f"{expression} and on ({CONTAINER}) {projects}"


def highest(expression: str, count: int = MOST) -> str:
    """Return the containers with the highest values at each moment."""
    return f"topk({count}, {expression})"


def numbered(metric: str, label: str, values: tuple[str, ...]) -> str:
    """Return which of its values a label has, as a number for each container: 1 for the first.

    A metric with one series for each value, of which one is 1, becomes what a timeline can show.
    """
    selectors = (of(metric, f'{label}="{value}"') for value in values)
    terms = (f"{number} * {selector}" for number, selector in enumerate(selectors, start=1))
    return per_container("max", " or ".join(terms))

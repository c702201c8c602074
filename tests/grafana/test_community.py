"""Queries as the dashboards and rules have that people already use with cAdvisor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.grafana.conftest import FULL, JOB, LIKE_CADVISOR, LOOP, WEB
from tests.support import zoo as animals

if TYPE_CHECKING:
    from tests.grafana.conftest import Observed

# Containers that run or are paused.
ALIVE = {
    WEB,
    *(
        specimen.name
        for specimen in animals.SPECIMENS
        if specimen.state.status in {"running", "paused"}
    ),
}
LIMITED_MEMORY = {WEB, animals.MEMORY_LIMITED}

QUERIES = (
    'sum by (name) (rate(container_cpu_usage_seconds_total{name=~".+"}[10s])) * 100',
    'sum without (cpu) (rate(container_cpu_usage_seconds_total{image!=""}[10s]))',
    'sum(rate(container_cpu_usage_seconds_total{name!=""}[10s])) / sum(machine_cpu_cores) * 100',
    'sum by (name) (rate(container_cpu_user_seconds_total{image!=""}[10s]))',
    'sum by (name) (irate(container_cpu_system_seconds_total{name=~".+"}[10s]))',
    "rate(container_cpu_cfs_throttled_seconds_total[10s])",
    (
        "sum by (name) (increase(container_cpu_cfs_throttled_periods_total[1m]))"
        " / sum by (name) (increase(container_cpu_cfs_periods_total[1m]))"
    ),
    (
        "sum by (name, instance) (rate(container_cpu_usage_seconds_total[10s]))"
        " / sum by (name, instance) (container_spec_cpu_quota / container_spec_cpu_period)"
    ),
    'sum(container_memory_usage_bytes{image!=""}) / sum(machine_memory_bytes) * 100',
    'sum by (name) (container_memory_rss{name=~".+"})',
    'sum by (name) (container_memory_cache{name=~".+"})',
    'container_memory_working_set_bytes{name=~"^shop-.*$"}',
    "sum by (name) (container_spec_memory_limit_bytes - container_memory_usage_bytes)",
    'sum by (name) (rate(container_network_receive_bytes_total{name=~".+"}[10s]))',
    'sum by (name) (rate(container_network_transmit_bytes_total{name=~".+"}[10s]))',
    'sum by (name, interface) (irate(container_network_receive_packets_total{image!=""}[10s]))',
    'sum by (name) (rate(container_fs_reads_bytes_total{name=~".+"}[10s]))',
    'sum by (name) (rate(container_fs_writes_bytes_total{device=~"/dev/.+"}[10s]))',
    'time() - container_start_time_seconds{name=~".+"}',
    'time() - container_last_seen{name=~".+"} < 60',
    "changes(container_start_time_seconds[1m]) > 0",
    "container_health_state == 0",
    "increase(container_oom_events_total[1m]) > 0",
    'topk(5, sum by (name, image) (container_memory_usage_bytes{name!=""}))',
    'count by (instance) ({__name__=~"container.*", name=~".+"})',
    'sum by (name) (container_memory_usage_bytes{id=~"/docker/.*"})',
    'irate(container_cpu_usage_seconds_total{container_label_com_docker_compose_project!=""}[10s])',
    'sum by (container_label_com_docker_compose_service) (container_memory_rss{name!=""})',
)

VARIABLES = (
    ("container_last_seen", "name"),
    ("container_last_seen", "image"),
    ('{__name__=~"container.*"}', "instance"),
    ("container_cpu_user_seconds_total", "name"),
    ('container_memory_usage_bytes{container_label_com_docker_compose_project=~".+"}', "name"),
    ("container_last_seen", "container_label_com_docker_compose_project"),
)


@pytest.mark.parametrize("query", QUERIES)
def test_query_has_data(observed: Observed, query: str) -> None:
    """The query means something here too."""
    assert observed.query(query)


@pytest.mark.parametrize(("selector", "label"), VARIABLES)
def test_variable_has_values(observed: Observed, selector: str, label: str) -> None:
    """`label_values(selector, label)` has something to choose from."""
    assert observed.label_values(label, selector)


def test_running_containers_can_be_counted(observed: Observed) -> None:
    """Counting `container_last_seen`, or its rate, counts the containers that are alive."""
    for query in (
        f'container_last_seen{{job="{JOB}", name=~".+"}}',
        f'rate(container_last_seen{{job="{JOB}", name!=""}}[10s]) > 0',
    ):
        assert _names(observed.query(query)) == ALIVE


def test_memory_has_one_series_for_each_container(observed: Observed) -> None:
    """Legends made of `{{name}}` do not repeat themselves."""
    series = observed.query(f'container_memory_usage_bytes{{job="{JOB}"}}')
    assert _names(series) == ALIVE
    assert len(series) == len({labels["name"] for labels, _ in series})


def test_a_limit_of_zero_is_no_limit(observed: Observed) -> None:
    """Dividing by limits above 0 leaves the containers that have one."""
    shares = observed.query(
        f'sum by (name) (container_memory_working_set_bytes{{job="{JOB}"}})'
        f' / sum by (name) (container_spec_memory_limit_bytes{{job="{JOB}"}} > 0) * 100'
    )
    assert _names(shares) == LIMITED_MEMORY
    assert all(0 < share < 100 for _, share in shares)
    unlimited = observed.query(f'container_spec_memory_limit_bytes{{job="{JOB}"}} == 0')
    assert animals.IDLE in _names(unlimited)


def test_stopped_containers_do_not_linger(observed: Observed) -> None:
    """What ended has no usage, so that sums are of what runs."""
    query = f'container_memory_usage_bytes{{job="{JOB}", name="{FULL}"}}'
    assert observed.query(query) == []
    assert observed.query(f'container_state{{job="{JOB}", name="{FULL}", state="exited"}}')


def test_labels_are_like_cadvisors_by_option(observed: Observed) -> None:
    """With the options, every series has the id and the labels of its container."""
    series = observed.query(f'container_memory_usage_bytes{{job="{LIKE_CADVISOR}"}}')
    assert _names(series) == ALIVE
    assert all(labels["id"].startswith("/docker/") for labels, _ in series)
    web = next(labels for labels, _ in series if labels["name"] == WEB)
    assert web["container_label_com_docker_compose_project"] == "shop"


def _names(series: list[tuple[dict[str, str], float]]) -> set[str]:
    """Return the containers that series are of, but for those that run for a moment at times."""
    return {labels["name"] for labels, _ in series} - {animals.RESTARTING, LOOP}

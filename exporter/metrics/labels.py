"""The labels of a container's series."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

# What may be added to every series; `container_info` has all three always.
SERIES_LABELS = ("id", "compose_project", "compose_service")

# Our own labels on containers are switches that rules rely on, so they are always shown.
OWN_PREFIX = "docker-exporter."

# More series with labels of their own than a container has.
MOST_TEXTS = 1000

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
_NOT_ALLOWED = re.compile(r"[^a-zA-Z0-9_]", re.ASCII)
_COMPOSE_PROJECT = "com.docker.compose.project"
_COMPOSE_SERVICE = "com.docker.compose.service"


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """Which labels the series have beyond `name` and `image`.

    Attributes:
        series: Of `SERIES_LABELS`, on every series of a container.
        container_labels: Patterns (`*`, `?`, `[...]`) of the Docker labels to show.
        everywhere: Show these on every series rather than on `container_info` only.
    """

    series: tuple[str, ...] = ()
    container_labels: tuple[str, ...] = ()
    everywhere: bool = False


class SeriesLabels:
    """The labels that a group of series has, such as all those of one container.

    It keeps the texts that it has made: most series come again with each scrape.

    Attributes:
        labels: By name.
    """

    def __init__(self, labels: dict[str, str]) -> None:
        self.labels = labels
        self._text = _text(labels)
        self._texts: dict[tuple[tuple[str, ...], tuple[str, ...]], str] = {}

    def joined(self, names: tuple[str, ...], values: tuple[str, ...]) -> dict[str, str]:
        """Return the labels of one series, which has further ones or, without values, none."""
        return self.labels | dict(zip(names, values, strict=True)) if values else self.labels

    def text(self, names: tuple[str, ...], values: tuple[str, ...]) -> str:
        r"""Return the same as the exposition formats write it; empty without labels.

        Examples:
            >>> print(SeriesLabels({"name": "web"}).text(("device",), ('a "b"',)))
            {device="a \"b\"",name="web"}
        """
        if not values:
            return self._text
        text = self._texts.get((names, values))
        if text is None:
            if len(self._texts) >= MOST_TEXTS:
                # The values are the container's choice, as far as it names its interfaces.
                self._texts.clear()
            text = self._texts[names, values] = _text(self.joined(names, values))
        return text


def _text(labels: Mapping[str, str]) -> str:
    pairs = ",".join(
        [f'{name}="{value.translate(_ESCAPES)}"' for name, value in sorted(labels.items())]
    )
    return f"{{{pairs}}}" if pairs else ""


def sanitise(key: str) -> str:
    """Return the name under which cAdvisor shows a Docker label.

    Examples:
        >>> sanitise("com.docker.swarm.service.name")
        'container_label_com_docker_swarm_service_name'
    """
    return "container_label_" + _NOT_ALLOWED.sub("_", key)


class Labels:
    """Makes the labels of series, as the options say."""

    def __init__(self, options: LabelOptions) -> None:
        self._options = options
        self._patterns = (*options.container_labels, OWN_PREFIX + "*")
        self._clashes: set[str] = set()

    def of_series(
        self, container_id: str, name: str, image: str, labels: Mapping[str, str]
    ) -> dict[str, str]:
        """Return the labels that every series of a container has."""
        base = {"name": name, "image": image}
        if self._options.series:
            facts = identity(container_id, labels)
            base |= {key: facts[key] for key in self._options.series}
        if self._options.everywhere:
            base |= self._shown(labels)
        return base

    def of_info(self, base: dict[str, str], labels: Mapping[str, str]) -> dict[str, str]:
        """Return the labels of `container_info` that are Docker labels, with the base's."""
        return base if self._options.everywhere else base | self._shown(labels)

    def _shown(self, labels: Mapping[str, str]) -> dict[str, str]:
        """Return the Docker labels that the options allow, under names that Prometheus allows.

        Where two become the same name, the first in alphabetical order stays.
        """
        shown: dict[str, str] = {}
        for key in sorted(labels):
            if not any(fnmatchcase(key, pattern) for pattern in self._patterns):
                continue
            name = sanitise(key)
            if name in shown:
                self._report_clash(name, key)
            else:
                shown[name] = labels[key]
        return shown

    def _report_clash(self, name: str, key: str) -> None:
        if name not in self._clashes:
            self._clashes.add(name)
            logger.warning(
                "container label left out, another has the same name after sanitising",
                extra={"label": key, "name_in_metrics": name},
            )


def identity(container_id: str, labels: Mapping[str, str]) -> dict[str, str]:
    """Return the values of `SERIES_LABELS`, empty where a container has none.

    The id is written as cAdvisor writes it under the cgroupfs driver, under any driver.
    """
    return {
        "id": f"/docker/{container_id}",
        "compose_project": labels.get(_COMPOSE_PROJECT, ""),
        "compose_service": labels.get(_COMPOSE_SERVICE, ""),
    }

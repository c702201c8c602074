"""Which containers are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Conditions that a container must meet, all of them.

    Attributes:
        include: Matches the whole name; None for any.
        exclude: Does not match the whole name.
        labels: Each is there, with this value unless it is None.
    """

    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None
    labels: tuple[tuple[str, str | None], ...] = ()

    def accept_name(self, name: str) -> bool:
        """Return whether a container of this name may be shown.

        Examples:
            >>> import re
            >>> filters = Filters(include=re.compile("web-.*"), exclude=re.compile("web-test"))
            >>> [filters.accept_name(name) for name in ("web-1", "web-test", "my-web-1")]
            [True, False, False]
        """
        if self.include is not None and self.include.fullmatch(name) is None:
            return False
        return self.exclude is None or self.exclude.fullmatch(name) is None

    def accept_labels(self, labels: Mapping[str, str]) -> bool:
        """Return whether a container with these labels may be shown.

        Examples:
            >>> filters = Filters(labels=(("monitor", None), ("tier", "web")))
            >>> filters.accept_labels({"monitor": "", "tier": "web"})
            True
            >>> filters.accept_labels({"tier": "web"})
            False
        """
        return all(key in labels and value in (None, labels[key]) for key, value in self.labels)

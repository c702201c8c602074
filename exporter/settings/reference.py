"""The text of `docs/configuration.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from exporter.settings.table import CONFIG_FILE, TABLE

if TYPE_CHECKING:
    from exporter.settings.setting import Setting

_INTRODUCTION = """\
# Configuration

Every setting can be given as a flag, as an environment variable, or in a YAML file that
`--config.file` names. A flag wins over the environment, the environment over the file, and the
file over the default; the places are not added up. An empty environment variable counts as not
set. A setting that cannot be used ends the program with status 2 and one line that says why.

A setting marked "repeatable" takes several values: separated by commas, by giving the flag several
times, or as a list in the file. An item of such a list is taken whole, commas and all. A switch is
`true` or `false` in the environment and in the file; its flag has an opposite that begins with
`--no-`.

In the file the dots of the names are levels. A key that does not exist is an error.

```yaml
web:
  listen-address: ["127.0.0.1:9417", "[::1]:9417"]
collector:
  cache-ttl: 5s
  exclude: .*-test
  include-label: [monitored=yes]
```
"""


def render_reference() -> str:
    """Return the text of `docs/configuration.md`."""
    return "\n".join([_INTRODUCTION, *map(_render, TABLE)])


def _render(setting: Setting) -> str:
    facts = [
        f"- default: {f'`{setting.default}`' if setting.default else 'none'}",
        f"- environment: `{setting.variable}`",
    ]
    if setting is not CONFIG_FILE:
        facts.append(f"- file: `{setting.key}`")
    if setting.repeatable:
        facts.append("- repeatable")
    heading = f"## `{setting.flag} {setting.metavar}".rstrip() + "`"
    return "\n".join([heading, "", setting.meaning, "", *facts, ""])

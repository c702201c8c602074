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

In the file the dots of the names are levels. A key that does not exist is an error; a variable that
begins with `DOCKER_EXPORTER_` and is none of these is warned of, and told by `check`.

```yaml
web:
  listen-address: ["127.0.0.1:9417", "[::1]:9417"]
collector:
  cache-ttl: 5s
  exclude: .*-test
  include-label: [monitored=yes]
```
"""

_RUNNING = """\
## Endpoints

| path | what it answers |
|---|---|
| `/metrics`, or `--web.telemetry-path` | the metrics; with `?name[]=NAME` those named alone |
| `/-/healthy` | 200 while the process answers, 503 once it stops |
| `/-/ready` | 200 while scrapes are answered, 503 once it stops |
| `/` | [the page](page.md), unless the metrics are there |
| `/api/v1/` | the admin API, where there is a token for it |

Neither `/-/healthy` nor `/-/ready` asks the engine. A scrape without an engine is still a true
answer, `docker_up 0`: were the exporter not ready then, an orchestrator would take it out just when
it has something to tell. Whether the engine is up, `docker_up` tells.

A [web configuration](web-configuration.md) asks for its users and certificates on these paths too;
below `/api/v1/`, tokens stand for the users.

## Signals

| signal | what it does |
|---|---|
| SIGTERM, SIGINT | ends it with status 0 within two seconds; scrapes that wait get what there is |
| SIGHUP | nothing but a line in the log, and not even that under nohup |

There is nothing to reload: token files, the web configuration and what that names are read again
when they change. Settings, and the file of `--config.file`, are read at the start only.
"""


def render_reference() -> str:
    """Return the text of `docs/configuration.md`."""
    return "\n".join([_INTRODUCTION, *map(_render, TABLE), _RUNNING])


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

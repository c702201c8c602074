"""Makes the pictures of the README from a real engine with a small shop on it: `make pictures`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.commands.processes import in_terminal
from tests.support.browser import chromium, visiting
from tests.support.engine import PrivateEngine
from tests.support.exporter import serving
from tests.support.waiting import wait_until

PICTURES = Path(__file__).parent / "pictures"
_COLUMNS, _LINES = 104, 24
# So many that the page says that something is wrong.
_RESTARTS = 3
_TIMEOUT_SECONDS = 60

_SLEEP = ("sleep", "1d")
_WORK = ("sh", "-c", "while :; do dd if=/dev/zero of=/dev/null bs=1M count=400; sleep 0.3; done")
_HOLD = ("sh", "-c", "dd if=/dev/zero of=/dev/shm/f bs=1M count=44; exec sleep 1d")
_HEALTHY = ("--health-cmd=true", "--health-interval=1s")
_UNHEALTHY = ("--health-cmd=false", "--health-interval=1s", "--health-retries=1")
_OPTED_IN = ("--label=docker-exporter.actions=restart,start,stop",)

# Name, image, options, command.
_SHOP: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("shop-web-1", "nginx:1.27", (*_HEALTHY, *_OPTED_IN), _SLEEP),
    ("shop-api-1", "shop/api:5.2", (*_UNHEALTHY, *_OPTED_IN, "--cpus=0.5", "--memory=256m"), _WORK),
    ("shop-db-1", "postgres:17", (*_HEALTHY, "--memory=64m", "--shm-size=64m"), _HOLD),
    ("shop-cache-1", "valkey:8", ("--memory=128m",), _SLEEP),
    ("shop-mailer-1", "shop/mailer:1.4", ("--restart=always",), ("sh", "-c", "exit 1")),
    ("backup", "restic:0.18", (), ("sh", "-c", "exit 3")),
    ("thumbnails", "shop/thumbs:2.0", ("--memory=8m", "--memory-swap=8m"), ("tail", "/dev/zero")),
)


def main() -> None:
    """Write them all."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as scene:
        engine = scene.enter_context(PrivateEngine())
        for name, image, options, command in _SHOP:
            engine.import_image(image)
            engine.docker("run", "--detach", f"--name={name}", *options, image, *command)
        _settle(engine)
        directory = Path(scene.enter_context(tempfile.TemporaryDirectory()))
        exporter = scene.enter_context(
            serving(directory / "log", f"--docker.host={engine.host}", "--collector.cache-ttl=0")
        )
        browser = scene.enter_context(chromium())
        for scheme in ("light", "dark"):
            size = {"width": 1080, "height": 640}
            with visiting(browser, exporter.url, viewport=size, color_scheme=scheme) as page:
                # The second look has what is measured between two.
                page.reload()
                page.screenshot(path=PICTURES / f"page-{scheme}.png", full_page=True)
        with visiting(browser, "about:blank") as page:
            page.set_content(_terminal(engine))
            page.locator("pre").screenshot(path=PICTURES / "terminal.png")


def _settle(engine: PrivateEngine) -> None:
    """Wait until each container is as it is to be seen."""

    def is_settled() -> bool:
        states = {name: engine.inspect(name)["State"] for name, *_ in _SHOP}
        checked = [state["Health"]["Status"] for state in states.values() if "Health" in state]
        ended = [states[name]["Status"] for name in ("backup", "thumbnails")]
        restarts = engine.inspect("shop-mailer-1")["RestartCount"]
        return "starting" not in checked and set(ended) == {"exited"} and restarts > _RESTARTS

    wait_until(is_settled, _TIMEOUT_SECONDS, "the shop is open")


def _terminal(engine: PrivateEngine) -> str:
    """Return what `docker-exporter ps` prints, as HTML."""
    with in_terminal(_COLUMNS, _LINES, "ps", f"--docker.host={engine.host}") as terminal:
        if terminal.wait() != 0:
            raise RuntimeError(terminal.screen)
    console = Console(record=True, width=_COLUMNS, file=StringIO())
    console.print("$ docker-exporter ps")
    console.print(Text.from_ansi(terminal.screen.replace("\r", "")))
    colours = "background:{background};color:{foreground}"
    style = "pre{{display:inline-block;padding:1em;font:14px/1.4 monospace;" + colours + "}}"
    return console.export_html(
        theme=MONOKAI,
        inline_styles=True,
        code_format=f"<style>{style}</style><pre>{{code}}</pre>",
    )


if __name__ == "__main__":
    main()

"""The settings: their values, where they may be given, and what is said of bad ones."""

from __future__ import annotations

import math
import re
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SettingsError
from exporter.metrics.labels import SERIES_LABELS
from exporter.settings import ListenAddress, Settings, load, parsers
from exporter.settings.reference import render_reference
from exporter.settings.table import TABLE

if TYPE_CHECKING:
    from collections.abc import Callable

REFERENCE = Path(__file__).parents[2] / "docs" / "configuration.md"


def from_file(path: Path, text: str) -> Settings:
    """Return the settings that a file of this text gives."""
    path.write_text(text)
    return load({"config_file": str(path)}, {})


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Give the path of a configuration file."""
    return tmp_path / "settings.yml"


def test_defaults() -> None:
    """Nothing has to be given."""
    assert load({}, {}) == Settings(
        web_listen_address=(ListenAddress("", 9417),),
        web_systemd_socket=False,
        web_telemetry_path="/metrics",
        web_max_requests=40,
        web_max_connections=512,
        web_read_timeout=10.0,
        web_write_timeout=30.0,
        web_idle_timeout=360.0,
        web_config_file=None,
        web_disable_exporter_metrics=False,
        collector_cache_ttl=3.0,
        collector_include=None,
        collector_exclude=None,
        collector_include_label=(),
        collector_labels=(),
        collector_container_labels=(),
        collector_container_labels_everywhere=False,
        collector_disk_usage=False,
        collector_disk_usage_interval=600.0,
        collector_stats_source="auto",
        path_cgroup="/sys/fs/cgroup",
        path_procfs="/proc",
        docker_host=None,
        admin_token_file=(),
        admin_listen_address=None,
        admin_docker_host=None,
        admin_allowed_host=(),
        admin_label="docker-exporter.actions",
        admin_allow=None,
        admin_cooldown=60.0,
        admin_budget=5,
        admin_alert_match=(),
        admin_audit_file=None,
        admin_dry_run=False,
        log_level="info",
        log_format="logfmt",
        config_file=None,
    )


def test_table_and_settings_have_the_same_names() -> None:
    """Each field is described by one row, in the same order."""
    assert [setting.name for setting in TABLE] == [field.name for field in fields(Settings)]


def test_series_labels_are_those_of_the_collector() -> None:
    """The closed list of `--collector.labels` is the collector's own."""
    assert load({"collector_labels": ",".join(SERIES_LABELS)}, {}).collector_labels == SERIES_LABELS


FLAG = {"web_max_requests": "1"}
ENVIRONMENT = {"DOCKER_EXPORTER_WEB_MAX_REQUESTS": "2"}
FILE = "web: {max-requests: 3}"


@pytest.mark.parametrize(
    ("flags", "environment", "text", "expected"),
    [
        (FLAG, ENVIRONMENT, FILE, 1),
        (FLAG, {}, "", 1),
        ({}, ENVIRONMENT, FILE, 2),
        ({}, {"DOCKER_EXPORTER_WEB_MAX_REQUESTS": ""}, FILE, 3),
        ({}, {}, FILE, 3),
        ({}, {}, "", 40),
    ],
)
def test_flag_wins_over_environment_over_file_over_default(
    config: Path, flags: dict[str, str], environment: dict[str, str], text: str, expected: int
) -> None:
    """The first place that has a setting decides; an empty variable has it not."""
    config.write_text(text)
    settings = load({"config_file": str(config), **flags}, environment)
    assert settings.web_max_requests == expected


def test_places_are_not_added_up(config: Path) -> None:
    """A list from one place replaces the list from another."""
    config.write_text("web: {listen-address: [':1', ':2']}")
    settings = load({"web_listen_address": ":3", "config_file": str(config)}, {})
    assert settings.web_listen_address == (ListenAddress("", 3),)


def test_file_can_be_named_by_the_environment(config: Path) -> None:
    """`--config.file` has a variable of its own."""
    config.write_text("log: {format: json}")
    assert load({}, {"DOCKER_EXPORTER_CONFIG_FILE": str(config)}).log_format == "json"


def test_every_setting_can_stand_in_the_environment_and_in_the_file(config: Path) -> None:
    """Both give what the flag gives."""
    texts = {
        "web_listen_address": "127.0.0.1:1,[::1]:2",
        "web_systemd_socket": "true",
        "web_telemetry_path": "/m",
        "web_max_requests": "0",
        "web_max_connections": "10",
        "web_read_timeout": "5s",
        "web_write_timeout": "2m",
        "web_idle_timeout": "1h",
        "web_config_file": "/etc/web.yml",
        "web_disable_exporter_metrics": "true",
        "collector_cache_ttl": "1m30s",
        "collector_include": "web-.*",
        "collector_exclude": ".*-test",
        "collector_include_label": "a, b=c",
        "collector_labels": "id,compose_project",
        "collector_container_labels": "com.example.*",
        "collector_container_labels_everywhere": "true",
        "collector_disk_usage": "true",
        "collector_disk_usage_interval": "1h",
        "collector_stats_source": "cgroup",
        "path_cgroup": "/host/cgroup",
        "path_procfs": "/host/proc",
        "docker_host": "tcp://10.0.0.1:2375",
        "admin_token_file": "ops:read,act=/run/secrets/ops, am:act=/run/secrets/am",
        "admin_listen_address": "127.0.0.1:9418",
        "admin_docker_host": "unix:///run/acting.sock",
        "admin_allowed_host": "docker-1,docker-1.example.org",
        "admin_label": "heal",
        "admin_allow": "web-.{1,3}",
        "admin_cooldown": "2m",
        "admin_budget": "3",
        "admin_alert_match": "instance=here:9417,job=docker",
        "admin_audit_file": "/var/log/audit",
        "admin_dry_run": "true",
        "log_level": "warn",
        "log_format": "json",
    }
    rows = {setting.name: setting for setting in TABLE}
    assert rows.keys() - texts.keys() == {"config_file"}
    expected = load(texts, {})
    assert load({}, {rows[name].variable: text for name, text in texts.items()}) == expected
    config.write_text("\n".join(f'{rows[name].key}: "{text}"' for name, text in texts.items()))
    from_config = load({"config_file": str(config)}, {})
    assert {**as_dict(from_config), "config_file": None} == as_dict(expected)


def as_dict(settings: Settings) -> dict[str, object]:
    """Return the fields of settings by name."""
    return {field.name: getattr(settings, field.name) for field in fields(settings)}


def test_items_of_a_list_in_the_file_are_taken_whole(config: Path) -> None:
    """Only there can a value have a comma."""
    settings = from_file(config, "collector: {include-label: ['a=1,2', b]}")
    assert settings.collector_include_label == (("a", "1,2"), ("b", None))


@pytest.mark.parametrize("text", ["", "# nothing\n", "web:\n", "{}", "---\n..."])
def test_file_may_say_nothing(config: Path, text: str) -> None:
    """An empty file and an empty section change nothing."""
    assert from_file(config, text).web_max_requests == 40


def test_values_in_the_file_are_the_text_that_was_written(config: Path) -> None:
    """YAML's guesses at types do not change what a value means."""
    settings = from_file(config, "collector: {include: 1:30, container-labels: [on, 0x1F, 1e3]}")
    assert settings.collector_include == re.compile("1:30")
    assert settings.collector_container_labels == ("on", "0x1F", "1e3")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (
            "web: {listen-adress: ':1'}",
            'unknown key "web.listen-adress" (line 1); the nearest known one is web.listen-address',
        ),
        (
            "log:\n  level: info\nwep:\n  max-requests: 1",
            'unknown key "wep" (line 3); the nearest known one is web',
        ),
        (
            "config: {file: other.yml}",
            'unknown key "config" (line 1); the nearest known one is web.config.file',
        ),
        (
            "web: {max-requests: {a: 1}}",
            'unknown key "web.max-requests.a" (line 1); the nearest known one is web.max-requests',
        ),
        ("log: {level: info}\nlog.level: warn", '"log.level" stands there twice'),
        ("web: 3", '"web" is not a mapping of keys to values (line 1)'),
        ("[1, 2]", "the file is not a mapping of keys to values (line 1)"),
        ("web: {listen-address: [[':1']]}", "a text is missing where there is a list or mapping"),
        ("? [a]\n: b", "a text is missing where there is a list or mapping (line 1)"),
        ("web: &a {max-requests: *a}", "unknown key"),
        ("web: {max-requests: 1", "is not YAML (while parsing a flow mapping"),
        ("a: b: c", "is not YAML (mapping values are not allowed here"),
        ("--- 1\n--- 2", "is not YAML (expected a single document"),
        ("\x00", "is not YAML"),
        ("[" * 5000, "is not YAML"),
    ],
)
def test_bad_file_is_one_line_that_says_what_and_where(
    config: Path, text: str, complaint: str
) -> None:
    """The file, the key, the line and the nearest known key are named."""
    with pytest.raises(SettingsError) as caught:
        from_file(config, text)
    assert str(caught.value).startswith(f'--config.file: "{config}"')
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_file_that_is_not_text(config: Path) -> None:
    """Bytes that are no UTF-8 are not YAML."""
    config.write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(SettingsError, match="is not YAML"):
        load({"config_file": str(config)}, {})


def test_file_that_is_not_there(config: Path) -> None:
    """The cause is named."""
    with pytest.raises(SettingsError, match=r"is not readable \(No such file or directory\)"):
        load({"config_file": str(config)}, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("web_listen_address", "9417"),
        ("web_listen_address", "host:"),
        ("web_listen_address", "host:65536"),
        ("web_listen_address", "::1:9417"),
        ("web_listen_address", "a..b:9417"),
        ("web_listen_address", "a" * 64 + ":9417"),
        ("web_listen_address", "[:::1]:9417"),
        ("web_listen_address", "[127.0.0.1]:9417"),
        ("web_listen_address", "http://host:1"),
        ("web_listen_address", ":1,,:2"),
        ("web_telemetry_path", "metrics"),
        ("web_telemetry_path", ""),
        ("web_telemetry_path", "/{path}"),
        ("web_telemetry_path", "/a b"),
        ("web_telemetry_path", "/-/healthy"),
        ("web_telemetry_path", "/api/v1"),
        ("web_max_requests", "abc"),
        ("web_max_requests", "-1"),
        ("web_max_requests", "1.5"),
        ("web_max_requests", "٣"),
        ("web_max_requests", "9" * 5000),
        ("web_max_connections", "0"),
        ("web_read_timeout", "0"),
        ("web_disable_exporter_metrics", "maybe"),
        ("collector_cache_ttl", "-1s"),
        ("collector_cache_ttl", "soon"),
        ("collector_cache_ttl", "nan"),
        ("collector_cache_ttl", "inf"),
        ("collector_cache_ttl", "1e3"),
        ("collector_cache_ttl", "3 s"),
        ("collector_cache_ttl", "9" * 400),
        ("collector_disk_usage_interval", "0s"),
        ("collector_include", "("),
        ("collector_include", "[[a]"),
        ("collector_exclude", "a{2}{3}"),
        ("collector_include_label", "=web"),
        ("collector_labels", "id,name"),
        ("collector_container_labels", "a,,b"),
        ("docker_host", "/var/run/docker.sock"),
        ("docker_host", "unix://"),
        ("docker_host", ""),
        ("log_level", "loud"),
        ("log_level", "INFO"),
        ("log_format", "xml"),
        ("log_level", "a\nb\x1b[2J"),
    ],
)
def test_bad_value_is_one_line_that_says_what_is_allowed(name: str, text: str) -> None:
    """The flag, the value and what is allowed are named, in printable characters."""
    [setting] = (setting for setting in TABLE if setting.name == name)
    with pytest.raises(SettingsError) as caught:
        load({name: text}, {})
    assert re.fullmatch(
        rf'{re.escape(setting.flag)}: ".*" is not .*; allowed: .+', str(caught.value)
    )
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("empty", ["", " ", ()])
def test_list_that_needs_an_entry_must_have_one(empty: str | tuple[str, ...]) -> None:
    """An exporter that listens nowhere is a mistake."""
    with pytest.raises(SettingsError, match="nothing is given; allowed: one ADDRESS or more"):
        load({"web_listen_address": empty}, {})


def test_list_is_no_single_value(config: Path) -> None:
    """A list where one value belongs is a mistake."""
    with pytest.raises(SettingsError, match="a list is not one value; allowed: one N"):
        from_file(config, "web: {max-requests: [1, 2]}")


@pytest.mark.parametrize(
    ("flags", "environment", "source"),
    [
        ({"log_level": "x"}, {}, '--log.level: "x"'),
        (
            {},
            {"DOCKER_EXPORTER_LOG_LEVEL": "x"},
            '--log.level (from DOCKER_EXPORTER_LOG_LEVEL): "x"',
        ),
        ({}, {}, '--log.level (from {}): "x"'),
    ],
)
def test_complaint_names_where_the_value_came_from(
    config: Path, flags: dict[str, str], environment: dict[str, str], source: str
) -> None:
    """A bad value can be found where it stands."""
    config.write_text("log: {level: x}")
    with pytest.raises(SettingsError) as caught:
        load({"config_file": str(config), **flags}, environment)
    assert str(caught.value).startswith(source.format(config))


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        (":9417", "", 9417),
        ("0.0.0.0:0", "0.0.0.0", 0),  # noqa: S104 -- only read
        ("localhost:65535", "localhost", 65535),
        ("my-host.example:1", "my-host.example", 1),
        ("[::]:9417", "::", 9417),
        ("[::1]:9417", "::1", 9417),
        ("[fe80::1%eth0]:9417", "fe80::1%eth0", 9417),
    ],
)
def test_listen_address(text: str, host: str, port: int) -> None:
    """An address is read, and written as it was."""
    address = parsers.listen_address(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_duration_is_the_sum_of_its_parts(
    hours: int, minutes: int, seconds: int, milliseconds: int
) -> None:
    """Each unit is worth what it says."""
    total = hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    text = f"{hours}h{minutes}m{seconds}s{milliseconds}ms"
    assert parsers.duration(text) == pytest.approx(total)


@given(st.decimals(0, 10**9, places=3))
def test_plain_number_is_a_duration_in_seconds(number: object) -> None:
    """A number without a unit counts seconds."""
    assert parsers.duration(str(number)) == pytest.approx(float(str(number)))


PARSERS = (
    parsers.duration,
    parsers.engine_address,
    parsers.label_filter,
    parsers.listen_address,
    parsers.pattern,
    parsers.regular_expression,
    parsers.truth,
    parsers.url_path,
    parsers.whole_number,
)


@pytest.mark.parametrize("parse", PARSERS)
@given(text=st.text())
def test_any_text_gives_a_value_or_a_complaint(parse: Callable[[str], object], text: str) -> None:
    """No text breaks a parser, and no complaint lacks what is allowed."""
    value, complaint = None, None
    try:
        value = parse(text)
    except ValueError as exc:
        complaint = str(exc)
    assert complaint is None or re.search("is not .*; allowed: ", complaint, re.DOTALL)
    assert not isinstance(value, float) or math.isfinite(value)


def test_reference_is_up_to_date() -> None:
    """The page in `docs/` is what the table gives."""
    assert REFERENCE.read_text() == render_reference()


def test_example_in_the_reference_works(config: Path) -> None:
    """The file that the page shows can be used as it is."""
    [example] = re.findall(r"```yaml\n(.*?)```", render_reference(), re.DOTALL)
    settings = from_file(config, example)
    assert len(settings.web_listen_address) == 2
    assert settings.collector_include_label == (("monitored", "yes"),)

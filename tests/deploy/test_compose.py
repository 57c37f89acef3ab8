"""The Compose files: valid in every combination, and in agreement with the code they start."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dotenv import dotenv_values

from tests.rig.yaml_text import yaml_of
from velox.kafka.client import MAX_MESSAGE_BYTES
from velox.settings.consumer import ConsumerSettings
from velox.settings.declare import Settings
from velox.settings.programs import LagSettings, ProducerSettings
from velox.settings.review import ReviewSettings
from velox.settings.training import TrainSettings

ROOT = Path(__file__).parents[2]
BASE, GPU = ROOT / "docker-compose.yml", ROOT / "docker-compose.gpu.yml"
CAMERA = ROOT / "docker-compose.camera.yml"
STACK: dict[str, Any] = yaml_of(BASE.read_text())
SERVICES: dict[str, dict[str, Any]] = STACK["services"]
IMAGE = (ROOT / "Dockerfile").read_text()
SCRIPTS: dict[str, type[Settings]] = {
    "trainer": TrainSettings,
    "consumer": ConsumerSettings,
    "lag": LagSettings,
    "review": ReviewSettings,
    "producer": ProducerSettings,
}
KEY_ORDER = [
    "image",
    "pull_policy",
    "profiles",
    "build",
    "command",
    "scale",
    "user",
    "environment",
    "depends_on",
    "ports",
    "networks",
    "volumes",
    "tmpfs",
    "read_only",
    "cap_drop",
    "security_opt",
    "healthcheck",
    "stop_grace_period",
    "restart",
    "mem_limit",
    "logging",
]
INTERPOLATED = re.compile(r"\$\{([A-Z_]+)")


def compose_command() -> list[str] | None:
    """The Compose of this machine, as a command of its own or as Docker's plugin."""
    for command in (["docker-compose"], ["docker", "compose"]):
        if shutil.which(command[0]):
            shown = subprocess.run([*command, "version"], capture_output=True, check=False)
            if shown.returncode == 0:
                return command
    return None


def image_variables() -> dict[str, str]:
    """What the image sets for every container."""
    return dict(re.findall(r"\b([A-Z_]+)=(\S+)", IMAGE.partition("USER 10001")[0]))


@pytest.mark.parametrize("file", [BASE, GPU, CAMERA], ids=lambda path: path.name)
def test_files_follow_the_compose_specification(file: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    shown = subprocess.run([*check, str(file)], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout


@pytest.mark.skipif(compose_command() is None, reason="needs Docker Compose")
@pytest.mark.parametrize(
    "files", [[BASE], [BASE, GPU], [BASE, CAMERA]], ids=["cpu", "gpu", "camera"]
)
def test_compose_accepts_every_combination(files: list[Path]) -> None:
    chosen = [part for file in files for part in ("--file", str(file))]
    shown = subprocess.run(
        [*(compose_command() or []), *chosen, "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert shown.returncode == 0, shown.stderr


def test_other_files_only_change_services_that_exist() -> None:
    changed = yaml_of(GPU.read_text())["services"]
    assert set(changed) == {"trainer", "consumer"}
    assert set(yaml_of(CAMERA.read_text())["services"]) == {"producer"}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_gets_exactly_the_settings_it_reads(name: str) -> None:
    read = {each.variable for each in SCRIPTS[name].declared().values()}
    passed = set(SERVICES[name]["environment"])
    assert passed | set(image_variables()) >= read, "a setting cannot be set in .env"
    assert passed <= read, "a variable that the script does not read"


def test_secrets_are_passed_to_who_reads_them_alone() -> None:
    """Each service names its variables: a file of them would show every service every password."""
    secret = {
        each.variable: {
            name for name, found in SCRIPTS.items() if each in found.declared().values()
        }
        for settings in SCRIPTS.values()
        for each in settings.declared().values()
        if each.secret
    }
    assert secret == {
        "KAFKA_CONFIG": {"consumer", "producer", "lag"},
        "MONGO_URI": {"consumer", "review", "trainer"},
        "SOURCE": {"producer"},
        "REVIEW_TOKEN": {"review"},
    }
    for name, service in SERVICES.items():
        assert not {"env_file", "secrets", "configs"} & service.keys(), name
    for variable, readers in secret.items():
        given = {name for name, each in SERVICES.items() if variable in each.get("environment", {})}
        assert given == readers


INNERMOST = re.compile(r"\$\{(\w+)(?:(:?[-+?])([^{}]*))?\}")


def resolved(text: str, given: dict[str, str]) -> str:
    """A value as Compose reads it: `${NAME:-else}`, `${NAME:+then}`."""
    while found := INNERMOST.search(text):
        name, how, other = found.groups()
        value = given.get(name, "")
        value = (value and other) if how == ":+" else (value or other or "")
        text = text[: found.start()] + value + text[found.end() :]
    return text


BOTH = {"MONGO_PASSWORD": "abc", "MONGO_ROOT_PASSWORD": "xyz"}


@pytest.mark.parametrize(
    ("given", "user", "login"), [({}, "", ""), (BOTH, "root", "velox:abc@")], ids=["none", "both"]
)
def test_the_database_has_its_passwords_and_the_consumer_its_own_alone(
    given: dict[str, str], user: str, login: str
) -> None:
    """The image (docker-entrypoint.sh of docker-library/mongo) takes two empty ones for none."""
    server = SERVICES["mongo"]["environment"]
    assert {name: value and resolved(value, given) for name, value in server.items()} == {
        "MONGO_INITDB_ROOT_USERNAME": user,
        "MONGO_INITDB_ROOT_PASSWORD": given.get("MONGO_ROOT_PASSWORD", ""),
        "MONGO_PASSWORD": given.get("MONGO_PASSWORD", ""),
        "DB_NAME": None,
    }
    assert "./mongo:/docker-entrypoint-initdb.d:ro" in SERVICES["mongo"]["volumes"]
    asked = [
        SERVICES[name]["environment"]["MONGO_URI"] for name in ("review", "trainer", "consumer")
    ]
    assert len(set(asked)) == 1
    uri = SERVICES["consumer"]["environment"]["MONGO_URI"].replace("${MONGO_URI-", "")[:-1]
    assert resolved(uri, given) == f"mongodb://{login}mongo:27017/"
    asking = {
        name: set(re.findall(r"MONGO_(?:ROOT_)?PASSWORD", str(each)))
        for name, each in SERVICES.items()
    }
    assert {name: found for name, found in asking.items() if found} == {
        "mongo": {"MONGO_ROOT_PASSWORD", "MONGO_PASSWORD"},
        "consumer": {"MONGO_PASSWORD"},
        "review": {"MONGO_PASSWORD"},
        "trainer": {"MONGO_PASSWORD"},
    }


@pytest.mark.parametrize("alone", sorted(BOTH))
def test_one_password_of_the_database_alone_is_refused(alone: str) -> None:
    """Else the database would ask nobody, or the consumers would not get in.

    The image refuses a user without a password and a password without a user, also on a volume that
    has run before (docker-entrypoint.sh of docker-library/mongo).
    """
    server = SERVICES["mongo"]["environment"]
    login = ("MONGO_INITDB_ROOT_USERNAME", "MONGO_INITDB_ROOT_PASSWORD")
    user, password = (resolved(server[each], {alone: "abc"}) for each in login)
    assert bool(user) != bool(password)


@pytest.mark.parametrize("file", [BASE, GPU, CAMERA], ids=lambda path: path.name)
def test_no_variable_is_required_inside_another(file: Path) -> None:
    """Compose before 5.1 would ask for it always: it reads what is inside before it chooses.

    withDefaultWhenPresence and withDefaultWhenAbsence of compose-go's template.go, before 2.10.1.
    """
    text = re.sub(r"^ *#.*", "", file.read_text(), flags=re.MULTILINE)
    while found := INNERMOST.search(text):
        before, after = text[: found.start()], text[found.end() :]
        assert not ("${" in before and "?" in (found[2] or "")), found[0]
        text = before + after


@pytest.mark.parametrize(("listens", "code"), [("127.0.0.2", 0), ("127.0.0.1", 1)])
def test_the_database_is_healthy_where_others_reach_it(listens: str, code: int) -> None:
    """While the image makes users, a first mongod of its own listens on 127.0.0.1 alone."""
    *_, script = SERVICES["mongo"]["healthcheck"]["test"]
    with socket.create_server((listens, 0)) as server:
        script = script.replace("$$", "$").replace("27017", str(server.getsockname()[1]))
        done = subprocess.run(
            ["bash", "-c", script],
            env={"HOSTNAME": "127.0.0.2"},
            capture_output=True,
            check=False,
        )
    assert done.returncode == code, done.stderr


def test_every_line_of_env_is_read_by_something() -> None:
    text = (ROOT / ".env").read_text()
    offered = set(dotenv_values(ROOT / ".env")) | set(re.findall(r"^# ([A-Z_]+)=", text, re.M))
    scripts = {
        setting.variable for each in SCRIPTS.values() for setting in each.declared().values()
    }
    compose = set(INTERPOLATED.findall(BASE.read_text())) | set(
        SERVICES["trainer"]["build"]["args"]
    )
    compose |= set(INTERPOLATED.findall(CAMERA.read_text()))
    compose |= {"COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR"}
    assert offered <= scripts | compose


def test_env_repeats_the_defaults_of_the_code() -> None:
    given = dotenv_values(ROOT / ".env")
    for settings in SCRIPTS.values():
        for setting in settings.declared().values():
            assert given.get(setting.variable, setting.default) == setting.default


def test_every_interpolated_variable_is_offered_in_env_or_is_a_setting() -> None:
    offered = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env").read_text(), re.M))
    scripts = {
        setting.variable for each in SCRIPTS.values() for setting in each.declared().values()
    }
    assert set(INTERPOLATED.findall(BASE.read_text())) <= offered | scripts


@pytest.mark.parametrize("name", SERVICES)
def test_services_share_one_order_of_keys(name: str) -> None:
    keys = list(SERVICES[name])
    assert keys == sorted(keys, key=KEY_ORDER.index)


@pytest.mark.parametrize("name", SERVICES)
def test_services_are_bounded_and_restrained(name: str) -> None:
    service = SERVICES[name]
    assert service["mem_limit"]
    assert service["logging"]["options"]["max-size"]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    ends = {"trainer": "no", "producer": "on-failure"}
    assert service["restart"] == ends.get(name, "unless-stopped")
    assert service["networks"] in (["pipeline"], ["pipeline", "edge"])


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_cannot_write_to_their_image(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["tmpfs"] == ["/tmp"]  # noqa: S108 - where libraries put caches


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name: str) -> None:
    image, _, tag = SERVICES[name]["image"].partition(":")
    assert image == "ml-inference-app" or re.search(r"\d+\.\d+", tag)


def test_the_image_is_built_once_and_pulled_from_nowhere() -> None:
    """Compose (pkg/compose/build.go) builds every service that has a `build`, all at once."""
    ours = [each for each in SERVICES.values() if each["image"].startswith("ml-inference-app")]
    assert [each["build"]["context"] for each in ours if "build" in each] == ["."]
    assert all(each.get("pull_policy") == "never" for each in ours if "build" not in each)


def test_without_a_gpu_the_image_is_the_small_one() -> None:
    ours = SERVICES["trainer"]["build"]["args"]
    over = yaml_of(GPU.read_text())["services"]["trainer"]["build"]["args"]
    assert ours["TORCH_BACKEND"] == "${TORCH_BACKEND-cpu}"
    assert over == {"TORCH_BACKEND": "${TORCH_BACKEND-}"}
    assert ours.keys() == set(re.findall(r"^ARG ((?:PIP|TORCH)_\w+)$", IMAGE, re.M))


@pytest.mark.parametrize("name", SERVICES)
def test_services_have_a_health_check_or_say_that_they_have_none(name: str) -> None:
    service = SERVICES[name]
    if name in ("consumer", "lag"):
        assert "HEALTHCHECK" in IMAGE
        assert "healthcheck" not in service
    elif name in SCRIPTS and name != "review":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


def test_ports_are_those_the_seed_promises_and_stay_on_this_machine() -> None:
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {
        name: [f"${{PUBLISH_ADDRESS:-127.0.0.1}}:{port}:{port}"]
        for name, port in {
            "kafka": 9092,
            "mongo": 27017,
            "prometheus": 9090,
            "grafana": 3000,
            "review": 8010,
        }.items()
    }


def test_published_services_have_a_way_out_and_of_the_scripts_the_producer_alone() -> None:
    assert STACK["networks"]["pipeline"] == {"internal": True}
    for name, service in SERVICES.items():
        way_out = "ports" in service or name == "producer"
        assert ("edge" in service["networks"]) == way_out, name


def mounts(service: str) -> dict[str, tuple[str, str]]:
    """What a service sees at which path: the volume or folder, and how it is mounted."""
    found = {}
    for mount in SERVICES[service].get("volumes", []):
        source, path, *mode = re.sub(r"\$\{[A-Z_]+:-(.+?)\}", r"\1", mount).split(":")
        found[path] = (source, mode[0] if mode else "")
    return found


@pytest.mark.parametrize("service", ["producer", "trainer"])
def test_the_users_own_images_are_seen_and_not_written_to(service: str) -> None:
    assert mounts(service)["/data"] == ("./data", "ro,z")
    assert "${DATA_DIR:-./data}:/data:ro,z" in SERVICES[service]["volumes"]


def test_the_number_of_consumers_is_a_setting() -> None:
    """`up -d` after `--scale` would go back to the number of the file."""
    assert SERVICES["consumer"]["scale"] == "${CONSUMERS:-1}"


def test_prometheus_scrapes_the_port_that_the_image_serves() -> None:
    jobs = yaml_of((ROOT / "prometheus.yml").read_text())["scrape_configs"]
    (discovery,) = next(job for job in jobs if job["job_name"] == "velox")["dns_sd_configs"]
    assert discovery["names"] == ["consumer"]
    assert str(discovery["port"]) == image_variables()["METRICS_PORT"]
    assert f"EXPOSE {discovery['port']}" in IMAGE


def test_volumes_are_mounted_where_the_image_looks() -> None:
    paths = image_variables()
    assert set(mounts("consumer")) == {
        str(Path(paths["MODEL_PATH"]).parent),
        paths["STORAGE_PATH"],
        # For SOURCES_PATH.
        "/data",
    }
    assert Path(paths["CLASSES_PATH"]).parent == Path(paths["MODEL_PATH"]).parent


@pytest.mark.parametrize("service", ["trainer", "consumer", "producer"])
def test_the_user_of_the_image_may_write_to_its_volumes(service: str) -> None:
    """A new volume takes its owner from the folder of the image that it is mounted on."""
    (made,) = re.findall(r"install --directory --owner=velox --group=velox (.+)", IMAGE)
    volumes = {path for path, (name, _) in mounts(service).items() if not name.startswith(".")}
    assert volumes <= set(made.split())
    assert SERVICES[service]["read_only"]


def test_the_producer_remembers_what_it_sent_in_a_volume() -> None:
    folder = resolved(SERVICES["producer"]["environment"]["WATCH_STATE"], {})
    assert mounts("producer")[folder] == ("producer-state", "")


def test_broker_takes_images_as_large_as_the_clients_send() -> None:
    environment = SERVICES["kafka"]["environment"]
    assert int(environment["KAFKA_MESSAGE_MAX_BYTES"]) == MAX_MESSAGE_BYTES
    assert environment["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_every_named_volume_is_used() -> None:
    used = {source for name in SERVICES for source, _ in mounts(name).values()}
    assert {name for name in used if not name.startswith(".")} == set(STACK["volumes"])
    for path in (name for name in used if name.startswith(".")):
        # The folder of the user's own images is made by Docker where it is missing.
        assert path == "./data" or (ROOT / path).exists()

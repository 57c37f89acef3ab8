"""k8s.sh against stand-ins that record its calls; k8s.ps1, by its text, makes the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from tests.rig import broker_disk
from tests.rig.kubectl import kubectl
from tests.rig.manifests import ROOT, files
from tests.rig.yaml_text import all_yaml_of, yaml_of

BASH, POWERSHELL = ROOT / "k8s.sh", ROOT / "k8s.ps1"
STAND_INS = Path(__file__).parent / "stand-ins"
RECORDER, KUSTOMIZED = STAND_INS / "recorder", STAND_INS / "kustomized.py"
TOOLS = ("minikube", "kubectl", "docker", "nvidia-smi")
NEEDED = ("bash", "cat", "dirname", "grep", "head", "mkdir", "od", "sed", "sleep", "tr")
FOLDERS = ("k8s-manifests", "k8s-overlays", "k8s-components")
LINUX = "Linux 6.8.0-60-generic"
BUILT = "on tcp://192.168.49.2:2376 with /home/a user/.minikube/certs by default"
LIMIT_S = 60
TOPICS = (
    "exec statefulset/kafka -- /opt/kafka/bin/kafka-topics.sh --bootstrap-server localhost:29092"
)
PLUGIN = "daemonset/nvidia-device-plugin-daemonset"
PATCH = "--patch-file k8s-manifests/patches/device-plugin.yaml"
CREATE = "--create --if-not-exists --topic image_data --partitions 8 --replication-factor 1"
VERBS = (
    "mini",
    "kube",
    "need",
    "want",
    "apply",
    "build",
    "deploy",
    "available",
    "step",
    "say",
    "must_run",
)


class Ran(NamedTuple):
    """What came of one run of k8s.sh."""

    code: int
    out: str
    err: str
    calls: list[str]
    applied: list[str]
    objects: dict[str, Any]
    created: list[dict[str, Any]]


Run = Callable[..., Ran]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with stand-ins of the script's tools, and what else it may call."""
    path = tmp_path_factory.mktemp("tools")
    for tool in TOOLS:
        (path / tool).symlink_to(RECORDER)
    for tool in NEEDED:
        (path / tool).symlink_to(str(shutil.which(tool)))
    kustomized = path / "kustomized"
    kustomized.write_text(f'#!/usr/bin/env bash\nexec {sys.executable} {KUSTOMIZED} "$@"\n')
    kustomized.chmod(0o755)
    (path / "built").mkdir()
    return path


@pytest.fixture
def k8s(tmp_path: Path, tools: Path) -> Run:
    """Runs k8s.sh where only stand-ins of its tools can be found."""
    checkout, path = tmp_path / "checkout", tmp_path / "bin"
    checkout.mkdir()
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, checkout / folder)
    script = Path(shutil.copy(BASH, checkout))
    objects, calls, applied, secrets = (
        tmp_path / each for each in ("objects", "calls", "applied", "secrets")
    )

    def run(
        *arguments: str,
        without: str = "",
        system: str = LINUX,
        cwd: str | None = None,
        **state: str,
    ) -> Ran:
        for folder in (path, objects):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for written in (calls, applied, secrets):
            written.write_text("")
        for tool in (*TOOLS, *NEEDED):
            if tool not in without.split():
                (path / tool).symlink_to(tools / tool)
        (path / "uname").write_text(f"#!/usr/bin/env bash\necho '{system}'\n")
        (path / "uname").chmod(0o755)
        done = subprocess.run(
            [script, *arguments],
            cwd=cwd,
            env={
                "PATH": str(path),
                "CALLS": str(calls),
                "APPLIED": str(applied),
                "OBJECTS": str(objects),
                "SECRETS": str(secrets),
                "KUSTOMIZED": str(tools / "kustomized"),
                "BUILT": str(tools / "built"),
                "KUBECTL": kubectl(),
                **state,
            },
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        found = {each.stem: json.loads(each.read_text()) for each in objects.iterdir()}
        said = calls.read_text().splitlines(), applied.read_text().splitlines()
        made = [each for each in all_yaml_of(secrets.read_text()) if each]
        return Ran(done.returncode, done.stdout, done.stderr, *said, found, made)

    return run


def kinds_and_names() -> set[str]:
    """Every object of the manifests as the stand-in names it."""
    found = (yaml_of(path.read_text()) for path in files())
    return {f"{each['kind']}/{each['metadata']['name']}" for each in found}


def in_any_order(found: Any) -> Any:
    """The same with its lists sorted: a patch moves the variables that it names."""
    if isinstance(found, dict):
        return {key: in_any_order(value) for key, value in found.items()}
    if isinstance(found, list):
        each = [in_any_order(value) for value in found]
        return sorted(each, key=lambda value: json.dumps(value, sort_keys=True))
    return found


def kube(call: str) -> str:
    return f"kubectl --context velox {call}"


def apply(apps: str) -> str:
    return kube(f"apply -k .k8s --selector app in ({apps})")


def mini(call: str) -> str:
    return f"minikube --profile velox {call}"


def in_order(calls: list[str], *expected: str) -> None:
    """Each expected call is there, after the one before it."""
    rest = iter(calls)
    for call in expected:
        assert call in rest, f"{call!r} is missing or out of order in {calls}"


def test_start_takes_nine_steps_in_order(k8s: Run) -> None:
    ran = k8s("start")
    assert ran.code == 0, ran.err
    assert re.findall(r"^==> (\d)/9 ", ran.out, re.M) == list("123456789")
    in_order(
        ran.calls,
        mini("start --driver=docker --container-runtime=docker --cpus=max --memory=max --gpus=all"),
        mini("addons enable metrics-server"),
        mini("addons enable nvidia-device-plugin"),
        apply("gpu-sharing"),
        kube(f"--namespace kube-system patch {PLUGIN} {PATCH}"),
        kube(f"--namespace kube-system rollout restart {PLUGIN}"),
        kube(f"--namespace kube-system rollout status {PLUGIN} --timeout=600s"),
        mini("docker-env --shell none --output text"),
        f"docker build -t ml-inference-app:latest . {BUILT}",
        kube("create -f - grafana-admin"),
        kube("create -f - mongo-root"),
        apply("settings,discoveries,mongo,kafka"),
        kube("rollout status statefulset/kafka --timeout=600s"),
        apply("prometheus,grafana,lag"),
        kube("rollout status deployment/grafana --timeout=600s"),
        kube(f"{TOPICS} {CREATE}"),
        kube("delete job model-trainer --ignore-not-found"),
        apply("model-trainer"),
        apply("consumer"),
        kube("rollout status deployment/consumer --timeout=600s"),
        apply("producer"),
        kube("rollout status deployment/producer --timeout=600s"),
    )


def test_start_applies_every_manifest_once_as_it_is(k8s: Run) -> None:
    ran = k8s("start")
    assert len(ran.applied) == len(set(ran.applied))
    assert set(ran.applied) == kinds_and_names()
    for path in files():
        each = yaml_of(path.read_text())
        applied = ran.objects[f"{each['kind']}-{each['metadata']['name']}"]
        assert in_any_order(applied) == in_any_order(each)


def test_nothing_is_done_to_another_cluster(k8s: Run) -> None:
    for arguments in (
        ["start"],
        ["stop"],
        ["stop", "--purge"],
        ["status"],
        ["logs"],
        ["scale", "3"],
    ):
        for call in k8s(*arguments, MINIKUBE_PROFILE="mine").calls:
            assert call.startswith(
                ("kubectl --context mine ", "minikube --profile mine ", "docker info")
            ) or call.endswith(BUILT)


def test_second_start_differs_in_restarts_alone(k8s: Run) -> None:
    first, second = k8s("start"), k8s("start", STARTED="1")
    assert second.code == 0, second.err
    restarts = [call for call in second.calls if call not in first.calls]
    deployments = kube("rollout restart deployments --selector app in")
    groups = ("prometheus,grafana,lag", "consumer", "producer")
    assert restarts == [f"{deployments} ({group})" for group in groups]
    assert first.objects == second.objects
    assert [call for call in second.calls if call not in restarts] == first.calls


def created(ran: Ran) -> dict[str, dict[str, str]]:
    """The Secrets that were made, by name."""
    assert {each["kind"] for each in ran.created} <= {"Secret"}
    return {each["metadata"]["name"]: each["stringData"] for each in ran.created}


def test_first_start_makes_passwords_and_shows_none(k8s: Run) -> None:
    ran, other = k8s("start"), k8s("start")
    found = created(ran)
    root, own = (
        found["mongo-root"][name] for name in ("MONGO_INITDB_ROOT_PASSWORD", "MONGO_PASSWORD")
    )
    assert found == {
        "grafana-admin": {"password": found["grafana-admin"]["password"]},
        "mongo-root": {
            "MONGO_INITDB_ROOT_USERNAME": "root",
            "MONGO_INITDB_ROOT_PASSWORD": root,
            "MONGO_PASSWORD": own,
        },
        "velox-secrets": {"MONGO_URI": f"mongodb://velox:{own}@mongo:27017/?authSource=admin"},
    }
    passwords = {root, own, found["grafana-admin"]["password"]}
    passwords |= {created(other)["mongo-root"]["MONGO_INITDB_ROOT_PASSWORD"]}
    assert len(passwords) == 4
    for each in passwords:
        assert re.fullmatch("[0-9a-f]{48}", each)
        assert each not in ran.out + ran.err + "".join(ran.calls)
    assert "get secret grafana-admin --output 'go-template={{.data.password | base6" in ran.out


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ("persistentvolumeclaim/mongo-data", True),
        ("secret/mongo-root\nsecret/velox-secrets\npersistentvolumeclaim/mongo-data", False),
        ("secret/velox-secrets", False),
    ],
)
def test_what_there_is_keeps_its_passwords_or_goes_on_without(
    k8s: Run, there: str, said: bool
) -> None:
    ran = k8s("start", THERE=there)
    assert ran.code == 0, ran.err
    assert created(ran) == {}
    assert ("MongoDB has no password" in ran.out) is said


def test_cpu_asks_for_no_gpu(k8s: Run) -> None:
    with_gpu, ran = k8s("start"), k8s("start", "--cpu", without="nvidia-smi")
    assert ran.code == 0, ran.err
    start = "start --driver=docker --container-runtime=docker --cpus=max --memory=max"
    assert mini(start) in ran.calls
    assert not [call for call in ran.calls if re.search("gpus|nvidia|kube-system", call)]
    assert set(with_gpu.applied) - set(ran.applied) == {"ConfigMap/time-slicing-config"}
    for name in ("Deployment-consumer", "Job-model-trainer"):
        assert "nvidia.com/gpu" not in str(ran.objects[name])
        assert "nvidia.com/gpu" in str(with_gpu.objects[name])


@pytest.mark.parametrize(("partitions", "consumers"), [(1, 1), (5, 5), (8, 8), (20, 8)])
def test_partitions_reach_topic_settings_and_autoscaler(
    k8s: Run, partitions: int, consumers: int
) -> None:
    ran = k8s("start", "--partitions", str(partitions), PARTITIONS=str(partitions))
    env = ran.objects["ConfigMap-consumer-env"]
    assert env["data"]["KAFKA_PARTITIONS"] == str(partitions)
    hpa = ran.objects["HorizontalPodAutoscaler-consumer-hpa"]
    assert hpa["spec"]["maxReplicas"] == consumers
    (created,) = (call for call in ran.calls if " --create " in call)
    assert f"--partitions {partitions} " in created
    assert not [call for call in ran.calls if " --alter " in call]


@pytest.mark.parametrize("partitions", [1, 8, 16, 20])
def test_the_brokers_disk_holds_any_number_of_partitions(k8s: Run, partitions: int) -> None:
    broker = k8s("start", "--partitions", str(partitions)).objects["StatefulSet-kafka"]["spec"]
    (claim,) = broker["volumeClaimTemplates"]
    disk = int(claim["spec"]["resources"]["requests"]["storage"].removesuffix("Gi")) * 2**30
    (container,) = broker["template"]["spec"]["containers"]
    given = {each["name"]: each.get("value") for each in container["env"]}
    assert broker_disk.most(given, partitions) <= disk
    assert int(given["KAFKA_LOG_RETENTION_BYTES"]) == broker_disk.retention(partitions, disk)
    assert int(given["KAFKA_LOG_RETENTION_BYTES"]) >= int(given["KAFKA_LOG_SEGMENT_BYTES"])


def test_own_images_are_copied_trained_on_and_streamed(k8s: Run, tmp_path: Path) -> None:
    photos = tmp_path / "my photos"
    photos.mkdir()
    ran = k8s("start", "--cpu", "--data", str(photos))
    assert ran.code == 0, ran.err
    in_order(
        ran.calls,
        apply("settings,discoveries,mongo,kafka"),
        apply("data"),
        kube("rollout status deployment/data --timeout=600s"),
        kube("cp . data-7d9c5:/data") + f" from {photos}",
        apply("model-trainer"),
    )
    near = k8s("start", "--cpu", "--data", photos.name, cwd=str(tmp_path), CDPATH=str(tmp_path))
    assert near.calls == ran.calls
    env = ran.objects["ConfigMap-consumer-env"]["data"]
    assert (env["SOURCE"], env["DATASET_PATH"]) == ("/data", "/data")
    assert {"Deployment/data", "PersistentVolumeClaim/data"} <= set(ran.applied)
    assert "--if-missing" in str(ran.objects["Job-model-trainer"])


def test_a_model_that_is_there_is_replaced_where_that_is_asked_for(
    k8s: Run, tmp_path: Path
) -> None:
    for more in ([], ["--data", str(tmp_path)]):
        ran = k8s("start", "--train", *more)
        (container,) = ran.objects["Job-model-trainer"]["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["train"]


def test_topic_grows_and_is_never_made_smaller(k8s: Run) -> None:
    grown = k8s("start", "--partitions", "12", PARTITIONS="8")
    assert kube(f"{TOPICS} --alter --topic image_data --partitions 12") in grown.calls
    kept = k8s("start", "--partitions", "5", PARTITIONS="8")
    assert kept.code == 0
    assert "keeps its 8 partitions" in kept.out
    assert not [call for call in kept.calls if " --alter " in call]


def test_the_choice_of_packages_reaches_the_image(k8s: Run) -> None:
    ran = k8s("start", TORCH_BACKEND="cpu", TORCH_INDEX_URL="https://torch.example/cpu")
    arguments = (
        "--build-arg=TORCH_BACKEND=cpu --build-arg=TORCH_INDEX_URL=https://torch.example/cpu"
    )
    build = f"-t ml-inference-app:latest {arguments} ."
    assert f"docker build {build} {BUILT}" in ran.calls


def test_without_a_gpu_the_image_is_for_cpus_unless_another_is_asked_for(k8s: Run) -> None:
    for state, argument in (
        ({}, "--build-arg=TORCH_BACKEND=cpu "),
        ({"TORCH_BACKEND": "cu126"}, "--build-arg=TORCH_BACKEND=cu126 "),
        ({"TORCH_BACKEND": ""}, ""),
    ):
        built = f"docker build -t ml-inference-app:latest {argument}. {BUILT}"
        assert built in k8s("start", "--cpu", **state).calls
    assert f"docker build -t ml-inference-app:latest . {BUILT}" in k8s("start").calls


@pytest.mark.parametrize(
    ("failing", "number"),
    [
        ("minikube --profile velox start", 1),
        ("patch daemonset", 2),
        ("docker-env", 3),
        ("docker build", 3),
        ("apply -k .k8s --selector app in (settings", 4),
        ("rollout status deployment/grafana", 5),
        ("--describe", 6),
        ("app in (model-trainer)", 7),
        ("get deployments --selector app in (consumer)", 8),
        ("rollout status deployment/producer", 9),
    ],
)
def test_failing_step_ends_the_start_and_says_which(k8s: Run, failing: str, number: int) -> None:
    ran = k8s("start", FAILING=failing)
    assert ran.code == 1
    (line,) = ran.err.splitlines()
    assert line.startswith(f"k8s.sh: step {number}/9 failed with exit code 7: ")
    assert failing in ran.calls[-1]


def test_failed_training_starts_no_consumer(k8s: Run) -> None:
    ran = k8s("start", TRAINING="FailureTarget Failed")
    assert ran.code == 1
    assert ran.err == "k8s.sh: step 7/9 failed: see ./k8s.sh logs model-trainer\n"
    assert "Deployment/consumer" not in ran.applied


@pytest.mark.parametrize("tool", TOOLS)
def test_missing_tool_is_named_before_anything_is_done(k8s: Run, tool: str) -> None:
    ran = k8s("start", without=tool)
    assert ran.code == 1
    assert ran.err.startswith(f"k8s.sh: missing: {tool} ")
    assert ran.calls == []


def test_all_missing_tools_are_named_at_once(k8s: Run) -> None:
    assert k8s("start", without="minikube docker").err.startswith(
        "k8s.sh: missing: minikube docker "
    )


@pytest.mark.parametrize(
    ("system", "reason"),
    [
        ("Darwin 25.1.0", "on Linux only"),
        ("MINGW64_NT-10.0-26100 3.6.4", "on Linux only"),
        ("Linux 6.6.87.2-microsoft-standard-WSL2", "in WSL"),
    ],
)
def test_gpu_that_minikube_cannot_pass_on_is_refused_at_once(
    k8s: Run, system: str, reason: str
) -> None:
    ran = k8s("start", system=system)
    assert ran.code == 1
    assert reason in ran.err
    assert "start --cpu" in ran.err
    assert "docker info" not in ran.calls
    assert k8s("start", "--cpu", system=system).code == 0


def test_silent_docker_is_named(k8s: Run) -> None:
    ran = k8s("start", FAILING="docker info")
    assert "docker does not answer" in ran.err
    assert ran.calls == ["docker info"]


def test_stop_removes_all_kinds_but_the_data(k8s: Run) -> None:
    ran = k8s("stop")
    assert ran.code == 0, ran.err
    assert ran.calls[-1] == mini("stop")
    deletions = [call for call in ran.calls if " delete " in call]
    assert all(
        call.endswith("--cascade=foreground") or "part-of=velox" in call for call in deletions
    )
    deleted = {kind for call in deletions for kind in call.split()[4].split(",")}
    short = {"hpa": "horizontalpodautoscalers", "pdb": "poddisruptionbudgets"}
    kinds = {short.get(kind, kind) for kind in deleted}
    plural = {"PriorityClass": "priorityclasses"}
    made = {name.partition("/")[0] for name in kinds_and_names()} - {"PersistentVolumeClaim"}
    assert kinds == {plural.get(kind, f"{kind.lower()}s") for kind in made}


def test_purge_deletes_the_cluster(k8s: Run) -> None:
    assert k8s("stop", "--purge").calls[-1] == mini("delete")
    stopped = k8s("stop", "--purge", FAILING=" status")
    assert stopped.calls == [mini("status"), mini("delete")]


def test_stop_of_a_cluster_that_does_not_run_succeeds(k8s: Run) -> None:
    ran = k8s("stop", FAILING=" status")
    assert ran.code == 0
    assert ran.calls == [mini("status")]


def test_scale_sets_the_least_number_of_consumers(k8s: Run) -> None:
    ran = k8s("scale", "3")
    assert ran.calls[-1] == kube("patch hpa consumer-hpa --patch spec: {minReplicas: 3}")
    refused = k8s("scale", "9")
    assert refused.code == 1
    assert refused.err == "k8s.sh: scale 9: there can be 1 to 8 consumers\n"
    assert not [call for call in refused.calls if " patch " in call]


def test_status_and_logs_ask_for_what_is_ours(k8s: Run) -> None:
    selector = "--selector=app.kubernetes.io/part-of=velox"
    assert k8s("status").calls[-1] == kube(f"get pods,hpa,jobs,pvc {selector}")
    assert " --selector=app=consumer --prefix " in k8s("logs").calls[-1]
    assert " --selector=app=kafka --prefix " in k8s("logs", "kafka").calls[-1]


@pytest.mark.parametrize("verb", [["status"], ["logs"], ["scale", "3"]])
def test_verbs_say_when_the_cluster_does_not_run(k8s: Run, verb: list[str]) -> None:
    ran = k8s(*verb, FAILING=" status")
    assert ran.code == 1
    assert ran.err == "k8s.sh: the cluster velox is not running: use ./k8s.sh start\n"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        ([], 2),
        (["restart"], 2),
        (["start", "--gpu"], 1),
        (["start", "--partitions"], 1),
        (["start", "--partitions", "0"], 1),
        (["start", "--partitions", "21"], 1),
        (["start", "--data"], 1),
        (["start", "--data", "nowhere"], 1),
        (["start", "--partitions", "many"], 1),
        (["stop", "--all"], 1),
        (["scale"], 1),
        (["scale", "-1"], 1),
    ],
)
def test_other_words_do_nothing(k8s: Run, arguments: list[str], code: int) -> None:
    ran = k8s(*arguments)
    assert ran.code == code
    assert ran.calls == []
    assert "./k8s.sh start" in ran.out + ran.err if code != 1 else len(ran.err.splitlines()) == 1


def powershell() -> Node:
    parser = Parser(Language(tree_sitter_powershell.language()))
    return parser.parse(POWERSHELL.read_bytes()).root_node


def nodes(node: Node, kind: str) -> Iterator[Node]:
    """Every node of a kind, in the order of the text."""
    if node.type == kind:
        yield node
    for child in node.children:
        yield from nodes(child, kind)


def text_of(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()


def plain(command: str) -> str:
    """A command without what only the two languages' syntax needs."""
    bare = re.sub(r"\[@\]", "", command)
    bare = re.sub(r"[\"'$@{}_]", "", bare).lower().strip()
    # The end of $(...).
    return bare.removesuffix(")") if bare.count(")") > bare.count("(") else bare


def commands_of_powershell() -> dict[str, list[str]]:
    """What each function of k8s.ps1 calls."""
    found = {}
    for function in nodes(powershell(), "function_statement"):
        (name, *_) = (text_of(each) for each in nodes(function, "function_name"))
        commands = [plain(text_of(each)) for each in nodes(function, "command")]
        found[name] = [each for each in commands if each.split()[0] in map(plain, VERBS)]
    return found


def commands_of_bash() -> dict[str, list[str]]:
    """What each function of k8s.sh calls."""
    found: dict[str, list[str]] = {}
    verbs = "|".join(VERBS)
    call = re.compile(rf"(?:^|then |then\n|\| |\(|do )\s*((?:{verbs})\b(?:[^|;\n]|(?<=\\)\|)*)")
    for name, body in re.findall(r"^(\w+)\(\) \{\n(.*?)^\}", BASH.read_text(), re.M | re.S):
        commands = [each for line in body.splitlines() for each in call.findall(line.strip())]
        found[name] = [plain(each) for each in commands]
    return found


def test_powershell_parses() -> None:
    root = powershell()
    assert not root.has_error, [text_of(each) for each in nodes(root, "ERROR")]


def test_what_is_piped_to_a_function_reaches_the_program_that_it_calls() -> None:
    """PowerShell keeps it in $input; npm's shims (cmd-shim, lib/index.js) pass it on so."""
    bodies = {
        text_of(next(nodes(each, "function_name"))): text_of(each)
        for each in nodes(powershell(), "function_statement")
    }
    piped = re.findall(r"\| (\w+) ", POWERSHELL.read_text())
    called = {name for name in piped if "& " in bodies.get(name, "")}
    assert "kube" in called
    for name in called:
        assert "if ($MyInvocation.ExpectingInput) { $input | & " in bodies[name]


@pytest.mark.parametrize(
    "function",
    [
        "apply",
        "deploy",
        "available",
        "start_velox",
        "copy_images",
        "make_passwords",
        "build",
        "share_gpu",
        "create_topic",
        "train",
        "stop_velox",
        "must_run",
        "status",
        "logs",
        "scale",
    ],
)
def test_both_scripts_make_the_same_calls(function: str) -> None:
    bash, power = commands_of_bash()[function], commands_of_powershell()[function]
    assert bash == power
    assert bash, "no call was found"


def test_both_scripts_share_verbs_and_limits() -> None:
    bash, power = BASH.read_text(), POWERSHELL.read_text()
    (allowed,) = re.findall(r"ValidateSet\((.*?)\)", power)
    verbs = re.findall(r"'(\w+)'", allowed)
    assert verbs == re.findall(r"^  (\w+)\)", bash, re.M)

    def limits(text: str) -> dict[str, str]:
        found = re.findall(r"^\$?([A-Za-z_]+) ?= ?'?([.\w]+)'?$", text, re.M)
        return {name.replace("_", "").lower(): value for name, value in found}

    of_bash = limits(bash)
    for name in (
        *("steps", "slices", "rollouttimeout", "slicestimeouts", "trainingtimeouts"),
        *("claimmib", "besidemib", "wanted"),
    ):
        assert of_bash[name] == limits(power)[name]
    assert f"[ValidateRange(1, {of_bash['mostpartitions']})][int]$Partitions" in power


def test_both_scripts_write_the_same_overlay() -> None:
    (bash,) = re.findall(r"<<END\n(.*?)^END$", BASH.read_text(), re.M | re.S)
    (power,) = re.findall(r'@"\n(.*?)^"@$', POWERSHELL.read_text(), re.M | re.S)
    assert bash.lower() == power.lower()


def test_script_is_lint_free() -> None:
    tool = Path(sys.executable).parent / "shellcheck"
    shown = subprocess.run([tool, BASH, RECORDER], capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout

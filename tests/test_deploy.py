"""What `deploy/` starts, held to what it promises without an engine or a cluster."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SCRIPTS = Path(sys.executable).parent
USER = 10001

_TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
LINES = [line.split(" ", 1) for line in _TEXT.splitlines() if line and line[0] not in "# "]
LAST = LINES[max(n for n, (word, _) in enumerate(LINES) if word == "FROM") :]
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
REAL = yaml.safe_load((DEPLOY / "compose.gateway.yaml").read_text(encoding="utf-8"))
OBJECTS = [
    (f"{path.parent.name}/{path.name}", document)
    for path in sorted(KUBERNETES.rglob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]


def pods() -> Iterator[dict[str, Any]]:
    """Every pod's specification that is whole; a patch is only a part of one."""
    for _, document in OBJECTS:
        spec = document.get("spec", {})
        spec = spec.get("template", {}).get("spec", spec)
        if "containers" in spec and "securityContext" in spec:
            yield spec


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every container that an image is named for, patches' included."""
    for name, document in OBJECTS:
        spec = document.get("spec", {})
        spec = spec.get("template", {}).get("spec", spec)
        for container in [*spec.get("initContainers", ()), *spec.get("containers", ())]:
            if "image" in container:
                yield f"{name}:{container['name']}", container


def conf(path: Path) -> dict[str, str]:
    """What one of the configuration files says."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return dict(line.split(" = ", 1) for line in lines if line and not line.startswith("#"))


CONFS = sorted(DEPLOY.rglob("locust.conf"))

# The image


def test_the_image_runs_as_nobody() -> None:
    """Every stage that is run ends as a user by number that is not root; bases are pinned."""
    users = [rest for word, rest in LINES if word == "USER"]
    assert users == [f"{USER}:{USER}"] * 2
    assert LAST[-1][0] == "CMD"
    assert ["USER", f"{USER}:{USER}"] in LAST
    (argument,) = [rest for word, rest in LINES if word == "ARG"]
    bases = [rest.split()[0].replace("${PYTHON}", argument.split("=")[1]) for word, rest in LINES
             if word == "FROM"]  # fmt: skip
    assert len(bases) == 3
    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases)


def test_what_is_copied_is_there_and_let_through() -> None:
    """The build's context holds what the wheel is made of, and nothing else."""
    let = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [
        source
        for word, rest in LINES
        if word == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert set(copied) == {line[1:] for line in let if line.startswith("!")}
    assert all((ROOT / source).exists() for source in copied)
    assert "*" in let


@pytest.mark.integration
def test_the_locustfiles_of_the_image_are_written(tmp_path: Path) -> None:
    """The line of the Dockerfile that writes them does, and Locust finds a user in each."""
    (line,) = [rest for word, rest in LAST if word == "RUN" and "locustfile" in rest]
    line = line.replace("/locustfiles", str(tmp_path / "locustfiles"))
    line = line.replace("sagellm-benchmark", str(SCRIPTS / "sagellm-benchmark"))
    subprocess.run(["sh", "-euc", line], check=True, timeout=60)
    written = sorted((tmp_path / "locustfiles").iterdir())
    assert [path.name for path in written] == ["closed.py", "replay.py"]
    for path, user in zip(written, ("ClosedLoopUser", "ReplayUser"), strict=True):
        done = run(f"locust -f {path} --list", tmp_path)
        assert user in done.stdout, done.stderr


def test_the_image_says_what_it_can() -> None:
    """Without a command it prints the help."""
    command = yaml.safe_load(LAST[-1][1])
    done = run(shlex.join(command), ROOT)
    assert done.returncode == 0
    assert "usage: sagellm-benchmark" in done.stdout


# What is run


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the image with the environment's own programs."""
    program, *arguments = shlex.split(command)
    return subprocess.run(
        [str(SCRIPTS / program), *arguments], cwd=folder, capture_output=True, text=True, timeout=60
    )


@pytest.mark.integration
@pytest.mark.parametrize("path", CONFS, ids=lambda path: path.parent.name)
def test_the_master_takes_its_configuration(path: Path, tmp_path: Path) -> None:
    """Each locust.conf is one that a run can be planned with; workers are left out here."""
    trace = ROOT / "src/sagellm_benchmark/data/demo.jsonl"
    text = path.read_text(encoding="utf-8").replace("/traces/trace.jsonl", str(trace))
    text = text.replace("http://gateway:", "http://127.0.0.1:")
    (tmp_path / "locust.conf").write_text(re.sub(r"(?m)^expect-workers.*\n", "", text))
    replay = ROOT / "locustfiles/replay.py"
    done = run(f"locust -f {replay} --config locust.conf --plan", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "What will happen" in done.stdout
    assert f"--model {conf(path)['model']} (file)" in done.stdout


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of compose and Kubernetes that starts Locust."""
    for name, service in COMPOSE["services"].items():
        yield f"compose:{name}", service["command"]
    for name, container in containers():
        yield name, container.get("args", container.get("command"))


def test_masters_and_workers_start_alike_everywhere() -> None:
    """The same locustfile for both, the configuration for the master, its name for the workers."""
    found = [command for _, command in commands() if command[0] == "locust"]
    assert len(found) == 4
    for command in found:
        assert command[1:3] == ["-f", "/locustfiles/replay.py"]
        if "--master" in command:
            assert command[3:5] == ["--config", "/config/locust.conf"]
        else:
            assert command[3:] == ["--worker", "--master-host", "master"]


# Compose


def test_services_of_compose_are_locked_down() -> None:
    """Read-only, without capabilities; only master and workers share the network of port 5557."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert "ports" not in service
    inside = {name for name, each in COMPOSE["services"].items() if "workers" in each["networks"]}
    assert inside == {"master", "worker"}
    assert COMPOSE["networks"]["workers"] == {"internal": True}
    grace = COMPOSE["services"]["worker"]["stop_grace_period"]
    assert int(grace.removesuffix("s")) > float(conf(DEPLOY / "locust.conf")["stop-timeout"])
    assert set(REAL["services"]) == {"gateway", "engine", "master"}


# Kubernetes


@pytest.mark.parametrize("spec", list(pods()), ids=lambda spec: spec["containers"][0]["name"])
def test_pods_are_nobodys(spec: dict[str, Any]) -> None:
    """No root, no token of the cluster's; they may land what flies before they are killed."""
    context = spec["securityContext"]
    assert context["runAsNonRoot"] is True
    assert context["runAsUser"] == context["fsGroup"] == USER
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    if spec["containers"][0]["name"] != "results":
        longest = max(float(conf(path)["stop-timeout"]) for path in CONFS)
        assert spec["terminationGracePeriodSeconds"] > longest


@pytest.mark.parametrize(
    ("name", "container"), list(containers()), ids=lambda value: str(value)[:30]
)
def test_containers_are_locked_down(name: str, container: dict[str, Any]) -> None:
    """Read-only but for volumes, without capabilities, with resources; no secret is in a file."""
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert set(container["resources"]) == {"requests", "limits"}
    assert all("secretKeyRef" in each["valueFrom"] for each in container.get("env", ()))


def test_only_workers_reach_the_masters_port() -> None:
    """The port has no login: one policy for the master, one that lets nobody call a worker."""
    policies = {
        document["metadata"]["name"]: document["spec"]
        for _, document in OBJECTS
        if document["kind"] == "NetworkPolicy"
    }
    component = "app.kubernetes.io/component"
    assert policies["master"]["ingress"] == [
        {
            "from": [{"podSelector": {"matchLabels": {component: "worker"}}}],
            "ports": [{"protocol": "TCP", "port": 5557}],
        }
    ]
    assert policies["workers"]["ingress"] == []
    for name, component_of in (("master", "master"), ("workers", "worker")):
        assert policies[name]["podSelector"] == {"matchLabels": {component: component_of}}
        assert policies[name]["policyTypes"] == ["Ingress"]


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl builds them, and is not here")
@pytest.mark.parametrize("kind", ["base", "trace-volume", "trace-object"])
def test_kubernetes_manifests_are_built(kind: str) -> None:
    """Each folder makes a whole: a job, its workers, a service, policies, and the right trace."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(KUBERNETES / kind)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    built = {(each["kind"], each["metadata"]["name"].partition("-")[0]): each
             for each in yaml.safe_load_all(done.stdout)}  # fmt: skip
    assert {kind for kind, _ in built} == {
        *("Job", "Deployment", "Service", "NetworkPolicy", "ConfigMap", "PersistentVolumeClaim")
    }
    job = built["Job", "master"]["spec"]["template"]["spec"]
    mounted = {mount["mountPath"] for mount in job["containers"][0]["volumeMounts"]}
    assert ("/traces" in mounted) == (kind != "base")
    assert mounted >= {"/config", "/bench/runs", "/tmp"}
    config = next(volume for volume in job["volumes"] if volume["name"] == "config")
    assert config["configMap"]["name"] == built["ConfigMap", "benchmark"]["metadata"]["name"]
    workers = built["Deployment", "workers"]["spec"]
    expected = re.search(
        r"expect-workers = (\d+)", built["ConfigMap", "benchmark"]["data"]["locust.conf"]
    )
    assert workers["replicas"] == int(expected[1])

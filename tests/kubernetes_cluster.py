"""A real Kubernetes control plane on loopback: etcd, kube-apiserver, controller-manager, scheduler; RBAC, tokens, no kubelet.

The programs are built once by `.ci/kubernetes` and kept outside the tree. Pods get no kubelet: `patch_status` says what one
would. One plane serves a whole test session and is stopped at its end; a test takes a namespace of its own.
"""

import base64
import http.client
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.parse
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

from tests.real_parts import free_port, lacking, need, with_us

VERSION = "1.20.2"
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
ADMIN, VIEWER, NOBODY = "admin-" + uuid.uuid4().hex, "viewer-" + uuid.uuid4().hex, "nobody-" + uuid.uuid4().hex
"""Bearer tokens: of a cluster administrator, of one bound to the role `view`, and of one without any right."""


def binaries() -> Path:
    """Where the programs are. Skips, or fails where real parts are required, when they are not."""
    need("etcd", "openssl")
    default = Path(os.environ.get("HOME", "/root"), ".cache", "veteran-tests", f"kubernetes-{VERSION}")
    folder = Path(os.environ.get("KUBERNETES_BINARIES") or default)
    if missing := [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]:
        lacking(f"not built: {', '.join(missing)} in {folder} (run .ci/kubernetes)")
    return folder


class Cluster:
    """A running control plane; `call` speaks to it as the administrator."""

    def __init__(self, server: str, authority: Path, folder: Path) -> None:
        self.server, self.authority, self.folder = server, authority, folder
        self._idle: list[tuple[float, http.client.HTTPSConnection]] = []
        self.wide: list[str] = []
        """Paths of what was created outside of any namespace."""
        self.spaces: list[str] = []
        """Namespaces that were made."""

    def call(self, method: str, path: str, body: Any = None, *, token: str = ADMIN, kind: str = "application/json") -> Any:
        """One request; the decoded answer. Raises urllib.error.HTTPError for anything but success."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind, "User-Agent": "tests"}
        line = self._connection()
        try:
            line.request(method, path, data, headers)
            answer = line.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException):
            line.close()
            raise
        self._idle.append((time.monotonic(), line))
        if answer.status >= 400:
            raise urllib.error.HTTPError(path, answer.status, answer.reason, answer.headers, BytesIO(content))
        return json.loads(content) if content.startswith((b"{", b"[")) else content.decode()

    def _connection(self) -> http.client.HTTPSConnection:
        """One that was used just now, or a new one: five thousand pods are not worth five thousand handshakes."""
        import ssl

        while self._idle:
            used, line = self._idle.pop()
            if time.monotonic() - used < 20:  # the server closes what was idle for long
                return line
            line.close()
        context = ssl.create_default_context(cafile=str(self.authority))
        return http.client.HTTPSConnection(urllib.parse.urlsplit(self.server).netloc, timeout=20, context=context)

    def close(self) -> None:
        """Close the connections that wait for a request."""
        while self._idle:
            self._idle.pop()[1].close()

    def create(self, obj: Mapping[str, Any]) -> Any:
        """Create an object, in its namespace; a server out of breath is asked again."""
        end = time.monotonic() + 15
        while True:
            try:
                made = self.call("POST", collection(obj), obj)
            except urllib.error.HTTPError as error:
                if error.code < 500 or time.monotonic() > end:
                    raise
                time.sleep(0.1)
                continue
            if not made["metadata"].get("namespace") and obj["kind"] != "Namespace":
                self.wide.append(f"{collection(obj)}/{made['metadata']['name']}")
            return made

    def tidy(self) -> None:
        """Remove what the next test would meet: nodes and the like, and pods that would be placed on its nodes."""
        paths = [self.wide.pop() for _ in range(len(self.wide))]
        for space in (self.spaces.pop() for _ in range(len(self.spaces))):
            paths += [f"/apis/{group}/namespaces/{space}/{plural}" for group, plural in _WORKLOADS]
            paths.append(f"/api/v1/namespaces/{space}/pods?gracePeriodSeconds=0")
        for path in paths:
            with suppress(urllib.error.HTTPError):
                self.call("DELETE", path)

    def patch(self, path: str, body: Any, kind: str = "application/merge-patch+json") -> Any:
        """Patch by path."""
        return self.call("PATCH", path, body, kind=kind)

    def patch_status(self, space: str, pod: str, status: Mapping[str, Any]) -> Any:
        """Say of a pod what its kubelet would."""
        return self.patch(f"/api/v1/namespaces/{space}/pods/{pod}/status", {"status": status})

    def pods(self, space: str, selector: str = "") -> list[dict[str, Any]]:
        """Pods of a namespace."""
        query = f"?labelSelector={urllib.parse.quote(selector)}" if selector else ""
        found: list[dict[str, Any]] = self.call("GET", f"/api/v1/namespaces/{space}/pods{query}")["items"]
        return found

    def namespace(self) -> str:
        """A new namespace, with what the controllers put into it (pods are refused before their ServiceAccount is there)."""
        space = "t" + uuid.uuid4().hex[:10]
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
        self.spaces.append(space)
        for made in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            self.until(lambda path=made: self.call("GET", f"/api/v1/namespaces/{space}/{path}"), made)
        return space

    def until(self, look: Any, what: str, seconds: float = 30) -> Any:
        """Ask until the answer is true; a 404 counts as not yet."""
        end = time.monotonic() + seconds
        while True:
            with suppress(urllib.error.HTTPError):
                if found := look():
                    return found
            if time.monotonic() > end:
                raise AssertionError(f"not within {seconds} s: {what}")
            time.sleep(0.05)

    def settled(self, space: str) -> None:
        """Wait until the controllers have followed what is wanted of a namespace's Deployments; a plan made earlier expires."""
        apps, number = f"/apis/apps/v1/namespaces/{space}", "deployment.kubernetes.io/revision"

        def followed() -> bool:
            sets = self.call("GET", f"{apps}/replicasets")["items"]
            for one in self.call("GET", f"{apps}/deployments")["items"]:
                notes = one["metadata"].get("annotations", {})
                own = [
                    item["metadata"] for item in sets if item["metadata"]["ownerReferences"][0]["uid"] == one["metadata"]["uid"]
                ]
                numbers = [int(item["annotations"][number]) for item in own]
                if one["status"].get("observedGeneration") != one["metadata"]["generation"]:
                    return False
                if not numbers or notes.get(number) != str(max(numbers)):
                    return False
            return True

        self.until(followed, f"the controllers have followed in {space}")

    def kubeconfig(self, token: str = ADMIN, name: str = "test") -> Path:
        """A kubeconfig file with one context of that name."""
        path = self.folder / f"kubeconfig-{name}-{token[:6]}"
        authority = base64.b64encode(self.authority.read_bytes()).decode()
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": name,
            "clusters": [{"name": "c", "cluster": {"server": self.server, "certificate-authority-data": authority}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": name, "context": {"cluster": "c", "user": "u"}}],
        }))  # fmt: skip
        path.chmod(0o600)
        return path


_PATHS = {
    "Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "ReplicaSet": "apps/v1", "Job": "batch/v1",
    "CronJob": "batch/v1beta1", "Ingress": "networking.k8s.io/v1", "NetworkPolicy": "networking.k8s.io/v1",
    "RoleBinding": "rbac.authorization.k8s.io/v1", "ClusterRoleBinding": "rbac.authorization.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v1", "PodDisruptionBudget": "policy/v1beta1", "StorageClass": "storage.k8s.io/v1",
    "ValidatingWebhookConfiguration": "admissionregistration.k8s.io/v1", "IngressClass": "networking.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1", "Lease": "coordination.k8s.io/v1",
}  # fmt: skip
_WORKLOADS = (
    ("batch/v1beta1", "cronjobs"), ("batch/v1", "jobs"), ("apps/v1", "deployments"), ("apps/v1", "statefulsets"),
    ("apps/v1", "daemonsets"), ("apps/v1", "replicasets"),
)  # fmt: skip
_ODD = {"Endpoints": "endpoints", "Ingress": "ingresses", "NetworkPolicy": "networkpolicies", "StorageClass": "storageclasses",
        "IngressClass": "ingressclasses", "PriorityClass": "priorityclasses"}  # fmt: skip


def collection(obj: Mapping[str, Any]) -> str:
    """`/apis/apps/v1/namespaces/shop/deployments` for an object."""
    kind, space = obj["kind"], obj["metadata"].get("namespace")
    version = obj.get("apiVersion") or _PATHS.get(kind, "v1")
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    plural = _ODD.get(kind, kind.lower() + "s")
    return f"{root}/namespaces/{space}/{plural}" if space else f"{root}/{plural}"


@contextmanager
def control_plane(folder: Path) -> Iterator[Cluster]:
    """Start all four programs; ready when the API server says so and both roles are bound."""
    programs = binaries()
    folder.mkdir(parents=True, exist_ok=True)
    client, peer, port = free_port(), free_port(), free_port()
    _keys(folder)
    server = f"https://127.0.0.1:{port}"
    with ExitStack() as stack:
        _start(stack, folder, "etcd", [
            shutil.which("etcd") or "etcd", "--data-dir", str(folder / "etcd"),
            f"--listen-client-urls=http://127.0.0.1:{client}",
            f"--advertise-client-urls=http://127.0.0.1:{client}", f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}", f"--initial-cluster=default=http://127.0.0.1:{peer}",
            "--unsafe-no-fsync", "--logger=zap", "--log-level=error",
        ])  # fmt: skip
        _start(stack, folder, "kube-apiserver", [
            str(programs / "kube-apiserver"), f"--etcd-servers=http://127.0.0.1:{client}", "--insecure-port=0",
            "--bind-address=127.0.0.1", f"--secure-port={port}", f"--cert-dir={folder}",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--tls-cert-file={folder / 'server.crt'}", f"--tls-private-key-file={folder / 'server.key'}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--service-account-key-file={folder / 'sa.pub'}",
            f"--service-account-signing-key-file={folder / 'sa.key'}", "--authorization-mode=RBAC",
            f"--token-auth-file={folder / 'tokens.csv'}", "--endpoint-reconciler-type=none",
        ])  # fmt: skip
        cluster = Cluster(server, folder / "server.crt", folder)
        stack.callback(cluster.close)
        cluster.until(lambda: _ready(cluster), "the API server is ready", 60)
        config = cluster.kubeconfig()
        for name, more in (("kube-controller-manager", [
            "--use-service-account-credentials=true", f"--service-account-private-key-file={folder / 'sa.key'}",
            "--leader-elect=false", "--pvclaimbinder-sync-period=1s", "--namespace-sync-period=5s",
            "--node-monitor-grace-period=10m", "--node-startup-grace-period=10m",  # no kubelet says that it is alive
        ]), ("kube-scheduler", ["--leader-elect=false"])):  # fmt: skip
            _start(stack, folder, name, [
                str(programs / name), f"--kubeconfig={config}", f"--authentication-kubeconfig={config}",
                f"--authorization-kubeconfig={config}", "--port=0", f"--secure-port={free_port()}",
                f"--cert-dir={folder}", *more,
            ])  # fmt: skip
        cluster.create({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "viewers"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "User", "name": "viewer", "apiGroup": "rbac.authorization.k8s.io"}],
        })  # fmt: skip
        # a controller gathers the rules of that role
        cluster.until(lambda: cluster.call("GET", "/api/v1/pods?limit=1", token=VIEWER), "the viewer may list pods")
        cluster.wide.clear()  # the roles stay
        yield cluster


def _ready(cluster: Cluster) -> bool:
    try:
        return bool(cluster.call("GET", "/readyz") == "ok")
    except OSError:
        return False


def _keys(folder: Path) -> None:
    """A key for service accounts, a certificate of its own for the server, and the tokens."""

    def openssl(*argv: str) -> None:
        subprocess.run(["openssl", *argv], cwd=folder, check=True, capture_output=True, timeout=60)

    openssl("genrsa", "-out", "sa.key", "2048")
    openssl("rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "server.crt", "-days", "2",
            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost")  # fmt: skip
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{ADMIN},admin,1,"system:masters"\n{VIEWER},viewer,2\n{NOBODY},nobody,3\n')
    tokens.chmod(0o600)


def _start(stack: ExitStack, folder: Path, name: str, argv: list[str]) -> None:
    log = stack.enter_context((folder / f"{name}.log").open("wb"))
    process = subprocess.Popen(with_us(*argv), stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)

    def stop() -> None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    stack.callback(stop)

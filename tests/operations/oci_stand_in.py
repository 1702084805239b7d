"""A stand-in for Oracle Cloud's compute and container instance services, after their published API (20160918, 20210415).

Signed requests are wanted, `if-match` is kept, a power action changes the state only after some looks, as the real ones do.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

INSTANCE = "ocid1.instance.oc1.eu-frankfurt-1.antheljrstandinexample"
CONTAINER = "ocid1.computecontainerinstance.oc1.eu-frankfurt-1.anthlstandinexample"


class Cloud:
    """Its state, and every request that changed or tried to change something."""

    def __init__(self) -> None:
        self.states = {INSTANCE: "RUNNING", CONTAINER: "ACTIVE"}
        self.versions = {INSTANCE: 1, CONTAINER: 1}
        self.coming: dict[str, list[str]] = {}
        self.writes: list[tuple[str, str | None, int]] = []
        self.unsigned = 0
        self.stubborn = False
        """Actions are accepted, and it stays stopped."""

    def seen(self, ocid: str) -> dict[str, Any]:
        if self.coming.get(ocid):
            self.states[ocid] = self.coming[ocid].pop(0)
            self.versions[ocid] += 1
        return {
            "id": ocid, "displayName": "shop-1", "lifecycleState": self.states[ocid], "shape": "VM.Standard.E5.Flex",
            "compartmentId": "ocid1.compartment.oc1..x", "availabilityDomain": "AD-1", "region": "eu-frankfurt-1",
            "timeCreated": "2026-11-20T10:00:00.000Z", "containers": [], "containerCount": 1, "vnics": [],
            "containerRestartPolicy": "ALWAYS", "freeformTags": {}, "definedTags": {},
        }  # fmt: skip

    def act(self, ocid: str, word: str, if_match: str | None) -> int:
        status = 200 if if_match in (None, f"v{self.versions[ocid]}") else 412
        self.writes.append((word, if_match, status))
        if status == 200:
            on, off = ("RUNNING", "STOPPED") if ocid == INSTANCE else ("ACTIVE", "INACTIVE")
            kind = word.upper().removeprefix("SOFT")
            self.coming[ocid] = {
                "STOP": ["STOPPING", off], "START": ["STARTING", on], "RESET": ["STOPPING", "STARTING", on],
                "RESTART": ["UPDATING", on],
            }[kind]  # fmt: skip
            if self.stubborn:
                self.coming[ocid] = ["STOPPING", "TERMINATED"]
        return status


class _Handler(BaseHTTPRequestHandler):
    cloud: Cloud

    def _answer(self, status: int, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "opc-request-id": "x", **headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _resource(self) -> tuple[str | None, str]:
        parts = urlsplit(self.path).path.strip("/").split("/")
        if not self.headers.get("authorization", "").startswith("Signature "):
            self.cloud.unsigned += 1
            return None, ""
        known = parts[:2] in (["20160918", "instances"], ["20210415", "containerInstances"]) and len(parts) > 2
        ocid = parts[2] if known and parts[2] in self.cloud.states else None
        return ocid, parts[4] if len(parts) == 5 and parts[3] == "actions" else ""

    def do_GET(self) -> None:
        ocid, _ = self._resource()
        if ocid is None:
            self._answer(
                404, {"code": "NotAuthorizedOrNotFound", "message": "Authorization failed or requested resource not found"}
            )
            return
        body = self.cloud.seen(ocid)
        self._answer(200, body, etag=f"v{self.cloud.versions[ocid]}")

    def do_POST(self) -> None:
        ocid, action = self._resource()
        self.rfile.read(int(self.headers.get("content-length") or 0))
        if ocid is None:
            self._answer(
                404, {"code": "NotAuthorizedOrNotFound", "message": "Authorization failed or requested resource not found"}
            )
            return
        word = action or parse_qs(urlsplit(self.path).query).get("action", [""])[0]
        status = self.cloud.act(ocid, word, self.headers.get("if-match"))
        if status == 412:
            self._answer(412, {"code": "NoEtagMatch", "message": "The etag does not match"})
        else:
            self._answer(200, self.cloud.seen(ocid), etag=f"v{self.cloud.versions[ocid]}")

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def stand_in() -> Iterator[tuple[Cloud, str]]:
    """The cloud, and its address."""
    cloud = Cloud()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cloud": cloud}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cloud, f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def configuration(folder: Path) -> Path:
    """A configuration file with a key of its own, as the SDK wants it."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (folder / "oci.pem").write_bytes(text)
    (folder / "oci.pem").chmod(0o600)
    path = folder / "oci.ini"
    path.write_text(
        "[DEFAULT]\nuser=ocid1.user.oc1..aaaaaaaaexample\nfingerprint=" + ":".join(["aa"] * 16)
        + "\ntenancy=ocid1.tenancy.oc1..aaaaaaaaexample\nregion=eu-frankfurt-1\nkey_file=" + f"{folder}/oci.pem\n"
    )  # fmt: skip
    path.chmod(0o600)
    return path

"""Ask an installed version as a client would: start it, greet it, list its tools, call one. Says what failed, by name.

usage: verify.py PYTHON        the interpreter of the version to ask. Standard library only.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading

LIMIT_S = 60


def main(program):
    """0 when it answers; 1 with the reason on stderr."""
    with tempfile.TemporaryDirectory(prefix="veteran-verify-") as folder:
        env = dict(os.environ, VETERAN_STATE_DIR=os.path.join(folder, "state"), HOME=folder)
        env.pop("VETERAN_CONFIG", None)  # the version is asked, not the settings of this account
        server = subprocess.Popen(
            [program, "-m", "mcp_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )
        clock = threading.Timer(LIMIT_S, server.kill)
        clock.start()
        try:
            return ask(server)
        finally:
            clock.cancel()
            server.stdin.close()
            server.kill()
            server.wait()
            server.stdout.close()
            server.stderr.close()


def ask(server):
    """The conversation; each step that fails is named."""
    step = "start"
    try:
        client = {"name": "deploy", "version": "1"}
        step = "initialize"
        hello = request(server, 1, "initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        send(server, {"jsonrpc": "2.0", "method": "notifications/initialized"})
        step = "tools/list"
        tools = request(server, 2, "tools/list", {})["tools"]
        step = "the call of disk_space"
        answer = request(server, 3, "tools/call", {"name": "disk_space", "arguments": {}})
        text = answer["content"][0]["text"]
        if answer.get("isError"):
            raise ValueError(text)
    except (OSError, ValueError, KeyError, IndexError) as error:
        server.kill()
        said = server.stderr.read().decode("utf8", "replace").strip().splitlines()
        sys.stderr.write("it failed at %s: %s\n" % (step, error))  # noqa: UP031 -- any python3 must be able to run this
        for line in said[-5:]:
            sys.stderr.write("  it said: %s\n" % line[:300])  # noqa: UP031
        return 1
    version = hello["serverInfo"]["version"]
    sys.stdout.write("it answers: version %s, %d tools, %s\n" % (version, len(tools), text.split("\n")[0][:80]))  # noqa: UP031
    return 0


def send(server, message):
    """One message on its own line."""
    server.stdin.write(json.dumps(message).encode() + b"\n")
    server.stdin.flush()


def request(server, number, method, params):
    """The result of one request. Raises ValueError with the server's error, or when it went away."""
    send(server, {"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    while True:
        line = server.stdout.readline()
        if not line:
            raise ValueError("the server ended without an answer")
        message = json.loads(line)
        if message.get("id") == number:
            if "error" in message:
                raise ValueError(message["error"].get("message"))
            return message["result"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

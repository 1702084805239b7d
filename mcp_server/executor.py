"""The executor: `python -m mcp_server.executor P12` carries out one approved plan, once.

It takes a plan id and nothing else, and trusts nobody: it plans afresh from the operation's file, the settings and fresh
facts, and checks digest, approvals, expiry, policy, protection, cooldown and the kill switch itself, in the gate's folder
(`gate_dir`), where the locked server cannot write. No SDK of the protocol is imported here.

Line protocol, for whoever started it: one JSON object per line on stdout.

    {"event": "progress", "text": "planning on fresh facts"}
    {"event": "step", "number": 1, "of": 2, "state": "started" | "done" | "failed" | "undone", "text": "…"}
    {"event": "result", "state": "done" | "undone" | "left" | "refused", "execution": "X7" | null, "text": "…",
     "left": ["…"], "moved": ["…"]}

`result` is the last line; without one the executor was killed, and the next start says where. Exit status: 0 done and
verified · 1 failed and undone · 2 failed, something is left · 3 refused, nothing was changed · 64 bad usage · 70 broken.
"""

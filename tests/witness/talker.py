"""Stands where the executor does, and talks as the plan's number says. It knows nothing of plans."""

import os
import sys
import time

WORD = sys.argv[1]
if WORD == "P1":  # ordinary, and one line longer than a pipe takes in one piece, not ASCII
    print('{"event": "progress"}')
    print("ä" * 50_000, flush=True)
    print('{"event": "result"}')
    sys.exit(3)
if WORD == "P2":
    os.kill(os.getpid(), 9)
if WORD == "P3":  # more than anybody wants to hear
    for number in range(200_000):
        sys.stdout.write(f"line {number}\n")
    print('{"event": "result", "last": true}')
if WORD == "P4":
    time.sleep(2)
if WORD == "P5":  # who it is: its own session, nothing of the client's
    print(os.getsid(0) == os.getpid(), sys.stdin.read() == "", os.path.exists("/proc/self/fd/5"), sys.argv[1:])

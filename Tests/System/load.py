"""Asks a daemon again and again until a file is there; prints how many asked and how many were not answered.

As the darkroom command does, it comes back when a connection breaks before the answer: a daemon that is killed cannot
answer, the next one can. Whoever has no answer within 30 s has failed.

Usage: load.py SOCKET STOPFILE
"""

import json
import os
import socket
import sys
import time

SECONDS = 30


class Broken(Exception):
    """The connection ended before the answer."""


def ask(path, seconds):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(seconds, 0.1))
        connection.connect(path)
        try:
            connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"server.hello"}\n')
            line = connection.makefile("rb").readline()
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Broken from error
    if not line.endswith(b"\n"):
        raise Broken
    answer = json.loads(line)
    if "result" not in answer:
        raise OSError(answer.get("error", {}).get("data", {}).get("kind", "no answer"))


path, stop = sys.argv[1], sys.argv[2]
asked = failed = came_back = 0
longest = 0.0
reasons = set()
while not os.path.exists(stop):
    begun = time.monotonic()
    asked += 1
    while True:
        try:
            ask(path, begun + SECONDS - time.monotonic())
        except Broken:
            came_back += 1
            if time.monotonic() - begun < SECONDS:
                continue
            failed += 1
            reasons.add("never answered")
        except (OSError, ValueError) as error:
            failed += 1
            reasons.add(str(error))
        break
    longest = max(longest, time.monotonic() - begun)
    time.sleep(0.005)
print(json.dumps({
    "asked": asked, "failed": failed, "came_back": came_back, "longest": round(longest, 3), "reasons": sorted(reasons)}))

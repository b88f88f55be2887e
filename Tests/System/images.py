"""Asks for one image after the other until a file is there, each under an idempotency key of its own, and prints what
became of each: a JSON object from prompt to the error's kind, or to "done".

A connection that breaks is made again, and the same is asked under the same key, as any client should.

Usage: images.py SOCKET STOPFILE NAME
"""

import json
import os
import socket
import sys
import time


def ask(path, prompt):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(path)
        params = {"prompt": prompt, "idempotencyKey": prompt, "delivery": "none"}
        connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "image.generate", "params": params}).encode() + b"\n")
        for line in connection.makefile("rb"):
            message = json.loads(line)
            if message.get("id") == 1:
                return message["error"]["data"]["kind"] if "error" in message else message["result"]["state"]
    raise ConnectionResetError


path, stop, name = sys.argv[1:]
ends = {}
while not os.path.exists(stop):
    prompt = f"{name}-{len(ends)}"
    deadline = time.monotonic() + 60
    while prompt not in ends:
        try:
            end = ask(path, prompt)
        except OSError:
            end = "never answered"
        # A daemon that stops says so to those whose job waits; the next one goes on with it.
        if end not in ("never answered", "stopping") or time.monotonic() > deadline:
            ends[prompt] = end
        else:
            time.sleep(0.05)
print(json.dumps(ends))

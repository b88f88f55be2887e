"""Asks a daemon again and again until a file is there; prints how many asked and how many were not answered.

Usage: load.py SOCKET STOPFILE
"""

import json
import os
import socket
import sys
import time

path, stop = sys.argv[1], sys.argv[2]
asked = failed = 0
longest = 0.0
reasons = set()
while not os.path.exists(stop):
    begun = time.monotonic()
    asked += 1
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(path)
            connection.sendall(b'{"jsonrpc":"2.0","id":1,"method":"server.hello"}\n')
            answer = json.loads(connection.makefile("rb").readline() or b"{}")
            if "result" not in answer:
                raise OSError(answer.get("error", {}).get("data", {}).get("kind", "no answer"))
    except (OSError, ValueError) as error:
        failed += 1
        reasons.add(str(error))
    longest = max(longest, time.monotonic() - begun)
    time.sleep(0.005)
print(json.dumps({"asked": asked, "failed": failed, "longest": round(longest, 3), "reasons": sorted(reasons)}))

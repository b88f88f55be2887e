"""Sends requests that the policy denies, many at once on one connection. Usage: denials.py SOCKET COUNT"""

import socket
import sys

path, count = sys.argv[1], int(sys.argv[2])
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(path)
    answers = connection.makefile("rb")
    denied = sent = 0
    while denied < count:
        while sent < count and sent - denied < 200:
            connection.sendall(
                b'{"jsonrpc":"2.0","id":%d,"method":"image.generate","params":{"prompt":"x","model":"pro"}}\n' % sent)
            sent += 1
        if b'"not_permitted"' not in answers.readline():
            sys.exit("an answer was no denial")
        denied += 1
print(denied)

#!/usr/bin/env python3
"""Drives an agent: agent.py ENDPOINT HOST COMMAND [ARGS as JSON]. Where the cluster has a key, ENDPOINT is ipc:// on that host."""
import json, sys, uuid
import zmq

endpoint, host, command, args = (sys.argv[1:] + ["{}"])[:4]
socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(endpoint)
socket.send_json({"v": 1, "id": str(uuid.uuid4()), "to": host, "command": command, "args": json.loads(args)})
if not socket.poll(60_000):
    sys.exit(f"{host} did not answer")
reply = socket.recv_json()
print(json.dumps(reply, indent=2))
sys.exit(0 if reply["ok"] else reply["error"]["message"])

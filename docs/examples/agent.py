#!/usr/bin/env python3
"""Drives an agent: agent.py ENDPOINT HOST COMMAND [ARGS as JSON]. BATON_KEY_FILE names the cluster key, where there is one."""
import hashlib, hmac, json, os, sys, time, uuid
import zmq

endpoint, host, command, args = (sys.argv[1:] + ["{}"])[:4]
socket = zmq.Context().socket(zmq.REQ)
socket.setsockopt(zmq.LINGER, 0)
socket.connect(endpoint)
request = {"v": 1, "id": str(uuid.uuid4()), "to": host, "sent_at_ms": time.time_ns() // 1_000_000,
           "nonce": uuid.uuid4().hex, "command": command, "args": json.loads(args)}
frames = [json.dumps(request).encode()]
if "BATON_KEY_FILE" in os.environ:
    key = open(os.environ["BATON_KEY_FILE"], "rb").read()
    frames.append(hmac.new(key, frames[0], hashlib.sha256).hexdigest().encode())
socket.send_multipart(frames)
if not socket.poll(60_000):
    sys.exit(f"{host} did not answer")
reply = json.loads(socket.recv_multipart()[0])
print(json.dumps(reply, indent=2))
sys.exit(0 if reply["ok"] else reply["error"]["message"])

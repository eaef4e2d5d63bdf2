#!/usr/bin/env python3
"""An energy detector as a D2D program: learns the noise floor of its channel, then counts how often something is louder.

It speaks the whole workload contract (docs/workload.md) with a table of variables of its own. The noise floor takes `learn_ms` to learn;
carried over to another server it need not be learned again.
"""
import array
import json
import math
import os
import socket
import struct
import threading
import time

MEANINGS = {
    "learn_ms": "for how long the noise floor is learned, ms of signal",
    "threshold_db": "so much above the noise floor counts as a signal, dB",
    "noise_floor_dbfs": "the quietest tenth of the channel, dB of full scale; learned",
    "detections": "how often a signal began, over all servers",
}
TICKS_PER_MS = 100_000
LOOKED_AT = 64  # samples of a block: Python need not look at every one to know its power

settings = json.loads(os.environ.get("BATON_SETTINGS", "{}"))
carried = json.loads(os.environ.get("BATON_CONTROL", "{}"))
variables = {"learn_ms": 300, "threshold_db": 10, "noise_floor_dbfs": None, "detections": 0} | settings | carried
lock = threading.Lock()
agents = []  # write ends of the agent's connections
sync, since, samples = "no_samples", time.monotonic(), 0


def told():
    state = {"state": sync}
    if sync in ("synced", "lost"):
        state["for_ms"] = int((time.monotonic() - since) * 1000)
    return state


def turn(state):
    global sync, since
    if state == sync:
        return
    sync, since = state, time.monotonic()
    line = json.dumps({"event": "sync", "sync": told()}) + "\n"
    for agent in list(agents):
        try:
            agent.sendall(line.encode())
        except OSError:
            agents.remove(agent)


def answer(ask):
    if ask == "status":
        return {"sync": told(), "counters": {"rx_samples": samples}}
    if ask == "get_control":
        return variables
    if ask == "describe":
        return MEANINGS
    raise ValueError(f"an energy detector has no answer to {ask}")


def converse(agent):
    agents.append(agent)
    for line in agent.makefile():
        question = json.loads(line)
        reply = {"id": question["id"]}
        try:
            with lock:
                reply["ok"] = answer(question["ask"])
        except ValueError as reason:
            reply["error"] = str(reason)
        agent.sendall((json.dumps(reply) + "\n").encode())


def listen(path, kind):
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(path)
    listener.listen(4)
    return listener


def serve_contract(listener):
    while True:
        agent, _ = listener.accept()
        threading.Thread(target=converse, args=(agent,), daemon=True).start()


def level(packet):
    """Power of a block, dB of full scale."""
    iq = array.array("h", packet[16 : 16 + 4 * LOOKED_AT])
    return 10 * math.log10(max(sum(x * x for x in iq), 1) / (len(iq) / 2) / 32767**2)


def watch(usrp):
    global samples
    levels, began, loud = [], None, False
    while packet := usrp.recv(16 + 4 * 4096):
        _, count, tick = struct.unpack("=B3xIQ", packet[:16])
        if count < LOOKED_AT:
            continue
        now = level(packet)
        with lock:
            samples += count
            if variables["noise_floor_dbfs"] is None:
                turn("searching")
                began = tick if began is None else began
                levels.append(now)
                if tick - began >= variables["learn_ms"] * TICKS_PER_MS:
                    variables["noise_floor_dbfs"] = round(sorted(levels)[len(levels) // 10], 1)
                continue
            turn("synced")
            was, loud = loud, now > variables["noise_floor_dbfs"] + variables["threshold_db"]
            variables["detections"] += loud and not was


contract = listen(os.environ["BATON_SOCKET"], socket.SOCK_STREAM)
radio = listen(os.environ["BATON_SAMPLES"], socket.SOCK_SEQPACKET)
threading.Thread(target=serve_contract, args=(contract,), daemon=True).start()
while True:
    connection, _ = radio.accept()
    watch(connection)
    with lock:
        turn("no_samples")

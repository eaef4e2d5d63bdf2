"""What the far end's ping(8) felt."""

import re
import subprocess
import threading

from hosts_machines import Broken

# ping -D: [1701234567.123456] 64 bytes from 192.168.40.9: icmp_seq=7 ttl=64 time=5.1 ms
REPLY = re.compile(r"^\[(?P<at>[\d.]+)\] .*icmp_seq=(?P<number>\d+) ")
SENT = re.compile(r"^(?P<sent>\d+) packets transmitted", re.M)
EVERY_MS = 10
# Until the first answer, or the sum at the end.
WITHIN = 30


class Pings:
    """One each 10 ms from a host, for as long as the block lasts: `lost` between the first and the last that was answered, `silent` after that one
    (those under way among them), and the longest time without an answer."""

    def __init__(self, machine):
        self.machine = machine
        self.lost = self.silent = self.gap_ms = None
        self.lines, self.answered = [], threading.Event()

    def __enter__(self):
        words = self.machine.console.command(f"exec ssh -tt root@{self.machine.address} 'ping -D -i {EVERY_MS / 1000} 192.168.40.9'")
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        if not self.answered.wait(WITHIN):
            self.process.kill()
            raise Broken(f"no ping of {self.machine.name} was answered within {WITHIN} s")
        return self

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if REPLY.match(line):
                self.answered.set()

    def __exit__(self, *failed):
        # Ctrl-C on its terminal: ping ends with its sum.
        self.process.stdin.write("\x03")
        self.process.stdin.flush()
        self.reader.join(WITHIN)
        self.process.kill()
        self.process.wait()
        replies = {int(found["number"]): float(found["at"]) for found in map(REPLY.match, self.lines) if found}
        sent = SENT.search("".join(self.lines))
        if not sent:
            raise Broken(f"ping on {self.machine.name} ended without its sum")
        times = sorted(replies.values())
        self.lost = max(replies) - min(replies) + 1 - len(replies)
        self.silent = int(sent["sent"]) - max(replies)
        self.gap_ms = max((1000 * (b - a) for a, b in zip(times, times[1:])), default=0.0)

    def __str__(self):
        return f"{self.lost} pings lost, longest gap {self.gap_ms:.0f} ms"

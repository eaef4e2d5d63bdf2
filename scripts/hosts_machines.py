"""Machines that boot: Debian systems in containers of systemd-nspawn, on cables and switches, with software N210s."""

import os
import socket
import subprocess
import time
import uuid
from pathlib import Path

# An order to a host that does not answer, and the boot of three at a time on two cores.
WITHIN = 180
SERVERS = {"server1": "10.77.0.11", "server2": "10.77.0.12", "server3": "10.77.0.13"}
# Hardware addresses of eth0 and eth3: a machine that reboots keeps its own.
CARDS = {name: [f"02:ba:71:00:0{port}:{number:02x}" for port in (0, 3)] for number, name in enumerate(SERVERS, 1)}
# Where the cable of a server's radio port ends.
FAR_ENDS = {"server1": "switch", "server2": "switch", "server3": "n210-far"}
# A machine that reboots ends its container with this code.
REBOOTS = 133


class Broken(Exception):
    """A step did not do what it is to do; a sentence."""


def run(*words, **options):
    done = subprocess.run(words, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WITHIN, **options)
    if done.returncode:
        raise Broken(f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout}")
    return done.stdout


def ip(line):
    run("ip", *line.split())


class Network:
    """This process's own network is console's; switches and radios are in namespaces beside the servers'."""

    def __init__(self):
        # Nothing of the machine that runs this shows, and nothing is left in its /run.
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for name in ["switch", "n210", "n210-far"]:
            ip(f"netns add {name}")
        ip("link set lo up")
        self.bridge("mgmt0")
        ip("addr add 10.77.0.1/24 dev mgmt0")
        self.bridge("switch0", "-n switch")
        self.radio_cable("n210", "eth0", "switch", "n210")

    @staticmethod
    def bridge(name, where=""):
        ip(f"{where} link add {name} type bridge forward_delay 0 mcast_snooping 0")
        ip(f"{where} link set {name} up")

    @staticmethod
    def radio_cable(near, near_port, far, far_port, card=None):
        """No frame on it is larger than a wire's."""
        own = f"address {card}" if card else ""
        ends = f"link add {near_port} {own} netns {near} gso_max_segs 1 type veth peer name {far_port} netns {far} gso_max_segs 1"
        ip(ends)
        ip(f"-n {far} link set {far_port} up")
        if far == "switch":
            ip(f"-n switch link set {far_port} master switch0")
        if near == "n210":
            ip(f"-n {near} link set {near_port} up")

    def connect(self, server):
        """The network cards of a machine as they are when it is switched on."""
        if (Path("/run/netns") / server).exists():
            ip(f"netns del {server}")
        ip(f"netns add {server}")
        # A namespace that ends takes its cables along a moment later, and their other ends with them.
        for where, end in [("", server), (f"-n {FAR_ENDS[server]}", server if FAR_ENDS[server] == "switch" else "eth0")]:
            subprocess.run(["ip", *where.split(), "link", "del", end], stderr=subprocess.DEVNULL)
        management, radio = CARDS[server]
        ip(f"link add eth0 address {management} netns {server} type veth peer name {server}")
        ip(f"link set {server} master mgmt0 up")
        far = FAR_ENDS[server]
        self.radio_cable(server, "eth3", far, server if far == "switch" else "eth0", radio)


class Radios:
    """Software N210s, outside of every machine."""

    def __init__(self, baton, log):
        radios = ["--radio=pool=n210", "--radio=far=n210-far"]
        self.process = subprocess.Popen([baton, "n210", *radios], stdout=subprocess.PIPE, stderr=log, text=True)
        ready = self.process.stdout.readline()
        if not ready.startswith("n210 ready"):
            raise Broken(f"the software N210s did not start: {ready}")


def overlay(base, folder):
    """A copy of a system, of which only what changes takes room."""
    for name in ["changed", "work", "root"]:
        (folder / name).mkdir(parents=True)
    options = f"lowerdir={base},upperdir={folder}/changed,workdir={folder}/work"
    run("mount", "-t", "overlay", "overlay", "-o", options, str(folder / "root"))
    return folder / "root"


class Console:
    """The fourth machine, which needs no systemd of its own."""

    def __init__(self, base, work):
        self.root = overlay(base, work / "console")
        for folder in ["dev", "proc"]:
            run("mount", "--rbind", f"/{folder}", str(self.root / folder))

    def command(self, text):
        return ["chroot", str(self.root), "/usr/bin/env", "-i", "HOME=/root", "USER=root", "LANG=C.UTF-8",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-euc", text]

    def type(self, text, check=True):
        return typed("console", self.command(text), check)

    def type_at(self, server, text, check=True):
        """Commands typed by root at a server, over the management network."""
        words = self.command(f"exec ssh root@{SERVERS[server]} 'DEBIAN_FRONTEND=noninteractive sh -euc \"$(cat)\"'")
        return typed(server, words, check, text)


def typed(where, words, check, typed_in=""):
    done = subprocess.run(words, text=True, input=typed_in, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WITHIN)
    if check and done.returncode:
        raise Broken(f"on {where}, exit code {done.returncode}:\n{typed_in or words[-1]}\n{done.stdout}")
    return done.stdout


class Machine:
    """A server: a copy of the system that boots."""

    def __init__(self, name, base, work, groups, network, console):
        self.name, self.address = name, SERVERS[name]
        self.network, self.console = network, console
        self.group = Path(groups) / name
        self.root = overlay(base, work / name)
        self.log = open(work / f"{name}.console", "w")
        # Without one it would be a first boot, which enables what this system came without.
        (self.root / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        (self.root / "etc/hostname").write_text(f"{name}\n")
        (self.root / "etc/hosts").write_text(f"127.0.0.1 localhost {name}\n")
        address = f"auto lo eth0\niface lo inet loopback\niface eth0 inet static\n    address {SERVERS[name]}/24\n"
        (self.root / "etc/network/interfaces.d/management").write_text(address)
        self.process = self.said = None

    def switch_on(self):
        self.network.connect(self.name)
        self.said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        at = f"/run/{self.name}.notify"
        Path(at).unlink(missing_ok=True)
        self.said.bind(at)
        self.group.mkdir(parents=True, exist_ok=True)
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", f"--directory={self.root}", "--boot", f"--machine={self.name}", "--register=no", "--keep-unit",
             "--private-users=no", "--capability=all", f"--network-namespace-path=/run/netns/{self.name}", "--bind=/dev/net/tun",
             "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--notify-ready=yes", "--console=read-only"],
            env={**os.environ, "NOTIFY_SOCKET": at, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1", "SYSTEMD_LOG_LEVEL": "warning",
                 # What an operator sets with sysctl.
                 "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
            # Each in a control group of its own: the systemd inside takes what it finds there for its own.
            preexec_fn=lambda: (self.group / "cgroup.procs").write_text("0"))

    def wait_until_booted(self):
        """Until the systemd inside says that its default target is reached."""
        end = time.monotonic() + WITHIN
        while True:
            self.said.settimeout(max(end - time.monotonic(), 0.001))
            try:
                if "READY=1" in self.said.recv(4096).decode().splitlines():
                    return
            except TimeoutError as late:
                raise Broken(f"{self.name} has not booted within {WITHIN} s: see {self.log.name}") from late

    def wait_until_off(self):
        code = self.process.wait(WITHIN)
        if code != REBOOTS:
            raise Broken(f"{self.name} was to reboot, and its container ended with {code}")

    def type(self, text, check=True):
        return self.console.type_at(self.name, text, check)

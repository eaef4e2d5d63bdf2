"""hosts_steps ROOT FOLDER CGROUPS DEB...: the steps of scripts/test-hosts, inside its namespaces."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

from hosts_machines import SERVERS, Broken, Console, Machine, Network, Radios, run
from hosts_page import blocks
from hosts_pings import Pings

# What an upgrade installs: the same programs, under a higher number.
HIGHER = "+hosts1"


class Steps:
    """What was done, how long it took, and what came of it."""

    def __init__(self):
        self.began, self.rows, self.failed = time.monotonic(), [], 0

    def do(self, name, action, needed=True):
        """A step that others need ends the test when it fails; any other one fails it in the end."""
        began = time.monotonic()
        print(f"{began - self.began:6.1f} s  {name} ...", flush=True)
        try:
            result = action() or ""
        except (Broken, subprocess.TimeoutExpired) as broken:
            self.failed += 1
            result = f"FAILED: {broken}"
            if needed:
                raise
        took = time.monotonic() - began
        self.rows.append((name, took, str(result)))
        print(f"{time.monotonic() - self.began:6.1f} s  {name}: {result or 'done'}", flush=True)

    def table(self):
        wide = max(len(name) for name, _, _ in self.rows)
        lines = [f"{'step':<{wide}}  {'s':>6}  result"]
        lines += [f"{name:<{wide}}  {took:>6.1f}  {result}" for name, took, result in self.rows]
        return "\n".join([*lines, f"{'all':<{wide}}  {time.monotonic() - self.began:>6.1f}"])


class Test:
    """The page's commands, on machines."""

    def __init__(self, base, work, groups, *packages):
        self.base, self.work, self.groups = base, Path(work), groups
        self.packages = [Path(package) for package in packages]
        self.page, self.machines = blocks(), {}
        self.steps = Steps()

    # Machines

    def build(self):
        self.network = Network()
        self.console = Console(self.base, self.work)
        self.machines = {name: Machine(name, self.base, self.work, self.groups, self.network, self.console) for name in SERVERS}
        for package in self.packages:
            shutil.copy(package, self.console.root / "root")
        for machine in self.machines.values():
            machine.switch_on()
        for machine in self.machines.values():
            machine.wait_until_booted()
        self.radios = Radios("target/release/baton", open(self.work / "n210.log", "w"))

    def higher_packages(self):
        """The same programs under a higher number, where the page has the upgrade."""
        for package in self.packages:
            tree = self.work / package.stem
            run("dpkg-deb", "--raw-extract", str(package), str(tree))
            control = (tree / "DEBIAN/control").read_text()
            version = next(line.split()[1] for line in control.splitlines() if line.startswith("Version: "))
            (tree / "DEBIAN/control").write_text(control.replace(f"Version: {version}\n", f"Version: {version}{HIGHER}\n"))
            higher = self.work / package.name.replace(f"_{version}_", f"_{version}{HIGHER}_")
            run("dpkg-deb", "--build", "-Znone", "--root-owner-group", str(tree), str(higher))
            shutil.rmtree(tree)
            for machine in self.machines.values():
                (machine.root / "root/upgrade").mkdir(exist_ok=True)
                shutil.copy(higher, machine.root / "root/upgrade")

    # The page

    def at(self, where):
        return self.console if where == "console" else self.machines[where]

    def type_section(self, number, label=None):
        """Every block of a section, or those with a label, where it says."""
        for block in self.page:
            if block.section == number and (label is None or label in block.where):
                for where in block.where:
                    if where == "console" or where in self.machines:
                        self.type_block(where, block)

    def type_block(self, where, block):
        text = block.text if block.file is None else f"cat >{block.file} <<'END'\n{block.text}END\nchmod 644 {block.file}\n"
        self.at(where).type(text)

    def commands(self, number, label):
        return next(block.text for block in self.page if block.section == number and label in block.where)

    def baton(self, words, check=True):
        return self.console.type(f"baton {words}", check)

    # Steps

    def move(self, command):
        server3 = self.machines["server3"]
        with Pings(server3) as pings:
            self.console.type(command)
            self.baton("wait serving --timeout 30s")
            server3.type("ping -q -i 0.01 -c 50 -w 10 192.168.40.9")
        return pings

    def processes(self, host):
        """Process numbers of agent, D2D and USRP process."""
        machine = self.machines[host]
        agent = machine.type(f"systemctl show --property=MainPID --value baton-agent@{host}").strip()
        return agent, self.owned(host) - {agent}

    def owned(self, host):
        """The numbers of the processes of the user baton."""
        script = "for p in /proc/[0-9]*; do [ \"$(stat -c %U $p 2>/dev/null)\" != baton ] || echo ${p#/proc/}; done"
        return set(self.machines[host].type(script).split())

    def kept(self, host, action):
        """An agent goes and comes: its work and the service stay."""
        agent, work = self.processes(host)
        with Pings(self.machines["server3"]) as pings:
            action()
            self.baton("wait serving --timeout 30s")
        new_agent, new_work = self.processes(host)
        if new_agent == agent or new_work != work or len(work) < 2:
            raise Broken(f"agent {agent} became {new_agent}, its work {sorted(work)} became {sorted(new_work)}")
        if pings.lost:
            raise Broken(f"{pings.lost} pings were lost")
        return f"{pings}; work kept"

    def upgrade(self, host):
        machine = self.machines[host]
        done = self.kept(host, lambda: machine.type(self.commands(7, "upgrade")))
        version = machine.type("dpkg-query -W -f '${Version}' baton")
        if not version.endswith(HIGHER):
            raise Broken(f"{host} has version {version} after the upgrade")
        return f"{version}: {done}"

    def another_key(self):
        with Pings(self.machines["server3"]) as pings:
            said = self.console.type(self.commands(8, "key"))
        told = [line for line in said.splitlines() if ": works with " in line]
        if len(told) != len(SERVERS) or any(not line.endswith(": works with current, accepts current") for line in told):
            raise Broken(f"after the change: {said}")
        if pings.lost:
            raise Broken(f"{pings.lost} pings were lost")
        return f"{pings}"

    def hang(self, host):
        """A stopped agent answers nothing: the watchdog has it started again."""
        machine = self.machines[host]
        agent, _ = self.processes(host)

        def stop():
            machine.type(f"kill -STOP {agent}; tail --pid={agent} -f /dev/null")
            self.console.type(f"until baton status --json | tr -d ' \\n' | grep -q '\"{host}\":{{\"status\"'; do sleep 0.2; done")

        return self.kept(host, stop)

    def reboot(self, host):
        machine = self.machines[host]
        began = time.monotonic()
        machine.type(self.commands(9, "reboot"), check=False)
        machine.wait_until_off()
        machine.switch_on()
        machine.wait_until_booted()
        machine.type(f"systemctl is-active baton-agent@{host}")
        return f"agent answers after {time.monotonic() - began:.1f} s"

    def reboot_standby(self, host):
        with Pings(self.machines["server3"]) as pings:
            said = self.reboot(host)
        if pings.lost:
            raise Broken(f"{pings.lost} pings were lost while a standby rebooted")
        return f"{said}; {pings}"

    def reboot_serving(self, host):
        said = self.reboot(host)
        began = time.monotonic()
        self.console.type(self.commands(9, "recover"))
        self.baton("wait serving --timeout 30s")
        return f"{said}; SERVING {time.monotonic() - began:.1f} s after recover was typed"

    def remove(self, host, stopped=False):
        """Of a host that serves: its work ends, its radio port is parked, nothing is left but what the page says is the operator's."""
        machine = self.machines[host]
        if stopped:
            machine.type(f"systemctl stop baton-agent@{host}")
        if len(self.owned(host)) < 2:
            raise Broken(f"{host} does not serve: {self.owned(host)}")
        machine.type(self.commands(10, "remove"))
        own = ["/root/*", "/var/log/*", "/etc/sysctl.d/*"]
        pruned = " ".join(f"! -path '{path}'" for path in own)
        left = machine.type(f"find / /run /tmp /dev/shm -xdev '(' -name '*baton*' -o -user baton ')' {pruned}", check=False).split()
        port = machine.type("ip -br -4 address show eth3").split()
        work = self.owned(host)
        if left or work or not any(word.startswith("192.168.20.2") for word in port):
            raise Broken(f"left on {host}: files {left}, processes {work}, {port}")
        return "no file, no process; " + " ".join(port)

    def fail_over_and_remove(self, host):
        """The other host is gone for good: this one takes over, and is removed while it serves."""
        self.baton(f"do {'M' if host == 'server2' else 'MB'} --method failover")
        self.baton("wait serving --timeout 30s")
        return self.remove(host)

    def told(self, host):
        """What systemd and the journal know of an agent: a sentence, and the levels of its lines."""
        machine = self.machines[host]
        sentence = "serves the radio pool, in sync"
        machine.type(f"until [ \"$(systemctl show --property=StatusText --value baton-agent@{host})\" = '{sentence}' ]; do sleep 0.2; done")
        line = f"journalctl --no-pager -o cat -u baton-agent@{host} -p info..info _SYSTEMD_UNIT=baton-agent@{host}.service | grep -c '^baton::'"
        count = int(machine.type(line, check=False) or 0)
        if not count:
            raise Broken(f"the journal of {host} has no line of its agent at the level info")
        return f"\"{sentence}\", {count} lines in the journal"

    def security(self):
        said = self.machines["server1"].type("systemd-analyze security --no-pager baton-agent@server1 | tail -n 1", False)
        return said.strip().lstrip("→ ")

    def all(self):
        do = self.steps.do
        do("boot three hosts", self.build)
        do("1 packages", lambda: self.type_section(1))
        do("2 networks", lambda: self.type_section(2))
        do("3 cluster file, key", lambda: self.type_section(3))
        do("4 agents", lambda: self.type_section(4))
        do("systemd-analyze", self.security, needed=False)
        do("5 start", lambda: self.type_section(5))
        do("what systemd knows", lambda: self.told("server1"), needed=False)
        for command in self.commands(6, "move").splitlines():
            do(f"6 {command.removeprefix('baton do ')}", lambda command=command: self.move(command), needed=False)
        do("7 upgrade server1, which serves", lambda: (self.higher_packages(), self.upgrade("server1"))[1], needed=False)
        do("7 upgrade server2, standby", lambda: self.upgrade_standby("server2"), needed=False)
        do("8 another key", self.another_key, needed=False)
        do("hung agent of server1", lambda: self.hang("server1"), needed=False)
        do("9 reboot server2, standby", lambda: self.reboot_standby("server2"), needed=False)
        do("6 M (hot)", lambda: self.move("baton do M"), needed=False)
        do("9 reboot server2, which serves", lambda: self.reboot_serving("server2"), needed=False)
        # Recover takes whichever host can serve first.
        first, second = ("server1", "server2") if len(self.owned("server1")) > 1 else ("server2", "server1")
        do(f"10 remove {first}, its agent stopped", lambda: self.remove(first, stopped=True), needed=False)
        do(f"10 failover, remove {second}", lambda: self.fail_over_and_remove(second), needed=False)

    def words(self):
        """The last words of the agents, for whoever looks for what went wrong."""
        for name, machine in self.machines.items():
            try:
                said = machine.type("systemctl --no-pager status 'baton-agent@*' | head -n 12; journalctl --no-pager -u 'baton-agent@*' -n 25", check=False)
            except subprocess.TimeoutExpired:
                said = "does not answer\n"
            print(f"--- {name}\n{said}", file=sys.stderr)

    def upgrade_standby(self, host):
        self.machines[host].type(self.commands(7, "upgrade"))
        return self.machines[host].type("dpkg-query -W -f '${Version}' baton")


def main():
    test = Test(*sys.argv[1:])
    try:
        test.all()
    except (Broken, subprocess.TimeoutExpired) as broken:
        print(f"\ntest-hosts: {broken}", file=sys.stderr)
        test.words()
        sys.exit(1)
    finally:
        if test.steps.rows:
            print(f"\n{test.steps.table()}", flush=True)
    sys.exit(1 if test.steps.failed else 0)


if __name__ == "__main__":
    main()

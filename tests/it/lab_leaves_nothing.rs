//! However a lab ends, nothing of it stays: no process, no namespace, no interface, no file.
//!
//! Needs root, makes labs of its own, touches nothing else.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking; clippy knows that of #[test] functions only")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::lab::*;

#[test]
fn sigkill_of_the_supervisor_leaves_nothing() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::with_stand_ins("killed");
    assert!(lab.remains().iter().filter(|line| line.starts_with("process")).count() >= 6, "the test sees too little");
    assert_eq!(lab.end(Signal::SIGKILL), None);
}

#[test]
fn sigterm_sigint_and_sighup_end_it_in_order() {
    let Some(_turn) = beside() else { return };
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        assert_eq!(Lab::with_stand_ins("asked").end(signal), Some(0), "{signal}");
    }
}

#[test]
fn sigkill_of_init_or_of_the_lab_program_leaves_nothing() {
    let Some(_turn) = beside() else { return };
    for depth in [1, 2] {
        let mut lab = Lab::with_stand_ins("inner");
        let mut victim = pid(&lab.supervisor);
        for _ in 0..depth {
            // The eldest: init has adopted an orphan as well.
            victim = Pid::from_raw(children_of(victim)[0]);
        }
        kill(victim, Signal::SIGKILL).unwrap();
        assert_eq!(ended(&mut lab.supervisor).code(), Some(137));
        lab.gone();
    }
}

#[test]
fn sigkill_while_it_comes_up_leaves_nothing() {
    let Some(_turn) = beside() else { return };
    for round in 0..20u32 {
        let (mut supervisor, _state, wish) = Lab::spawn("early", &["--bare"]);
        // The name is claimed before anything is made; then a little later each time.
        while !fs::read_to_string("/proc/net/unix").unwrap().contains(&wish) && supervisor.try_wait().unwrap().is_none() {}
        let since = Instant::now();
        while since.elapsed() < round * Duration::from_micros(300) {}
        supervisor.kill().unwrap();
        assert_eq!(supervisor.wait().unwrap().signal(), Some(9));
        let since = Instant::now();
        let left = || (fs::read_to_string("/proc/net/unix").unwrap().contains(&wish), remains_on_host(), with_argument(&wish));
        while left() != (false, Vec::new(), BTreeSet::new()) {
            assert!(since.elapsed() < GONE_WITHIN, "round {round}: {:?}", left());
        }
    }
}

/// Processes that have `argument` on their command line; a zombie has none.
fn with_argument(argument: &str) -> BTreeSet<i32> {
    let has = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| text(&line).contains(argument));
    processes().into_iter().filter(has).collect()
}

#[test]
fn two_labs_of_one_name_do_not_collide() {
    let Some(_turn) = beside() else { return };
    let (one, two) = (Lab::with_stand_ins("twin"), Lab::with_stand_ins("twin"));
    assert_eq!(two.name, format!("{}-2", one.name));
    let mark =
        |lab: &Lab, text: &str| lab.exec("server1", &["sh", "-c", &format!("echo {text} > /run/baton/mark; cat /run/baton/mark")]);
    assert_eq!(text(&mark(&one, "1").stdout), "1\n");
    assert_eq!(text(&mark(&two, "2").stdout), "2\n");
    assert_eq!(text(&one.exec("server2", &["cat", "/run/baton/mark"]).stdout), "1\n");
    assert_eq!(one.end(Signal::SIGKILL), None);
    assert!(two.exec("server3", &["ping", "-c1", "-W2", "10.77.0.12"]).status.success());
    assert_eq!(two.end(Signal::SIGTERM), Some(0));
}

#[test]
fn the_network_is_as_the_documentation_says() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::start("network", &["--bare"]);
    let works = |namespace: &str, command: &str| {
        let output = lab.exec(namespace, &["sh", "-c", command]);
        assert!(output.status.success(), "{namespace}: {command}: {} {}", text(&output.stdout), text(&output.stderr));
        text(&output.stdout)
    };
    for (from, to) in [("console", "10.77.0.13"), ("server1", "10.77.0.12"), ("server3", "10.77.0.1")] {
        works(from, &format!("ping -c1 -W2 {to}"));
    }
    // Through the switch, once the two have addresses that can talk; answered only by who owns the address on that very port.
    works("server2", "ip addr replace 192.168.10.1/24 dev eth3");
    works("server1", "ip addr add 192.168.10.9/24 dev eth3 && ping -c1 -W2 192.168.10.1 && ! ping -c1 -W1 -I eth3 10.77.0.12");
    assert_eq!(works("server1", "hostname").trim(), "server1");
    assert_eq!(works("server2", "ls /sys/class/net").split_whitespace().collect::<Vec<_>>(), ["eth3", "lo", "mgmt0", "tun"]);
    assert!(works("server3", "ip -4 -o addr show tun").contains("192.168.40.8/24"));
    assert_eq!(works("n210", "ip -4 -o addr show eth0"), "", "the radio's kernel must not have an address");
    assert!(works("n210-far", "ip -d link show eth0").contains("gso_max_segs 1 "));
    assert_eq!(works("server1", "ip -6 addr"), "", "IPv6 is off");
    works("console", "ip netns exec server3 ping -c1 -W2 10.77.0.11");
    assert_eq!(works("server1", "stat -c %a:%s /run/baton/cluster.key").trim(), "600:32");
    assert_eq!(works("server1", "echo $BATON_CONFIG").trim(), "/run/baton/baton.toml");
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn commands_inside_pass_their_exit_code_on_and_die_with_the_lab() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::start("inside", &["--bare"]);
    assert_eq!(lab.exec("server1", &["sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(lab.exec("server9", &["true"]).status.code(), Some(2));
    assert_eq!(lab.exec("server1", &["/no/such/program"]).status.code(), Some(1));
    let mut stay = baton(lab.state.path());
    stay.args(["--in", &lab.name, "lab", "exec", "server2", "--", "sh", "-c", "echo here; exec sleep 1000"]);
    let mut stay = stay.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(stay.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "here\n");
    let name = lab.name.clone();
    assert_eq!(lab.end(Signal::SIGKILL), None);
    let output = stay.wait_with_output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(3), format!("baton: lab \"{name}\" has ended\n")));
    let late = baton(Path::new("/tmp")).args(["--in", &name, "lab", "exec", "server1", "true"]).output().unwrap();
    assert_eq!(late.status.code(), Some(3));
}

/// Starts a command on a terminal of its own; the end that a person would type at and look at, and the terminal itself.
#[expect(unsafe_code, reason = "std gives a child no controlling terminal")]
fn on_terminal(mut command: Command) -> (Child, File, File) {
    let pair = crate::common::pty::open(None);
    let (person, terminal) = (File::from(pair.master), File::from(pair.slave));
    let copy = || Stdio::from(terminal.try_clone().unwrap());
    command.stdin(copy()).stdout(copy()).stderr(copy());
    let become_foreground = || {
        nix::unistd::setsid()?;
        // SAFETY: the call takes integers only.
        nix::errno::Errno::result(unsafe { nix::libc::ioctl(0, nix::libc::TIOCSCTTY, 0) })?;
        Ok(())
    };
    // SAFETY: both calls are plain system calls.
    unsafe { command.pre_exec(become_foreground) };
    (command.spawn().unwrap(), person, terminal)
}

/// Reads until `text` has appeared.
fn see(person: &mut File, text: &str) {
    let mut seen = String::new();
    while !seen.contains(text) {
        let mut buffer = [0; 4096];
        let count = person.read(&mut buffer).unwrap();
        seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[test]
fn q_or_ctrl_c_on_a_terminal_ends_it() {
    let Some(_turn) = beside() else { return };
    for typed in [b"q\n".as_slice(), b"\x03"] {
        let state = tempfile::tempdir().unwrap();
        let mut command = baton(state.path());
        let wish = format!("typed-{}", std::process::id());
        command.args(["lab", "--bare", "--name", &wish]);
        let (mut supervisor, mut person, _terminal) = on_terminal(command);
        see(&mut person, "lab ready");
        person.write_all(typed).unwrap();
        assert_eq!(ended(&mut supervisor).code(), Some(0));
        assert_eq!((remains_on_host(), with_argument(&wish)), (Vec::new(), BTreeSet::new()));
    }
}

#[test]
fn a_terminal_left_raw_by_what_died_inside_is_given_back() {
    let Some(_turn) = beside() else { return };
    let lab = Lab::start("raw", &["--bare"]);
    let mut command = baton(lab.state.path());
    command.args(["--in", &lab.name, "lab", "exec", "console", "sh", "-c", "stty raw -echo; echo it is raw; exec sleep 1000"]);
    let (mut inside, mut person, terminal) = on_terminal(command);
    let before = nix::sys::termios::tcgetattr(&terminal).unwrap();
    see(&mut person, "it is raw");
    assert_ne!(nix::sys::termios::tcgetattr(&terminal).unwrap(), before);
    assert_eq!(lab.end(Signal::SIGKILL), None);
    assert_eq!(ended(&mut inside).code(), Some(3));
    assert_eq!(nix::sys::termios::tcgetattr(&terminal).unwrap(), before);
}

#[test]
fn a_program_that_fails_is_quoted_and_the_lab_does_not_come_up() {
    let Some(_turn) = beside() else { return };
    let programs = tempfile::NamedTempFile::new().unwrap();
    let broken = "echo looking around; echo no air today >&2; exit 5";
    fs::write(programs.path(), stages(&[("server1", STAND_IN), ("server2", broken)])).unwrap();
    let (child, _state, wish) = Lab::spawn("broken", &["--programs", programs.path().to_str().unwrap()]);
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in ["the agent of server2 ended", "exit status: 5", "no air today"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!((remains_on_host(), with_argument(&wish)), (Vec::new(), BTreeSet::new()));
}

#[test]
fn a_program_that_dies_later_is_reported_and_the_lab_goes_on() {
    let Some(_turn) = beside() else { return };
    let programs = tempfile::NamedTempFile::new().unwrap();
    let mortal = "echo agent ready; until test -e /run/baton/now; do sleep 0.05; done; echo farewell; exit 9";
    fs::write(programs.path(), stages(&[("server1", mortal), ("server2", STAND_IN)])).unwrap();
    let mut lab = Lab::start("mortal", &["--programs", programs.path().to_str().unwrap()]);
    assert!(lab.exec("console", &["touch", "/run/baton/now"]).status.success());
    let mut line = String::new();
    BufReader::new(lab.supervisor.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("the agent of server1 ended (exit status: 9)") && line.contains("farewell"), "{line}");
    assert!(text(&lab.exec("console", &["cat", "/run/baton/log/server1.log"]).stdout).contains("farewell"));
    assert_eq!(lab.end(Signal::SIGTERM), Some(0));
}

#[test]
fn without_rights_it_works_in_a_user_namespace_or_says_what_is_missing() {
    let Some(_turn) = beside() else { return };
    const NOBODY: u32 = 65534;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("baton");
    fs::copy(env!("CARGO_BIN_EXE_baton"), &program).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let unprivileged = || {
        let mut command = Command::new(&program);
        command.env("XDG_STATE_HOME", folder.path().join("state")).env_remove("BATON_CONFIG").current_dir(folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).uid(NOBODY).gid(NOBODY);
        command
    };
    let wish = format!("nobody-{}", std::process::id());
    let mut supervisor = unprivileged().args(["lab", "--bare", "--name", &wish]).spawn().unwrap();
    let mut lines = BufReader::new(supervisor.stdout.take().unwrap()).lines().map_while(Result::ok);
    if lines.any(|line| line.starts_with("lab ready")) {
        let ping =
            unprivileged().args(["--in", &wish, "lab", "exec", "server1", "ping", "-c1", "-W2", "10.77.0.13"]).output().unwrap();
        assert!(ping.status.success(), "{}", text(&ping.stderr));
        kill(pid(&supervisor), Signal::SIGKILL).unwrap();
        supervisor.wait().unwrap();
    } else {
        let output = supervisor.wait_with_output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.code() == Some(1) && said.starts_with("baton: "), "{said}");
        eprintln!("this kernel allows no lab without rights: {said}");
    }
    let since = Instant::now();
    while !(remains_on_host().is_empty() && with_argument(&wish).is_empty()) {
        assert!(since.elapsed() < GONE_WITHIN, "{:?} {:?}", remains_on_host(), with_argument(&wish));
    }
}

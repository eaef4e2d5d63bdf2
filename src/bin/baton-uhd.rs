//! The steps that need libuhd, in an executable of their own (docs/decisions/0001-libuhd-in-its-own-executable.md).
//!
//! `baton-uhd find` discovers the radio, `baton-uhd init` initialises it in full and leaves it as it is. The radio is described by
//! the environment variable `BATON_RADIO`. `baton-uhd version` tells libuhd's version. Each prints exactly one JSON line on stdout: its result, or `{"error": "sentence"}`.
//! Exit code 0 done, 1 not found or failed, 2 usage.

use std::fs::File;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use config::Radio;
use serde_json::{Value, json};
use uhd::{SensorValue, TuneRequest, Usrp};
use workload::contract::ENV_RADIO;

/// Every rate and tick in baton assumes this master clock, Hz; an N210 has no other.
const MASTER_CLOCK: f64 = 100e6;
/// One motherboard, one channel each way, all gain elements together.
const BOARD: usize = 0;
const CHANNEL: usize = 0;
const ALL_GAINS: &str = "";

/// What a step ends with: the JSON line and the exit code.
type Outcome = Result<(Value, i32), String>;

fn main() {
    let started = Instant::now();
    let step = std::env::args().nth(1);
    let mut stdout = match keep_stdout() {
        Ok(file) => file,
        Err(e) => {
            output::say(&format!("baton-uhd: stdout cannot be set aside: {e}"));
            leave(1);
        }
    };
    let outcome = match step.as_deref() {
        Some("find") => radio().and_then(|radio| find(&radio, started)),
        Some("init") => radio().and_then(|radio| init(&radio, started)),
        Some("version") => version(),
        _ => {
            output::say(&format!("usage: {ENV_RADIO}='{{...}}' baton-uhd find|init; baton-uhd version"));
            leave(2);
        }
    };
    let (line, code) = outcome.unwrap_or_else(|sentence| (json!({ "error": sentence }), 1));
    // A reader that has gone away changes nothing about the radio; the exit code still tells.
    let _ = writeln!(stdout, "{line}");
    leave(code);
}

/// Ends the process without destructors: libuhd's would power the converters down, reset both receive chains and wait for its
/// lock task, up to 1.5 s.
#[expect(unsafe_code, reason = "std ends a process with the destructors of libraries")]
fn leave(code: i32) -> ! {
    // SAFETY: _exit ends the process at once and takes no pointers.
    unsafe { nix::libc::_exit(code) }
}

/// Takes stdout for ourselves and sends what anybody else prints there to stderr, so that no console chatter of libuhd or of one of
/// its modules can get between us and who reads our line.
fn keep_stdout() -> io::Result<File> {
    let ours = nix::unistd::dup(io::stdout())?;
    nix::unistd::dup2_stdout(io::stderr())?;
    Ok(File::from(ours))
}

fn radio() -> Result<Radio, String> {
    let text = std::env::var(ENV_RADIO).map_err(|_| format!("the environment has no {ENV_RADIO} to describe the radio"))?;
    serde_json::from_str(&text).map_err(|e| format!("{ENV_RADIO} does not describe a radio: {e}"))
}

/// Without a type libuhd asks for every family of devices that it knows and waits half a second for some of them. Without a buffer size
/// it wants 50 MB, and complains; nothing is streamed here.
const DEFAULT_ARGUMENTS: [(&str, &str); 2] = [("type", "usrp2"), ("recv_buff_size", "200000")];

fn arguments(radio: &Radio) -> String {
    let mut arguments = radio.args.as_str().to_owned();
    for (key, value) in DEFAULT_ARGUMENTS {
        let given = radio.args.as_str().split(',').any(|pair| pair.split('=').next().is_some_and(|name| name.trim() == key));
        if !given {
            arguments = format!("{arguments},{key}={value}");
        }
    }
    arguments
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

/// A sentence with libuhd's own words, which say more than its error code.
fn said(what: &str, error: &uhd::Error) -> String {
    match uhd::last_error_message().filter(|text| !text.is_empty() && text != "None") {
        // It comes in lines with indents.
        Some(text) => format!("{what} failed: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")),
        None => format!("{what} failed: {error}"),
    }
}

/// Longest version, bytes.
const VERSION_ROOM: usize = 64;

#[expect(unsafe_code, reason = "the crate has no call for libuhd's version")]
fn version() -> Outcome {
    let mut room = [0_u8; VERSION_ROOM];
    // SAFETY: libuhd writes at most so many bytes, a zero at their end, and keeps no pointer.
    let code = unsafe { uhd_sys::uhd_get_version_string(room.as_mut_ptr().cast(), room.len()) };
    let told = std::ffi::CStr::from_bytes_until_nul(&room).ok().filter(|_| code == 0).and_then(|text| text.to_str().ok());
    told.map(|text| (json!({ "uhd": text }), 0)).ok_or_else(|| "libuhd does not tell its version".to_owned())
}

fn find(radio: &Radio, started: Instant) -> Outcome {
    let arguments = arguments(radio);
    // libuhd reports an empty search as an error of its own kind in some versions: both mean that nothing was found.
    let found = Usrp::find(&arguments).map_err(|e| said(&format!("the search for \"{arguments}\""), &e))?;
    let code = i32::from(found.is_empty());
    Ok((json!({ "found": found, "ms": milliseconds(started) }), code))
}

fn init(radio: &Radio, started: Instant) -> Outcome {
    let arguments = arguments(radio);
    let mut usrp = Usrp::open(&arguments).map_err(|e| match said(&format!("opening the radio \"{arguments}\""), &e) {
        sentence if sentence.contains("No devices found") => format!("no radio answers to \"{arguments}\""),
        sentence => sentence,
    })?;
    let opened_ms = milliseconds(started);
    set_clock(&usrp, radio)?;
    set_receive(&mut usrp, radio)?;
    set_transmit(&mut usrp, radio)?;
    let mut report = actual(&usrp).map_err(|e| said("reading the settings back", &e))?;
    report["ref_locked"] = json!(reference_locked(&usrp));
    report["rx"]["lo_locked"] =
        json!(sensor(usrp.get_rx_sensor_names(CHANNEL), LO_LOCKED, |name| usrp.get_rx_sensor(name, CHANNEL)));
    report["tx"]["lo_locked"] =
        json!(sensor(usrp.get_tx_sensor_names(CHANNEL), LO_LOCKED, |name| usrp.get_tx_sensor(name, CHANNEL)));
    report["open_ms"] = json!(opened_ms);
    report["ms"] = json!(milliseconds(started));
    // Never dropped: see `leave`.
    std::mem::forget(usrp);
    Ok((report, 0))
}

/// The crate offers no set_master_clock_rate, and an N210's clock cannot be set: it is checked instead.
fn set_clock(usrp: &Usrp, radio: &Radio) -> Result<(), String> {
    let rate = usrp.get_master_clock_rate(BOARD).map_err(|e| said("reading the master clock rate", &e))?;
    if (rate - MASTER_CLOCK).abs() > 1.0 {
        return Err(format!("the radio's master clock runs at {rate} Hz; an N210's runs at {MASTER_CLOCK} Hz"));
    }
    usrp.set_clock_source(radio.reference.name(), BOARD)
        .map_err(|e| said(&format!("setting the clock source to \"{}\"", radio.reference), &e))
}

/// Boards without an antenna switch (LFRX, LFTX, Basic) offer one antenna without a name and refuse every name.
fn switchable(offered: Result<Vec<String>, uhd::Error>) -> bool {
    offered.map_or(true, |names| names.iter().any(|name| !name.is_empty()))
}

fn set_receive(usrp: &mut Usrp, radio: &Radio) -> Result<(), String> {
    let Radio { rate, rx_freq, gain, rx_ant, bw, .. } = radio;
    usrp.set_rx_sample_rate(*rate, CHANNEL).map_err(|e| said(&format!("setting the receive rate to {rate} samples/s"), &e))?;
    usrp.set_rx_frequency(&TuneRequest::with_frequency(*rx_freq), CHANNEL)
        .map_err(|e| said(&format!("tuning the receiver to {rx_freq} Hz"), &e))?;
    usrp.set_rx_gain(*gain, CHANNEL, ALL_GAINS).map_err(|e| said(&format!("setting the receive gain to {gain} dB"), &e))?;
    if switchable(usrp.get_rx_antennas(CHANNEL)) {
        usrp.set_rx_antenna(rx_ant, CHANNEL).map_err(|e| said(&format!("selecting the receive antenna \"{rx_ant}\""), &e))?;
    }
    usrp.set_rx_bandwidth(*bw, CHANNEL).map_err(|e| said(&format!("setting the receive bandwidth to {bw} Hz"), &e))
}

fn set_transmit(usrp: &mut Usrp, radio: &Radio) -> Result<(), String> {
    let Radio { rate, tx_freq, gain, tx_ant, bw, .. } = radio;
    usrp.set_tx_sample_rate(*rate, CHANNEL).map_err(|e| said(&format!("setting the transmit rate to {rate} samples/s"), &e))?;
    usrp.set_tx_frequency(&TuneRequest::with_frequency(*tx_freq), CHANNEL)
        .map_err(|e| said(&format!("tuning the transmitter to {tx_freq} Hz"), &e))?;
    usrp.set_tx_gain(*gain, CHANNEL, ALL_GAINS).map_err(|e| said(&format!("setting the transmit gain to {gain} dB"), &e))?;
    if switchable(usrp.get_tx_antennas(CHANNEL)) {
        usrp.set_tx_antenna(tx_ant, CHANNEL).map_err(|e| said(&format!("selecting the transmit antenna \"{tx_ant}\""), &e))?;
    }
    usrp.set_tx_bandwidth(*bw, CHANNEL).map_err(|e| said(&format!("setting the transmit bandwidth to {bw} Hz"), &e))
}

const LO_LOCKED: &str = "lo_locked";
/// A clock that follows its reference has locked within this.
const LOCK_WITHIN: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(50);

/// Whether the clock is locked to its reference, after a moment in which it may; `None` where the radio does not say.
fn reference_locked(usrp: &Usrp) -> Option<bool> {
    let began = Instant::now();
    loop {
        let locked = sensor(usrp.get_mboard_sensor_names(BOARD), "ref_locked", |name| usrp.get_mboard_sensor(name, BOARD));
        if locked != Some(false) || began.elapsed() >= LOCK_WITHIN {
            return locked;
        }
        std::thread::sleep(LOOK);
    }
}

/// What a sensor of two states says, where there is one of that name.
fn sensor(
    names: Result<Vec<String>, uhd::Error>,
    name: &str,
    read: impl Fn(&str) -> Result<SensorValue, uhd::Error>,
) -> Option<bool> {
    let there = names.ok()?.iter().any(|known| known == name);
    match there.then(|| read(name)) {
        Some(Ok(SensorValue::Boolean(value))) => Some(value),
        _ => None,
    }
}

/// What the radio made of it, which may differ from what was asked: rates and frequencies come in steps, gains in ranges.
fn actual(usrp: &Usrp) -> Result<Value, uhd::Error> {
    Ok(json!({
        "name": usrp.get_motherboard_name(BOARD)?,
        "master_clock_rate": usrp.get_master_clock_rate(BOARD)?,
        "ref": usrp.get_clock_source(BOARD)?,
        "rx": {
            "rate": usrp.get_rx_sample_rate(CHANNEL)?,
            "freq": usrp.get_rx_frequency(CHANNEL)?,
            "gain": usrp.get_rx_gain(CHANNEL, ALL_GAINS)?,
            "ant": usrp.get_rx_antenna(CHANNEL)?,
            "bw": usrp.get_rx_bandwidth(CHANNEL)?,
        },
        "tx": {
            "rate": usrp.get_tx_sample_rate(CHANNEL)?,
            "freq": usrp.get_tx_frequency(CHANNEL)?,
            "gain": usrp.get_tx_gain(CHANNEL, ALL_GAINS)?,
            "ant": usrp.get_tx_antenna(CHANNEL)?,
            "bw": usrp.get_tx_bandwidth(CHANNEL)?,
        },
    }))
}

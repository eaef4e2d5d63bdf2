//! Settings of a radio, through libuhd.

use std::time::{Duration, Instant};

use config::Radio;
use serde_json::{Value, json};
use uhd::{SensorValue, TuneRequest, Usrp};

/// An N210 has one master clock, Hz.
const N210_CLOCK: f64 = 100e6;
/// One motherboard, one channel each way, all gain elements together.
pub const BOARD: usize = 0;
pub const CHANNEL: usize = 0;
const ALL_GAINS: &str = "";

/// The type that libuhd takes an N210 for. Without a type libuhd asks for every family of devices that it knows and waits half a second for some of them.
const N210_TYPE: &str = "usrp2";

/// A radio's arguments, and for an N210 those that they lack. Without a buffer size libuhd wants 50 MB of an N210's, and complains.
pub fn arguments(radio: &Radio, receive_buffer: usize) -> String {
    let mut arguments = radio.args.as_str().to_owned();
    if radio.args.other_type().is_none() {
        for (key, value) in [("type", N210_TYPE.to_owned()), ("recv_buff_size", receive_buffer.to_string())] {
            if radio.args.get(key).is_none() {
                arguments = format!("{arguments},{key}={value}");
            }
        }
    }
    arguments
}

/// A sentence with libuhd's own words, which say more than its error code.
pub fn said(what: &str, error: &uhd::Error) -> String {
    in_its_words(what).unwrap_or_else(|| format!("{what} failed: {error}"))
}

/// The same, where the error is known by libuhd's words alone.
pub fn in_its_words(what: &str) -> Option<String> {
    let text = uhd::last_error_message().filter(|text| !text.is_empty() && text != "None")?;
    // It comes in lines with indents.
    Some(format!("{what} failed: {}", text.split_whitespace().collect::<Vec<_>>().join(" ")))
}

/// Opens the radio.
pub fn open(arguments: &str) -> Result<Usrp, String> {
    Usrp::open(arguments).map_err(|e| match said(&format!("opening the radio \"{arguments}\""), &e) {
        sentence if sentence.contains("No devices found") => format!("no radio answers to \"{arguments}\""),
        sentence => sentence,
    })
}

/// Ends a session. An N210 stays as it is, with its converters powered: libuhd would power them down and wait for its lock task, up to 1.5 s. Another radio
/// is given free, for whoever claims it next.
pub fn end(usrp: Usrp, radio: &Radio) {
    match radio.args.other_type() {
        None => std::mem::forget(usrp),
        Some(_) => drop(usrp),
    }
}

/// Sets everything that the operator has written down.
pub fn set_all(usrp: &mut Usrp, radio: &Radio) -> Result<(), String> {
    set_clock(usrp, radio)?;
    set_receive(usrp, radio)?;
    set_transmit(usrp, radio)
}

/// The crate offers no set_master_clock_rate: other radios take it as the argument `master_clock_rate`, and an N210's is checked.
fn set_clock(usrp: &Usrp, radio: &Radio) -> Result<(), String> {
    let rate = usrp.get_master_clock_rate(BOARD).map_err(|e| said("reading the master clock rate", &e))?;
    if radio.args.other_type().is_none() && (rate - N210_CLOCK).abs() > 1.0 {
        return Err(format!("the radio's master clock runs at {rate} Hz; an N210's runs at {N210_CLOCK} Hz"));
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
pub fn locks_to_reference(usrp: &Usrp) -> Option<bool> {
    let began = Instant::now();
    loop {
        let locked = reference_locked(usrp);
        if locked != Some(false) || began.elapsed() >= LOCK_WITHIN {
            return locked;
        }
        std::thread::sleep(LOOK);
    }
}

/// Whether the clock is locked to its reference now; `None` where the radio does not say.
pub fn reference_locked(usrp: &Usrp) -> Option<bool> {
    sensor(usrp.get_mboard_sensor_names(BOARD), "ref_locked", |name| usrp.get_mboard_sensor(name, BOARD))
}

/// Whether the oscillators are locked, receiver's and transmitter's; `None` where the radio does not say.
pub fn oscillators_locked(usrp: &Usrp) -> [Option<bool>; 2] {
    [
        sensor(usrp.get_rx_sensor_names(CHANNEL), LO_LOCKED, |name| usrp.get_rx_sensor(name, CHANNEL)),
        sensor(usrp.get_tx_sensor_names(CHANNEL), LO_LOCKED, |name| usrp.get_tx_sensor(name, CHANNEL)),
    ]
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
pub fn actual(usrp: &Usrp) -> Result<Value, uhd::Error> {
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

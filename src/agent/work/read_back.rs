//! What the radio made of what it was asked for. libuhd takes a gain beyond the board's range, or a reference that is not there, without an
//! error: only reading back shows it.

use serde::Deserialize;

use super::Work;
use config::{Radio, Reference};
use protocol::{ProcessState, ProcessStatus};

/// How far a frequency may be from what was asked, Hz: the radio's steps are below a tenth of that.
const HERTZ: f64 = 10.0;
/// How far a rate may be, samples per second, as in the cluster file.
const RATE: f64 = 0.5;
/// Half of the finest step of gain, dB.
const DECIBELS: f64 = 0.26;

/// What `init` reports: `baton-uhd` in full, another program what it likes.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReadBack {
    #[serde(rename = "ref")]
    reference: Option<String>,
    ref_locked: Option<bool>,
    rx: ChainReadBack,
    tx: ChainReadBack,
}

/// One direction of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ChainReadBack {
    rate: Option<f64>,
    freq: Option<f64>,
    gain: Option<f64>,
    ant: Option<String>,
    bw: Option<f64>,
    lo_locked: Option<bool>,
}

/// Sentences about what differs, from the last JSON line of the step's output; none where it does not say.
pub(super) fn differences(asked: &Radio, stdout: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stdout);
    let line = text.lines().rev().find(|line| line.trim_start().starts_with('{'));
    let Some(got) = line.and_then(|line| serde_json::from_str::<ReadBack>(line).ok()) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some(reference) = got.reference.filter(|got| got != asked.reference.name()) {
        found.push(format!("the radio's clock reference: asked {}, got {reference}", asked.reference));
    }
    if got.ref_locked == Some(false) {
        found.push(not_locked(asked.reference));
    }
    for (way, got, freq, ant) in
        [("receive", got.rx, asked.rx_freq, &asked.rx_ant), ("transmit", got.tx, asked.tx_freq, &asked.tx_ant)]
    {
        let mut compare = |what: &str, asked: f64, got: Option<f64>, fits: &dyn Fn(f64) -> bool, unit: &str| {
            if let Some(got) = got.filter(|got| !fits(*got)) {
                found.push(format!("the radio's {way} {what}: asked {asked} {unit}, got {got} {unit}"));
            }
        };
        compare("rate", asked.rate, got.rate, &|got| (got - asked.rate).abs() <= RATE, "samples/s");
        compare("frequency", freq, got.freq, &|got| (got - freq).abs() <= HERTZ, "Hz");
        compare("gain", asked.gain, got.gain, &|got| (got - asked.gain).abs() <= DECIBELS, "dB");
        // A front end without a filter to choose is wider than any signal; 0 asks for nothing.
        compare("bandwidth", asked.bw, got.bw, &|got| got >= asked.bw, "Hz");
        // A board without a switch has one antenna without a name.
        if let Some(got) = got.ant.filter(|got| !got.is_empty() && got != ant) {
            found.push(format!("the radio's {way} antenna: asked {ant}, got {got}"));
        }
        if got.lo_locked == Some(false) {
            found.push(format!("the radio's {way} oscillator is not locked at {freq} Hz: nothing useful passes it"));
        }
    }
    found.iter().map(|sentence| output::one_line(sentence).into_owned()).collect()
}

/// A reference that is not there.
fn not_locked(reference: Reference) -> String {
    let look = match reference {
        Reference::External => "look at the cable and the 10 MHz at REF IN",
        Reference::Mimo => "look at the MIMO cable and the radio at its other end",
        Reference::Gpsdo => "look at the GPSDO and its antenna",
        Reference::Internal => "switch the radio off and on",
    };
    format!("the radio's clock is not locked to its {reference} reference; {look}")
}

impl Work {
    /// The USRP process, with what is known of its radio.
    pub(in crate::agent) fn usrp_status(&self) -> ProcessStatus {
        let mut status = self.usrp.status();
        if status.state == ProcessState::Running {
            status.warnings = self.state().not_as_asked.clone();
            let reference = self.radio().map_or(Reference::Internal, |radio| radio.reference);
            // As it was at the start, or as it is now, but not both.
            status.warnings.retain(|warning| status.reference_locked.is_none() || *warning != not_locked(reference));
            status.warnings.extend((status.reference_locked == Some(false)).then(|| not_locked(reference)));
        }
        status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn radio() -> Radio {
        let text = config::EXAMPLE;
        config::Config::parse(text).unwrap().radio.into_values().next().unwrap()
    }

    /// The report of a radio that did as it was asked.
    fn report(asked: &Radio) -> serde_json::Value {
        let chain = |freq: f64, ant: &str| serde_json::json!({"rate": asked.rate, "freq": freq + 0.01, "gain": asked.gain, "ant": ant, "bw": 66e6});
        serde_json::json!({
            "name": "N210r4", "ref": asked.reference.name(), "ref_locked": true,
            "rx": chain(asked.rx_freq, &asked.rx_ant), "tx": chain(asked.tx_freq, ""),
        })
    }

    #[test]
    fn a_radio_that_does_as_asked_and_a_program_that_does_not_tell_give_no_warning() {
        let asked = radio();
        let said = format!("banner\n{}\n", report(&asked));
        for said in [said.as_str(), "", "{}", "no JSON", "{\"rx\": 3}"] {
            assert_eq!(differences(&asked, said.as_bytes()), Vec::<String>::new(), "{said}");
        }
    }

    #[test]
    fn what_was_asked_and_not_got_is_said() {
        let asked = Radio { gain: 100.0, reference: Reference::External, rx_ant: "RX2".into(), bw: 70e6, ..radio() };
        let mut got = report(&asked);
        got["ref_locked"] = false.into();
        (got["rx"]["gain"], got["tx"]["gain"]) = (31.5.into(), 25.0.into());
        (got["rx"]["ant"], got["tx"]["lo_locked"]) = ("J2\u{1b}[2J".into(), false.into());
        got["tx"]["freq"] = (asked.tx_freq + 1e6).into();
        let found = differences(&asked, got.to_string().as_bytes()).join("\n");
        for expected in [
            "the radio's clock is not locked to its external reference; look at the cable and the 10 MHz at REF IN",
            "the radio's receive gain: asked 100 dB, got 31.5 dB",
            "the radio's transmit gain: asked 100 dB, got 25 dB",
            "the radio's receive antenna: asked RX2, got J2\\x1b[2J",
            "the radio's receive bandwidth: asked 70000000 Hz, got 66000000 Hz",
            "the radio's transmit oscillator is not locked",
            "the radio's transmit frequency: asked",
        ] {
            assert!(found.contains(expected), "{expected}\nis not in\n{found}");
        }
        assert_eq!(found.lines().count(), 8, "{found}");
    }
}

//! What needs libuhd, in an executable of its own (docs/decisions/0001-libuhd-in-its-own-executable.md).
//!
//! `baton-uhd find` discovers the radio, `baton-uhd init` initialises it in full and leaves it as it is. The radio is described by
//! the environment variable `BATON_RADIO`. `baton-uhd version` tells libuhd's version. Each prints exactly one JSON line on stdout: its result, or `{"error": "sentence"}`.
//! Exit code 0 done, 1 not found or failed, 2 usage.
//!
//! `baton-uhd stream` is a USRP process for any radio that libuhd knows (docs/workload.md): its work moves by the method cold.

mod device;
mod libuhd;
mod stream;

use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use config::Radio;
use serde_json::{Value, json};
use uhd::Usrp;
use workload::contract::ENV_RADIO;

/// What a step ends with: the JSON line and the exit code.
type Outcome = Result<(Value, i32), String>;

/// Receive buffer of a step, bytes: nothing is streamed.
const STEP_BUFFER: usize = 200_000;

fn main() {
    let started = Instant::now();
    let step = std::env::args().nth(1);
    // Before libuhd starts a thread.
    libuhd::keep_its_letters_off_stderr();
    let mut stdout = match keep_stdout() {
        Ok(file) => file,
        Err(e) => {
            output::say(&format!("baton-uhd: stdout cannot be set aside: {e}"));
            libuhd::leave(1);
        }
    };
    let outcome = match step.as_deref() {
        Some("find") => radio().and_then(|radio| find(&radio, started)),
        Some("init") => radio().and_then(|radio| init(&radio, started)),
        Some("version") => libuhd::version().map(|version| (json!({ "uhd": version }), 0)),
        Some("stream") => libuhd::leave(radio().and_then(|radio| stream::run(&radio)).map_or_else(
            |sentence| {
                output::say(&format!("baton-uhd stream: {sentence}"));
                1
            },
            |()| 0,
        )),
        _ => {
            output::say(&format!("usage: {ENV_RADIO}='{{...}}' baton-uhd find|init|stream; baton-uhd version"));
            libuhd::leave(2);
        }
    };
    let (line, code) = outcome.unwrap_or_else(|sentence| (json!({ "error": sentence }), 1));
    // A reader that has gone away changes nothing about the radio; the exit code still tells.
    let _ = writeln!(stdout, "{line}");
    libuhd::leave(code);
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

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}

fn find(radio: &Radio, started: Instant) -> Outcome {
    let arguments = device::arguments(radio, STEP_BUFFER);
    // libuhd reports an empty search as an error of its own kind in some versions: both mean that nothing was found.
    let found = Usrp::find(&arguments).map_err(|e| device::said(&format!("the search for \"{arguments}\""), &e))?;
    let code = i32::from(found.is_empty());
    Ok((json!({ "found": found, "ms": milliseconds(started) }), code))
}

fn init(radio: &Radio, started: Instant) -> Outcome {
    let mut usrp = device::open(&device::arguments(radio, STEP_BUFFER))?;
    let opened_ms = milliseconds(started);
    device::set_all(&mut usrp, radio)?;
    let mut report = device::actual(&usrp).map_err(|e| device::said("reading the settings back", &e))?;
    report["ref_locked"] = json!(device::locks_to_reference(&usrp));
    let [rx, tx] = device::oscillators_locked(&usrp);
    report["rx"]["lo_locked"] = json!(rx);
    report["tx"]["lo_locked"] = json!(tx);
    report["open_ms"] = json!(opened_ms);
    report["ms"] = json!(milliseconds(started));
    device::end(usrp, radio);
    Ok((report, 0))
}

//! Whether the programs at work can be moved by a method: a program that can be stopped and started, but not frozen, says so in its status.

use protocol::{ErrorCode, Failure, Method, ProcessState, ProcessStatus, Telemetry};

/// Refuses a method that a process of the source does not offer.
///
/// # Errors
/// [`ErrorCode::State`] with the methods that it offers.
pub fn check_offered(method: Method, status: &Telemetry) -> Result<(), Failure> {
    // The others ask nothing of the source's processes.
    if !matches!(method, Method::Cold | Method::Classic | Method::Hot | Method::Seamless | Method::Criu) {
        return Ok(());
    }
    let (host, processes) = (&status.host, [("D2D", &status.d2d), ("USRP", &status.usrp)]);
    let lacks = |process: &ProcessStatus| {
        let exists = !matches!(process.state, ProcessState::Stopped | ProcessState::Died);
        process.methods.as_ref().filter(|methods| exists && !methods.contains(&method)).cloned()
    };
    let Some((name, methods)) = processes.iter().find_map(|(name, process)| Some((*name, lacks(process)?))) else { return Ok(()) };
    let names: Vec<String> = methods.iter().map(Method::to_string).collect();
    let text = match names.as_slice() {
        [] => format!("the {name} process of {host} does not offer the method {method}"),
        names => {
            format!("the {name} process of {host} does not offer the method {method}: it moves by {} only", names.join(" and "))
        }
    };
    let failure = Failure::new(ErrorCode::State, text);
    let by_all =
        |method: &&Method| processes.iter().all(|(_, process)| process.methods.as_ref().is_none_or(|all| all.contains(method)));
    Err(match methods.iter().find(by_all) {
        Some(method) => failure.hint(instead(*method)),
        None => failure,
    })
}

/// What to do where another method is offered.
pub fn instead(method: Method) -> &'static str {
    match method {
        Method::Cold => "take cold",
        Method::Classic => "take classic",
        Method::Hot => "take hot",
        Method::Seamless => "take seamless",
        Method::Failover | Method::Criu | Method::Vm | Method::Takeover | Method::Recover => "take another method",
    }
}

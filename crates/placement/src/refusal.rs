//! What is refused before anything is planned.

use config::{HostName, InterfaceName, Label, RadioName};

/// Why nothing is planned: what is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name stands twice.
    #[error("there are two servers {0}; give one of them another name")]
    ServerTwice(HostName),
    /// A name stands twice.
    #[error("there are two radios {0}; give one of them another name")]
    RadioTwice(RadioName),
    /// The pool has no server of the name.
    #[error("there is no server {server}; the servers are {known}")]
    UnknownServer {
        /// The name that was given.
        server: HostName,
        /// Those that there are.
        known: String,
    },
    /// The pool has no radio of the name.
    #[error("there is no radio {radio}; the radios are {known}")]
    UnknownRadio {
        /// The name that was given.
        radio: RadioName,
        /// Those that there are.
        known: String,
    },
    /// No server has the label that a radio prefers.
    #[error("radio {radio} prefers servers with the label {label}, and none has it; correct the label or give it to a server")]
    UnknownLabel {
        /// Who prefers it.
        radio: RadioName,
        /// The label.
        label: Label,
    },
    /// A server with 0 cores.
    #[error("server {0} has no capacity; say how many cores radios may use there")]
    NoCapacity(HostName),
    /// A radio with 0 cores.
    #[error("radio {0} needs 0 cores, so that any number would fit; say how many cores its work needs")]
    NoNeed(RadioName),
    /// No server may serve the radio.
    #[error("radio {0} may be served by no server; name servers that may serve it, and do not forbid them all")]
    ServedByNone(RadioName),
    /// A preference for what cannot be.
    #[error("radio {radio} prefers server {server}, which must not serve it; take the preference away or allow the server")]
    PrefersForbidden {
        /// Whose preference.
        radio: RadioName,
        /// The server.
        server: HostName,
    },
    /// A preference that stands twice, or has no weight.
    #[error("radio {radio} has a preference for {what} that {fault}; keep one, with a weight of at least 1")]
    BadPreference {
        /// Whose preference.
        radio: RadioName,
        /// What is preferred.
        what: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// A radio is to be kept apart from itself.
    #[error("radio {0} is to be kept apart from itself; name another radio")]
    ApartFromItself(RadioName),
    /// More radios that are kept apart than servers for them.
    #[error(
        "the radios {radios} are to be kept apart on different servers, and only {servers} may serve them; allow more servers or keep fewer apart"
    )]
    TooManyApart {
        /// The radios.
        radios: String,
        /// The servers that may serve any of them.
        servers: String,
    },
    /// Serves and follows on one server.
    #[error("radio {radio} is both served and followed by server {server}; look again at what the agents report")]
    FollowsItself {
        /// The radio.
        radio: RadioName,
        /// The server.
        server: HostName,
    },
    /// An interface that no server has.
    #[error(
        "radio {radio} needs the interface {interface}, which no server has that may serve it; correct the interface or the servers' links"
    )]
    NoInterface {
        /// Who needs it.
        radio: RadioName,
        /// The interface.
        interface: InterfaceName,
    },
    /// A limit of 0.
    #[error("the limit of moves at once {0} is 0, so that nothing could move; set it to 1 or more")]
    NoMoveAllowed(&'static str),
    /// A start of what is served.
    #[error("radio {radio} is served by {server} already; move it to have it elsewhere")]
    AlreadyServed {
        /// The radio.
        radio: RadioName,
        /// Who serves it.
        server: HostName,
    },
    /// A move of what is not served.
    #[error("radio {0} is served by no server, so that it cannot be moved; start it")]
    NotServed(RadioName),
    /// A move of what a lost server served.
    #[error("radio {radio} was served by {server}, which is lost; plan for the loss of {server}")]
    ServedByLost {
        /// The radio.
        radio: RadioName,
        /// The lost server.
        server: HostName,
    },
    /// A move to where it is.
    #[error("radio {radio} is served by {server} already; choose another server")]
    AlreadyThere {
        /// The radio.
        radio: RadioName,
        /// The server.
        server: HostName,
    },
    /// Two moves of one radio.
    #[error("radio {0} is to be moved twice at once; keep one of the moves")]
    MovedTwice(RadioName),
    /// A move of nothing.
    #[error("no move is named; name a radio and a server")]
    NoMove,
    /// A move to a server that must not serve the radio.
    #[error("server {server} may not serve radio {radio}; choose one of {allowed}")]
    MayNotServe {
        /// The radio.
        radio: RadioName,
        /// The server.
        server: HostName,
        /// Those that may.
        allowed: String,
    },
    /// A move to a drained server.
    #[error("server {0} is drained; undrain it first, or choose another server")]
    ServerDrained(HostName),
    /// A drain of a drained server that is empty.
    #[error("server {0} is drained already and serves nothing; undrain it when it is to serve again")]
    DrainedAlready(HostName),
    /// An undrain of a server that is not drained.
    #[error("server {0} is not drained; it may serve already")]
    NotDrained(HostName),
    /// A goal for a server that nobody reaches.
    #[error("server {0} is lost; plan for its loss, or bring it back first")]
    ServerLost(HostName),
    /// Two radios that are kept apart are to be moved to one server.
    #[error(
        "radios {radio} and {other} are to be kept apart, and both are to be moved to {server}; choose another server for one of them"
    )]
    MovedTogether {
        /// One radio.
        radio: RadioName,
        /// The other one.
        other: RadioName,
        /// The server.
        server: HostName,
    },
}

/// Names with commas, or "none".
pub(crate) fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| name.to_string()).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

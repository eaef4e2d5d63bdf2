//! What the table of commands says of each.

/// Where a command comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The published system.
    Paper,
    /// baton.
    Baton,
}

/// What a command does to its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it may be repeated, also after a restart of the agent.
    Reads,
    /// It changes something, so that it must not be carried out twice.
    Changes,
}

/// Whether a request carries `args`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arguments {
    /// The command has none.
    None,
    /// All of them may be left out.
    Optional,
    /// At least one is needed.
    Required,
}

/// A row of the table of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// Name on the wire.
    pub name: &'static str,
    /// Where it comes from.
    pub source: Source,
    /// Whether it only reads.
    pub access: Access,
    /// Whether a request carries `args`.
    pub arguments: Arguments,
    /// The arguments, for the documentation.
    pub args: &'static str,
    /// The result, for the documentation.
    pub result: &'static str,
}

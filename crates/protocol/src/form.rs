//! The form of the work: what it is while it runs, and so by which methods it can be moved.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ErrorCode, Failure, Method, Order, OrderRequest};

/// What the work is while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Two processes on the host itself.
    #[default]
    Processes,
    /// For comparison: the two processes in a pod, which CRIU can dump and restore.
    Pod,
    /// For comparison: a virtual machine, which QEMU can migrate.
    Guest,
}

impl Form {
    /// The methods among which an operator chooses for M and MB, the default one among them.
    pub const fn methods(self) -> &'static [Method] {
        match self {
            Self::Processes => &[Method::Cold, Method::Classic, Method::Hot, Method::Seamless],
            Self::Pod => &[Method::Criu],
            Self::Guest => &[Method::Vm],
        }
    }

    /// The method of M and MB when none is named.
    pub const fn default_method(self) -> Method {
        match self {
            Self::Processes => Method::Hot,
            Self::Pod => Method::Criu,
            Self::Guest => Method::Vm,
        }
    }

    /// Whether the work can be moved or started by this method. What starts it anew asks nothing of its form.
    pub fn has(self, method: Method) -> bool {
        matches!(method, Method::Failover | Method::Recover) || self.methods().contains(&method)
    }

    /// Refuses a migration by a method that the form of the work does not have.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`] with the methods that it has.
    fn check(self, order: Order, method: Method) -> Result<(), Failure> {
        if self.has(method) {
            return Ok(());
        }
        let known: Vec<String> = self.methods().iter().map(ToString::to_string).collect();
        let work = match self {
            Self::Processes => "the work runs as processes of its host",
            Self::Pod => "the work runs in a pod",
            Self::Guest => "the work runs in a virtual machine",
        };
        let text = format!("{order} cannot be done by the method {method}: {work}, which moves by {}", known.join(", "));
        let hint = match method {
            Method::Criu => "a lab with a pod: baton lab --form pod".to_owned(),
            Method::Vm => "a lab with a virtual machine: baton lab --form guest".to_owned(),
            _ => format!("name one with --method: {}", known.join(", ")),
        };
        Err(Failure::new(ErrorCode::BadRequest, text).hint(hint))
    }
}

impl OrderRequest {
    /// Refuses a method that the order does not have, or a migration by one that the form of the work does not have.
    ///
    /// # Errors
    /// [`ErrorCode::BadRequest`]: recover starts the work anew, which only DS and DSR do; or the methods that the form has.
    pub fn check(&self, form: Form) -> Result<(), Failure> {
        if self.order.is_migration() && self.method != Method::Recover {
            return form.check(self.order, self.method);
        }
        if self.method != Method::Recover || matches!(self.order, Order::DS | Order::DSR) {
            return Ok(());
        }
        Err(Failure::new(ErrorCode::BadRequest, format!("{} cannot be done by the method recover", self.order))
            .hint("DS and DSR can: the command recover chooses between them"))
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Processes => "processes",
            Self::Pod => "pod",
            Self::Guest => "guest",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_has_its_methods_and_the_default_is_one_of_them() {
        for form in [Form::Processes, Form::Pod, Form::Guest] {
            assert!(form.methods().contains(&form.default_method()), "{form}");
            assert!(form.has(Method::Recover) && form.has(Method::Failover), "{form}");
        }
        assert!(!Form::Processes.has(Method::Criu) && !Form::Pod.has(Method::Hot) && !Form::Guest.has(Method::Criu));
        assert_eq!(Method::default(), Form::default().default_method());
    }
}

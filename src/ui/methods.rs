//! The methods of migration among which an operator chooses.

use clap::ValueEnum;
use protocol::Method;

/// The methods that an operator chooses from. Failover is not among them: it has its own key.
pub fn methods() -> impl Iterator<Item = Method> + Clone {
    Method::value_variants().iter().copied().filter(|method| *method != Method::Failover)
}

/// The method after one of them; the first follows the last.
pub fn next_method(method: Method) -> Method {
    methods().skip_while(|known| *known != method).nth(1).or_else(|| methods().next()).unwrap_or_default()
}

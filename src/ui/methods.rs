//! The methods of migration among which an operator chooses.

use protocol::{Form, Method};

/// The methods that an operator chooses from, which are those of the work's form. Failover is not among them: it has its own key.
pub fn methods(form: Form) -> impl Iterator<Item = Method> + Clone {
    form.methods().iter().copied()
}

/// The method after one of them; the first follows the last.
pub fn next_method(form: Form, method: Method) -> Method {
    let after = methods(form).skip_while(|known| *known != method).nth(1);
    after.or_else(|| methods(form).next()).unwrap_or(form.default_method())
}

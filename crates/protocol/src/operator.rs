//! Who gives an order, as records name them.

/// The person at this terminal as `user@host`, for [`OrderRequest::by`](super::OrderRequest). Under sudo, the user who called it. What is not known is `unknown`.
pub fn operator_name() -> String {
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok());
    let account = || nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    name_from(|variable| std::env::var(variable).ok(), account, host)
}

fn name_from(env: impl Fn(&str) -> Option<String>, account: impl FnOnce() -> Option<String>, host: Option<String>) -> String {
    let user = ["SUDO_USER", "USER"].into_iter().find_map(|variable| env(variable).filter(|user| !user.is_empty()));
    let or_unknown = |name: Option<String>| name.unwrap_or_else(|| "unknown".into());
    format!("{}@{}", or_unknown(user.or_else(account)), or_unknown(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_person_who_called_sudo_counts_not_root() {
        let name = |variables: &[(&str, &str)], account: Option<&str>, host: Option<&str>| {
            let env = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| (*value).to_owned());
            name_from(env, || account.map(str::to_owned), host.map(str::to_owned))
        };
        assert_eq!(name(&[("SUDO_USER", "ada"), ("USER", "root")], Some("root"), Some("lab")), "ada@lab");
        assert_eq!(name(&[("SUDO_USER", ""), ("USER", "bob")], Some("root"), Some("lab")), "bob@lab");
        assert_eq!(name(&[], Some("eve"), None), "eve@unknown");
        assert_eq!(name(&[], None, Some("lab")), "unknown@lab");
    }
}

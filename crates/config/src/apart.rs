//! Whether radios that are kept apart can all be served.

use std::collections::{BTreeMap, BTreeSet};

use crate::{HostName, RadioName};

/// Ways that are tried; what is not found in so many is left to the plans.
const MOST_TRIED: u32 = 20_000;

/// A radio's servers, and the radios that it is to be kept apart from; one direction is enough.
pub(crate) type Members<'a> = BTreeMap<&'a RadioName, (BTreeSet<&'a HostName>, BTreeSet<&'a RadioName>)>;

/// Radios that cannot all be on servers of their own as they are to be; without any one of them the others could. None where all can.
pub(crate) fn unplaceable<'a>(members: &Members<'a>) -> Option<Vec<&'a RadioName>> {
    let mut pairs: BTreeMap<&RadioName, BTreeSet<&RadioName>> = BTreeMap::new();
    for (name, (_, apart)) in members {
        for other in apart {
            pairs.entry(name).or_default().insert(other);
            pairs.entry(other).or_default().insert(name);
        }
    }
    let mut radios: Vec<&RadioName> = pairs.keys().copied().collect();
    // The most bound first: what is impossible is found early.
    radios.sort_by_key(|name| (members.get(name).map(|(servers, _)| servers.len()), std::cmp::Reverse(pairs[name].len())));
    let possible = |radios: &[&'a RadioName]| {
        let mut trial = Trial { members, pairs: &pairs, places: BTreeMap::new(), left: MOST_TRIED };
        trial.place(radios) || trial.left == 0
    };
    if possible(&radios) {
        return None;
    }
    for name in radios.clone() {
        let without: Vec<&RadioName> = radios.iter().copied().filter(|other| *other != name).collect();
        if !possible(&without) {
            radios = without;
        }
    }
    radios.sort_unstable();
    Some(radios)
}

struct Trial<'a, 'b> {
    members: &'b Members<'a>,
    pairs: &'b BTreeMap<&'a RadioName, BTreeSet<&'a RadioName>>,
    places: BTreeMap<&'a RadioName, &'a HostName>,
    left: u32,
}

impl<'a> Trial<'a, '_> {
    fn place(&mut self, radios: &[&'a RadioName]) -> bool {
        let Some((first, rest)) = radios.split_first() else { return true };
        let Some((servers, _)) = self.members.get(first) else { return self.place(rest) };
        for server in servers {
            if self.left == 0 {
                return false;
            }
            self.left -= 1;
            if self.pairs[first].iter().any(|other| self.places.get(other) == Some(server)) {
                continue;
            }
            self.places.insert(first, server);
            if self.place(rest) {
                return true;
            }
            self.places.remove(first);
        }
        false
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// Radios with their servers and whom each is kept apart from, in words.
    fn found(radios: &[(&str, &str, &str)]) -> Option<Vec<String>> {
        let names = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let radios: Vec<(RadioName, Vec<HostName>, Vec<RadioName>)> = radios
            .iter()
            .map(|(name, servers, apart)| {
                let servers = names(servers).iter().map(|name| name.parse().unwrap()).collect();
                (name.parse().unwrap(), servers, names(apart).iter().map(|name| name.parse().unwrap()).collect())
            })
            .collect();
        let members = radios.iter().map(|(name, servers, apart)| (name, (servers.iter().collect(), apart.iter().collect())));
        unplaceable(&members.collect()).map(|names| names.into_iter().map(ToString::to_string).collect())
    }

    #[test]
    fn those_that_cannot_be_kept_apart_are_found_and_no_others() {
        assert_eq!(found(&[("x", "a b", "y"), ("y", "a b", "")]), None);
        assert_eq!(found(&[("x", "a", ""), ("y", "a", "")]), None, "nobody is kept apart");
        assert_eq!(found(&[("x", "a", "y"), ("y", "a", ""), ("z", "a b", "x")]), Some(vec!["x".into(), "y".into()]));
        // A ring of three on two servers; a fourth hangs on it and is none of the matter.
        let ring = [("x", "a b", "y"), ("y", "a b", "z"), ("z", "a b", "x w"), ("w", "a b", "")];
        assert_eq!(found(&ring), Some(vec!["x".into(), "y".into(), "z".into()]));
        assert_eq!(found(&[("x", "a b", "y"), ("y", "a b", "z"), ("z", "a c", "x"), ("w", "a b", "z")]), None);
        // The first place that comes to mind is the wrong one.
        assert_eq!(found(&[("x", "a b", "y z"), ("y", "a c", "z"), ("z", "a", "")]), None);
    }

    #[test]
    fn a_large_pool_is_answered() {
        let names: Vec<String> = (0..200).map(|n| format!("r{n}")).collect();
        let all = names.join(" ");
        let one = |name: &str| all.split(' ').filter(|other| *other > name).collect::<Vec<_>>().join(" ");
        let apart: Vec<String> = names.iter().map(|name| one(name)).collect();
        let servers: String = (0..199).map(|n| format!("s{n} ")).collect();
        let radios: Vec<_> =
            names.iter().zip(&apart).map(|(name, apart)| (name.as_str(), servers.as_str(), apart.as_str())).collect();
        // One server short: not proved within the bound, so that plans have to say it.
        assert_eq!(found(&radios), None);
    }
}

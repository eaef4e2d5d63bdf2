//! How a machine stands to the store, and so what is to be done before its etcd is started.

use engine::{EtcdMember, MemberId};

use super::cluster::Member;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// It has its data: etcd goes on with them.
    GoOn,
    /// Nobody knows of a store: all members of the cluster file begin one.
    Begin,
    /// The others expect it for the first time.
    Enter,
    /// The others are told of it first. Data that it has are of a membership that has ended, and are put aside.
    Add {
        /// Whether it has such data.
        stale: bool,
    },
    /// It took part and its data are gone: it is taken out, and in again under another identity.
    Replace(MemberId),
}

/// By whether it has data, and by what the others say; `None`: they say nothing, since no quorum of them is there.
pub(super) fn step(member: &Member, has_data: bool, listed: Option<&[EtcdMember]>) -> Step {
    let Some(listed) = listed else { return if has_data { Step::GoOn } else { Step::Begin } };
    match listed.iter().find(|other| member.is(other)) {
        None => Step::Add { stale: has_data },
        Some(_) if has_data => Step::GoOn,
        Some(known) if known.has_started() => Step::Replace(known.id),
        Some(_) => Step::Enter,
    }
}

/// Whether those who are left can agree, once one is taken out: how many of them there are, and how many answer.
pub(super) fn is_quorum(left: usize, answering: usize) -> bool {
    answering > left / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(number: u8, started: bool) -> EtcdMember {
        EtcdMember {
            id: MemberId(number.into()),
            name: String::new(),
            peer_urls: vec![format!("https://10.77.0.{number}:2380")],
            client_urls: if started { vec![format!("https://10.77.0.{number}:2379")] } else { Vec::new() },
        }
    }

    #[test]
    fn data_and_what_the_others_say_decide() {
        let member = Member { name: "server1".parse().unwrap(), endpoint: "10.77.0.1:2379".parse().unwrap() };
        let others = [listed(2, true), listed(3, true)];
        let with = |started| [&others[..], &[listed(1, started)]].concat();
        for (has_data, listed, expected) in [
            (false, None, Step::Begin),
            (true, None, Step::GoOn),
            (false, Some(&others[..]), Step::Add { stale: false }),
            (true, Some(&others[..]), Step::Add { stale: true }),
            (false, Some(&with(false)[..]), Step::Enter),
            (false, Some(&with(true)[..]), Step::Replace(MemberId(1))),
            (true, Some(&with(true)[..]), Step::GoOn),
            // It is starting for the first time.
            (true, Some(&with(false)[..]), Step::GoOn),
        ] {
            assert_eq!(step(&member, has_data, listed), expected, "{has_data} {listed:?}");
        }
    }

    #[test]
    fn more_than_half_of_those_who_are_left_have_to_answer() {
        for (left, answering, agree) in [(2, 2, true), (2, 1, false), (1, 1, true), (0, 0, false), (4, 3, true), (4, 2, false)] {
            assert_eq!(is_quorum(left, answering), agree, "{answering} of {left}");
        }
    }
}

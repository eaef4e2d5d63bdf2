//! What a pool is to be like after orders, by how they ended.

use std::time::Instant;

use super::orders::{Answer, PoolOrder};
use super::{RADIOS, SERVERS};

/// What is meant with a radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    Served,
    Stopped,
    /// An order's end leaves it open, or two orders at once want different things.
    Either,
}

/// What is meant with a pool.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    pub radios: [Meant; RADIOS.len()],
    /// `None`: left open.
    pub drained: [Option<bool>; SERVERS.len()],
    /// Drained from before the first order to after the last, or by a drain that says that it took everything off.
    pub closed: [Closed; SERVERS.len()],
}

/// What a drained server may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// It is not drained, or was not all the time.
    Open,
    /// What it had.
    ToNews,
    /// Nothing.
    Empty,
}

/// What an order may bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    Yes,
    No,
    Perhaps,
}

fn effect(answer: &Answer) -> Effect {
    match (answer.is_ok(), answer.is_refused()) {
        (true, _) => Effect::Yes,
        (_, true) => Effect::No,
        _ => Effect::Perhaps,
    }
}

impl Pool {
    /// From what was before.
    pub fn after(before: [Meant; RADIOS.len()], drained: [Option<bool>; SERVERS.len()], answers: &[Answer]) -> Self {
        let radios = std::array::from_fn(|radio| of_radio(radio, before[radio], answers));
        let mut after = Self { radios, drained, closed: [Closed::Open; SERVERS.len()] };
        for (server, was_drained) in drained.into_iter().enumerate() {
            after.drained[server] = of_server(server, was_drained, answers);
            let opened = answers.iter().any(|answer| answer.order == PoolOrder::Undrain { server });
            after.closed[server] = match after.drained[server] {
                Some(true) if answers.iter().any(|answer| answer.order == PoolOrder::Drain { server } && answer.is_ok()) => {
                    Closed::Empty
                }
                Some(true) if was_drained == Some(true) && !opened => Closed::ToNews,
                _ => Closed::Open,
            };
        }
        after
    }
}

/// The last word about something: what the order that began after all others had ended says; open where two were given at once.
fn last_word<T: PartialEq + Copy>(before: Option<T>, words: &[(&Answer, T, Effect)]) -> Option<T> {
    let mut words: Vec<_> = words.iter().filter(|(_, _, effect)| *effect != Effect::No).collect();
    words.sort_by_key(|(answer, _, _)| answer.ended);
    let Some((last, says, effect)) = words.last() else { return before };
    let alone = |other: &Answer, until: Instant| other.ended < until;
    let contested = words.iter().any(|(answer, other, _)| other != says && !alone(answer, last.began));
    let open = *effect == Effect::Perhaps && before != Some(*says);
    (!contested && !open).then_some(*says)
}

fn of_radio(radio: usize, before: Meant, answers: &[Answer]) -> Meant {
    let says = |answer: &Answer| match answer.order {
        PoolOrder::Start { radio: of, .. } if of == radio => Some((Meant::Served, effect(answer))),
        PoolOrder::Stop { radio: of } if of == radio => Some((Meant::Stopped, effect(answer))),
        PoolOrder::Move { radio: of, .. } if of == radio && answer.is_ok() => Some((Meant::Served, Effect::Yes)),
        // It serves elsewhere what the server had last, also what was stopped there.
        PoolOrder::Failover { .. } if changes(answer, radio) => Some((Meant::Served, Effect::Perhaps)),
        _ => None,
    };
    let words: Vec<_> = answers.iter().filter_map(|answer| says(answer).map(|(says, effect)| (answer, says, effect))).collect();
    last_word(Some(before).filter(|before| *before != Meant::Either), &words).unwrap_or(Meant::Either)
}

fn changes(answer: &Answer, radio: usize) -> bool {
    answer.report["done"].as_array().into_iter().flatten().any(|change| change.to_string().contains(RADIOS[radio]))
        || matches!(effect(answer), Effect::Perhaps)
}

/// A drain marks its server before anything moves: one that reports changes has done so, however they ended.
fn of_server(server: usize, before: Option<bool>, answers: &[Answer]) -> Option<bool> {
    let effect = |answer: &Answer| match effect(answer) {
        _ if answer.report["done"].is_array() => Effect::Yes,
        // One that an agent did not answer may have been heard all the same.
        Effect::No if !answer.is_rejected() => Effect::Perhaps,
        effect => effect,
    };
    let says = |answer: &Answer| match answer.order {
        PoolOrder::Drain { server: of } if of == server => Some(true),
        PoolOrder::Undrain { server: of } if of == server => Some(false),
        _ => None,
    };
    let words: Vec<_> = answers.iter().filter_map(|answer| says(answer).map(|says| (answer, says, effect(answer)))).collect();
    last_word(before, &words)
}

/// Whether an order is about the radio, itself or by a plan.
pub fn concerns(answer: &Answer, radio: usize) -> bool {
    match answer.order {
        PoolOrder::Move { radio: of, .. } | PoolOrder::Start { radio: of, .. } | PoolOrder::Stop { radio: of } => of == radio,
        PoolOrder::Undrain { .. } => false,
        _ => changes(answer, radio),
    }
}

#[test]
fn the_last_order_says_what_is_meant_and_two_at_once_leave_it_open() {
    use serde_json::json;
    let zero = Instant::now();
    let answer = |order, ms, ok: bool| {
        let report = if ok { json!({"outcome": "ok", "done": []}) } else { json!(null) };
        Answer::of_test(order, zero, ms, if ok { 0 } else { 1 }, report)
    };
    let (start, stop) = (PoolOrder::Start { radio: 0, on: None }, PoolOrder::Stop { radio: 0 });
    let (drain, undrain) = (PoolOrder::Drain { server: 1 }, PoolOrder::Undrain { server: 1 });
    let after = |answers: &[Answer]| Pool::after([Meant::Served; RADIOS.len()], [Some(false); SERVERS.len()], answers);
    let radio = |answers: &[Answer]| after(answers).radios[0];
    assert_eq!(radio(&[]), Meant::Served);
    assert_eq!(radio(&[answer(stop, (0, 5), true)]), Meant::Stopped);
    assert_eq!(radio(&[answer(stop, (0, 5), false)]), Meant::Served, "it was refused");
    assert_eq!(radio(&[answer(stop, (0, 5), true), answer(start, (6, 9), true)]), Meant::Served);
    assert_eq!(radio(&[answer(stop, (0, 5), true), answer(start, (4, 9), true)]), Meant::Either);
    assert_eq!(after(&[answer(stop, (0, 5), true)]).radios[1], Meant::Served);
    let server = |answers: &[Answer]| (after(answers).drained[1], after(answers).closed[1]);
    assert_eq!(server(&[answer(drain, (0, 5), true)]), (Some(true), Closed::Empty));
    assert_eq!(server(&[answer(drain, (0, 5), true), answer(undrain, (6, 9), true)]), (Some(false), Closed::Open));
    assert_eq!(server(&[answer(drain, (0, 5), true), answer(undrain, (4, 9), true)]).0, None);
    assert_eq!(server(&[answer(undrain, (0, 5), false)]), (Some(false), Closed::Open), "as before, heard or not");
}

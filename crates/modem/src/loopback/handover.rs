//! One modem goes on where another is frozen: what crosses the air meanwhile, and states that do not fit.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{End, Pair, Setup};
use crate::outlet::Sync;
use crate::phy::numerology::SUBFRAME_TICKS;
use crate::soft_state::{MOST_BYTES, ModemSoftState};

/// Far end, the modem that is frozen and the one that goes on, all on the same air, with traffic both ways.
struct Scene {
    pair: Pair,
    next: End,
    random: StdRng,
    down: Vec<Vec<u8>>,
    up: Vec<Vec<u8>>,
    /// Tick behind the latest burst of either modem.
    sent: u64,
    /// The next one gets samples.
    heard: bool,
}

fn setup() -> Setup {
    Setup { carried: true, ..Setup::default() }
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut pair = Pair::new(&Setup { seed, ..setup() });
        pair.until(100.0, Pair::both_synced);
        assert!(pair.both_synced());
        let mut next = End::new(&setup().pool(), true, pair.pool.at);
        next.modem.freeze();
        let random = StdRng::seed_from_u64(seed);
        Self { pair, next, random, down: Vec::new(), up: Vec::new(), sent: 0, heard: false }
    }

    /// Sizes such that all that can be under way fits into a state.
    fn packet(&mut self, number: usize, most: usize) -> Vec<u8> {
        let length = self.random.random_range(4..=most);
        let mut packet = vec![number as u8; length];
        packet[..4].copy_from_slice(&(number as u32).to_be_bytes());
        packet
    }

    /// More traffic wherever nothing waits, now and then.
    fn load(&mut self, moved: bool) {
        let there = self.pair.far.modem.queue();
        let back = if moved { self.next.modem.queue() } else { self.pair.pool.modem.queue() };
        if there.is_empty() && self.random.random_bool(0.3) {
            let packet = self.packet(self.down.len(), 1500);
            there.push(&packet);
            self.down.push(packet);
        }
        if back.is_empty() && self.random.random_bool(0.3) {
            let packet = self.packet(self.up.len(), 400);
            back.push(&packet);
            self.up.push(packet);
        }
    }

    fn step(&mut self) {
        let Self { pair, next, sent, .. } = self;
        let (to_far, to_pool) = (pair.up.receive(pair.far.at), pair.down.receive(pair.pool.at));
        pair.far.feed(&to_far);
        pair.pool.feed(&to_pool);
        if self.heard {
            next.feed(&to_pool);
        } else {
            next.at += to_pool.len() as u64;
        }
        self.pair.far.taken.bursts.drain(..).for_each(|burst| self.pair.down.send(&burst));
        for burst in self.pair.pool.taken.bursts.drain(..).chain(self.next.taken.bursts.drain(..)) {
            assert!(burst.tick >= *sent, "two bursts at once");
            *sent = burst.tick + burst.samples.len() as u64 * self.pair.pool.ticks;
            self.pair.up.send(&burst);
        }
    }

    fn run(&mut self, blocks: usize, moved: bool) {
        for _ in 0..blocks {
            self.load(moved);
            self.step();
        }
    }

    fn drain(&mut self) {
        (0..400).for_each(|_| self.step());
    }

    fn received(&self) -> Vec<Vec<u8>> {
        [&self.pair.pool.taken.packets[..], &self.next.taken.packets[..]].concat()
    }

    /// The state as it crosses the contract.
    fn exported(&self) -> ModemSoftState {
        let state = serde_json::to_value(self.pair.pool.modem.export().unwrap()).unwrap();
        assert!(state.to_string().len() <= MOST_BYTES);
        ModemSoftState::read(&state).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whatever_the_moment_no_packet_is_lost_or_doubled(seed in 0u64..1000, before in 20usize..120, beside in 25usize..100, late in 0usize..5) {
        let mut scene = Scene::new(seed);
        scene.run(before, false);
        // Prepared with the state of a running modem, the next one follows the same samples without a search.
        scene.next.modem.inherit(&scene.exported()).unwrap();
        scene.heard = true;
        scene.run(beside, false);
        prop_assert!(scene.next.taken.packets.is_empty() && scene.next.taken.notes.is_empty());
        scene.pair.pool.modem.freeze();
        let state = scene.exported();
        prop_assert_eq!(state.carried.left_behind, 0);
        let delivered = scene.pair.pool.taken.packets.len();
        scene.next.modem.inherit(&state).unwrap();
        // A second time changes nothing.
        scene.next.modem.inherit(&state).unwrap();
        scene.next.modem.resume(&mut scene.next.taken);
        // Programs of the source do not know yet that it is frozen.
        let late: Vec<Vec<u8>> = (0..late).map(|n| scene.packet(scene.up.len() + n, 400)).collect();
        late.iter().for_each(|packet| scene.pair.pool.modem.queue().push(packet));
        scene.up.extend(late);
        let unsent = scene.pair.pool.modem.unsent();
        scene.next.modem.forward(&unsent).unwrap();
        scene.run(100, true);
        scene.drain();
        prop_assert_eq!(&scene.pair.pool.taken.packets[delivered..], &[] as &[Vec<u8>], "a frozen modem delivers nothing");
        prop_assert_eq!(scene.received(), scene.down);
        prop_assert_eq!(scene.pair.far.taken.packets, scene.up);
        prop_assert_eq!(scene.next.taken.syncs, [Sync::Searching, Sync::Synced]);
        prop_assert_eq!(scene.next.modem.report().link.blocks_bad, 0);
    }

    #[test]
    fn a_modem_that_resumes_has_lost_nothing(seed in 0u64..1000, before in 20usize..120, frozen in 0usize..300) {
        let mut scene = Scene::new(seed);
        scene.run(before, false);
        scene.pair.pool.modem.freeze();
        let (bursts, packets) = (scene.sent, scene.pair.pool.taken.packets.len());
        scene.run(frozen, false);
        scene.pair.pool.modem.freeze();
        prop_assert_eq!((scene.sent, scene.pair.pool.taken.packets.len()), (bursts, packets));
        scene.pair.pool.modem.resume(&mut scene.pair.pool.taken);
        scene.pair.pool.modem.resume(&mut scene.pair.pool.taken);
        scene.run(50, false);
        scene.drain();
        prop_assert_eq!(scene.received(), scene.down);
        prop_assert_eq!(scene.pair.far.taken.packets, scene.up);
        prop_assert_eq!(scene.pair.pool.last_sync(), Some(Sync::Synced));
    }

    #[test]
    fn what_is_sent_to_nobody_between_two_modems_is_sent_again(seed in 0u64..1000, before in 20usize..120, deaf in 0usize..60) {
        let mut scene = Scene::new(seed);
        scene.run(before, false);
        scene.pair.pool.modem.freeze();
        scene.next.modem.inherit(&scene.exported()).unwrap();
        // Whoever goes on has no earlier samples, and for a while nobody listens.
        scene.run(deaf, true);
        scene.next.modem.resume(&mut scene.next.taken);
        scene.heard = true;
        scene.run(100, true);
        scene.drain();
        let mut received = scene.received();
        received.sort();
        prop_assert_eq!(received, scene.down);
        prop_assert_eq!(scene.pair.far.taken.packets, scene.up);
        prop_assert_eq!(scene.next.taken.syncs, [Sync::Searching, Sync::Synced]);
    }
}

#[test]
fn a_state_stays_small_and_tells_what_it_leaves_behind() {
    let mut scene = Scene::new(1);
    for n in 0..30u8 {
        scene.pair.pool.modem.queue().push(&[n; 900]);
        scene.pair.far.modem.queue().push(&[n; 1500]);
    }
    for _ in 0..60 {
        scene.step();
    }
    let running = scene.exported();
    assert!(running.carried.waiting.is_empty(), "what waits in a running modem is its own affair");
    assert!(serde_json::to_string(&running).unwrap().len() < 1024);
    scene.pair.pool.modem.freeze();
    let state = scene.exported();
    let carried = state.carried.waiting.len() as u64;
    let mut waiting = 0;
    scene.pair.pool.modem.queue().show(|_| waiting += 1);
    assert!(carried + state.carried.left_behind >= waiting && state.carried.left_behind > 10, "{carried} of {waiting}");
}

#[test]
fn nothing_is_forwarded_when_one_is_no_packet_and_a_modem_that_resumes_has_nothing_to_tell() {
    let mut scene = Scene::new(3);
    assert_eq!(scene.next.modem.unsent(), Vec::<String>::new());
    [[7; 1400], [8; 1400]].iter().for_each(|packet| scene.next.modem.queue().push(packet));
    let unsent = scene.next.modem.unsent();
    assert_eq!(unsent.len(), 2);
    let why = scene.pair.pool.modem.forward(&[unsent[0].clone(), "%".into()]).unwrap_err();
    assert!(why.contains("not base64"), "{why}");
    assert!(scene.pair.pool.modem.queue().is_empty());
    scene.next.modem.resume(&mut scene.next.taken);
    assert_eq!(scene.next.modem.unsent(), Vec::<String>::new(), "it sends them itself");
}

#[test]
fn alien_and_damaged_states_are_refused_and_change_nothing() {
    let mut scene = Scene::new(2);
    scene.run(60, false);
    scene.pair.pool.modem.freeze();
    let state = serde_json::to_value(scene.exported()).unwrap();
    let tick = state["tick"].as_u64().unwrap();
    let mut refuses = |change: &dyn Fn(&mut Value), words: &str| {
        let mut changed = state.clone();
        change(&mut changed);
        let before = scene.pair.pool.modem.export();
        let error = ModemSoftState::read(&changed).and_then(|state| scene.pair.pool.modem.inherit(&state)).unwrap_err();
        assert!(error.contains(words), "{error}");
        assert_eq!(scene.pair.pool.modem.export(), before);
    };
    refuses(&|s| *s = json!("soft"), "tells no version");
    refuses(&|s| s["version"] = json!(1), "version 1; this modem reads version 2");
    for name in ["cell", "parameters", "origin", "cfo_hz", "tick", "decoded", "next_free", "sent", "link"] {
        refuses(&|s| drop(s.as_object_mut().unwrap().remove(name)), &format!("missing field `{name}`"));
    }
    refuses(&|s| s["sent"] = json!(-1), "cannot be read");
    refuses(&|s| s["more"] = json!("x".repeat(4000)), "at most 4096");
    refuses(&|s| s["cell"] = json!(302), "of cell 302; this modem has cell 301");
    refuses(&|s| s["tick"] = json!(tick + 200_000_000), "s ahead of the radio's clock");
    refuses(&|s| s["next_free"] = json!(tick + 61 * SUBFRAME_TICKS), "ahead of itself");
    refuses(&|s| s["carried"] = json!({"waiting": ["%"]}), "not base64");
    refuses(&|s| s["carried"] = json!({"sending": ""}), "a packet of 0 bytes");
    refuses(&|s| s["carried"] = json!({"receiving": "A".repeat(2004)}), "a packet of 1503 bytes");
    let rnti = |rnti: u16| move |s: &mut Value| s["parameters"][7] = json!(rnti);
    refuses(&rnti(9), "RNTI");
    // Ten seconds later it is too old.
    scene.pair.pool.at += 20 * 1_785_714;
    scene.heard = false;
    scene.pair.far.at += 20 * 1_785_714;
    scene.step();
    let old = ModemSoftState::read(&state).unwrap();
    let error = scene.pair.pool.modem.inherit(&old).unwrap_err();
    assert!(error.contains("s old"), "{error}");
}

#[test]
fn a_state_of_another_clock_is_found_out_by_the_first_block() {
    let mut scene = Scene::new(3);
    let mut state = scene.exported();
    let cut = state.tick - 1000;
    (state.tick, state.decoded, state.next_free) = (state.tick + 9_000_000_000, cut, cut);
    scene.next.modem.inherit(&state).unwrap();
    scene.next.modem.resume(&mut scene.next.taken);
    scene.heard = true;
    scene.pair.pool.modem.freeze();
    (0..200).for_each(|_| scene.step());
    let notes = &scene.next.taken.notes;
    assert!(notes.len() == 1 && notes[0].contains("ahead of the radio's clock") && notes[0].contains("searches"), "{notes:?}");
    assert_eq!(scene.next.last_sync(), Some(Sync::Synced));
}

/// Until then the one that it inherits from may be called back.
#[test]
fn a_master_that_inherits_before_its_first_sample_is_silent_until_a_good_block_or_for_100_subframes() {
    let mut pair = Pair::new(&setup());
    pair.until(100.0, Pair::both_synced);
    pair.far.modem.freeze();
    let state = pair.far.modem.export().unwrap();
    for deaf in [false, true] {
        let mut next = End::new(&setup().far(), true, pair.far.at);
        next.modem.inherit(&state).unwrap();
        let began = next.at;
        while next.taken.bursts.is_empty() {
            // The pool's bursts of its lead are still on the air.
            let samples = if deaf { vec![workload::samples::Sample::default(); 363] } else { pair.up.receive(next.at) };
            next.feed(&samples);
        }
        let silent = (next.at - began) * next.ticks;
        assert_eq!((silent >= 100 * SUBFRAME_TICKS, next.last_sync() == Some(Sync::Synced)), (deaf, !deaf));
    }
}

impl Scene {
    /// The modem that serves is gone, without a word since the progress that was told last; what it had handed out goes on the air.
    fn crash(&mut self, before: usize) -> crate::progress::Progress {
        let told = self.pair.pool.modem.progress();
        self.run(before, false);
        self.pair.pool.modem.freeze();
        told
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// A standby that has followed for longer than a packet takes goes on from the last heartbeat: what the far end sends is not lost, and what it sends itself arrives, whatever the dead modem had sent since.
    #[test]
    fn a_standby_goes_on_where_the_dead_modem_was(seed in 0u64..1000, before in 20usize..120, beside in 150usize..250, untold in 0usize..12, silent in 5usize..40) {
        let mut scene = Scene::new(seed);
        scene.run(before, false);
        scene.next.modem.inherit(&scene.exported()).unwrap();
        scene.heard = true;
        for _ in 0..beside {
            scene.run(1, false);
            scene.next.modem.follow(scene.pair.pool.modem.progress());
        }
        let told = scene.crash(untold);
        let delivered = scene.pair.pool.taken.packets.len();
        let (arrived_before, queued_before) = (scene.pair.far.taken.packets.len(), scene.up.len());
        // Nobody serves until it is noticed.
        (0..silent).for_each(|_| scene.step());
        prop_assert!(scene.next.taken.packets.is_empty());
        let now = scene.next.modem.now();
        let End { modem, taken, .. } = &mut scene.next;
        prop_assert!(modem.take_over(Some(told), now + 10 * SUBFRAME_TICKS, taken));
        scene.run(100, true);
        scene.drain();
        // Everything that the far end has sent was received by one of both; what was delivered after the last word, perhaps by both.
        let mut received = scene.received();
        received.dedup();
        for packet in &scene.down {
            prop_assert!(received.contains(packet), "{} of {} were received, {delivered} by the dead modem", received.len(), scene.down.len());
        }
        // What it has sent itself arrives.
        let arrived = &scene.pair.far.taken.packets[arrived_before..];
        prop_assert!(scene.up.len() > queued_before + 5);
        for packet in &scene.up[queued_before..] {
            prop_assert!(arrived.contains(packet), "of {} packets {} have arrived since", scene.up.len(), arrived.len());
        }
    }
}

#[test]
fn only_a_frozen_modem_takes_over() {
    let mut scene = Scene::new(5);
    let (told, End { modem, taken, .. }) = (scene.pair.far.modem.progress(), &mut scene.pair.pool);
    assert!(!modem.take_over(Some(told), 0, taken));
}

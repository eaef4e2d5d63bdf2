use super::*;
use proptest::prelude::*;

/// Who hears whom: `[from][to]`.
type Air = [[bool; 3]; 3];

const ALL: Air = [[true; 3]; 3];

/// Without a path between two terminals.
fn without(a: usize, b: usize) -> Air {
    let mut air = ALL;
    (air[a][b], air[b][a]) = (false, false);
    air
}

/// Three terminals that hear one another as the air allows.
struct World {
    terminals: Vec<Routes>,
    now: u64,
    notes: Vec<(usize, String)>,
}

impl World {
    fn new() -> Self {
        Self { terminals: (0..3).map(|me| Routes::new(me, 3)).collect(), now: 1000, notes: Vec::new() }
    }

    /// So many tenths of a second; `lost` says of a hello, by its number, whether it does not arrive.
    fn pass(&mut self, tenths: u64, air: Air, mut lost: impl FnMut() -> bool) {
        for _ in 0..tenths {
            self.now += INTERVAL / 10;
            for (me, hears) in air.iter().enumerate() {
                let notes = &mut self.notes;
                self.terminals[me].work(self.now, true, |text| notes.push((me, text)));
                let Some(hello) = self.terminals[me].due(self.now) else { continue };
                let hello = Hello::read(&hello.bytes()).unwrap();
                for to in (0..3).filter(|to| *to != me && hears[*to]) {
                    if !lost() {
                        self.terminals[to].hello(me as u8, hello, self.now);
                    }
                }
            }
            self.no_way_circles();
        }
    }

    /// What the relay does: a second hop is the last.
    fn no_way_circles(&self) {
        for from in 0..3u8 {
            for to in (0..3u8).filter(|to| *to != from) {
                if let Some(way) = self.terminals[usize::from(from)].way(to) {
                    assert!(way.next != from && way.hops == if way.next == to { 1 } else { 2 });
                }
            }
        }
    }

    /// Next hop by `[from][to]`.
    fn ways(&self) -> [[Option<u8>; 3]; 3] {
        std::array::from_fn(|from| std::array::from_fn(|to| self.terminals[from].way(to as u8).map(|way| way.next)))
    }
}

/// What probing has to arrive at: the shortest way over links that both hear.
fn truth(air: Air) -> [[Option<u8>; 3]; 3] {
    let link = |a: usize, b: usize| a != b && air[a][b] && air[b][a];
    std::array::from_fn(|from| {
        std::array::from_fn(|to| {
            let next = if link(from, to) { Some(to) } else { (0..3).find(|via| link(from, *via) && link(*via, to)) };
            next.filter(|_| from != to).map(|next| next as u8)
        })
    })
}

#[test]
fn probing_takes_seconds_and_finds_the_relay_behind_an_obstacle() {
    let mut world = World::new();
    world.pass(14, without(0, 2), || false);
    assert_eq!(world.ways(), [[None; 3]; 3], "less than two intervals are not three hellos");
    world.pass(60, without(0, 2), || false);
    assert_eq!(world.ways(), truth(without(0, 2)));
    let table = world.terminals[0].table();
    assert_eq!(table, [Route { dest_id: 1, nexthop: 1 }, Route { dest_id: 2, nexthop: 1 }]);
    let said: Vec<&String> = world.notes.iter().map(|(_, note)| note).collect();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.iter().all(|note| note.contains("was completed by probing after")), "{said:?}");
    assert!(said.iter().any(|note| note.ends_with("terminal 1 directly, terminal 2 through terminal 1")), "{said:?}");
}

#[test]
fn without_the_obstacle_the_way_is_direct_and_with_it_it_leads_round_again() {
    let mut world = World::new();
    world.pass(80, without(0, 2), || false);
    world.notes.clear();
    for air in [ALL, without(0, 2), without(0, 1)] {
        world.pass(100, air, || false);
        assert_eq!(world.ways(), truth(air));
    }
    let expected = (0, "terminal 2 is now reached directly".to_owned());
    assert!(world.notes.contains(&expected), "{:?}", world.notes);
}

#[test]
fn a_terminal_that_is_gone_is_not_reached_any_more() {
    let mut world = World::new();
    world.pass(80, ALL, || false);
    let gone = [[true, true, false], [true, true, false], [false, false, true]];
    world.pass(60, gone, || false);
    assert_eq!(world.ways(), truth(gone));
    assert!(world.notes.contains(&(0, "terminal 2 cannot be reached any more".to_owned())), "{:?}", world.notes);
}

#[test]
fn routes_that_are_carried_over_hold_at_once_and_the_others_notice_nothing() {
    let mut world = World::new();
    world.pass(80, without(0, 2), || false);
    let table = world.terminals[1].table();
    let before = world.ways();
    // The next relay: another process, a second later.
    world.pass(10, [[true, false, false], [false; 3], [false, false, true]], || false);
    world.terminals[1] = Routes::new(1, 3);
    let note = world.terminals[1].install(&table).unwrap().unwrap();
    assert_eq!(note, "the route table was carried over: terminal 0 directly, terminal 2 directly");
    world.notes.clear();
    for _ in 0..120 {
        world.pass(1, without(0, 2), || false);
        assert_eq!(world.ways(), before);
    }
    let [(1, note)] = world.notes.as_slice() else { panic!("{:?}", world.notes) };
    assert!(note.contains("that was carried over is confirmed by probing after"), "{note}");
}

#[test]
fn a_relay_without_routes_ends_those_through_it_until_probing_is_done() {
    let mut world = World::new();
    world.pass(80, without(0, 2), || false);
    world.terminals[1] = Routes::new(1, 3);
    world.pass(11, without(0, 2), || false);
    assert_eq!(world.terminals[0].way(2), None, "the relay says that it hears nobody");
    world.pass(80, without(0, 2), || false);
    assert_eq!(world.ways(), truth(without(0, 2)));
}

#[test]
fn the_time_of_probing_counts_from_when_somebody_is_there() {
    let mut routes = Routes::new(1, 2);
    let mut said = Hello::default();
    said.opinions[1] = Some(Opinion { heard: true, hops: Some(1) });
    let mut notes = Vec::new();
    routes.work(INTERVAL, false, |note| notes.push(note));
    for second in 50..53 {
        routes.hello(0, said, second * INTERVAL);
        routes.work(second * INTERVAL, true, |note| notes.push(note));
    }
    assert_eq!(notes, ["the route table was completed by probing after 2.0 s: terminal 0 directly"]);
}

#[test]
fn carried_routes_that_nothing_confirms_expire() {
    let mut routes = Routes::new(1, 3);
    routes.install(&[Route { dest_id: 2, nexthop: 2 }]).unwrap();
    let mut notes = Vec::new();
    // Time runs from the first samples on.
    let start = 77 * INTERVAL;
    for (at, there) in [(start, true), (start + TRIAL, true), (start + TRIAL + 1, false)] {
        routes.work(at, true, |note| notes.push(note));
        assert_eq!(routes.way(2).is_some(), there);
    }
    assert_eq!(notes, ["the route to terminal 2 directly was carried over but not confirmed within 10 s: it is gone"]);
}

#[test]
fn routes_that_can_not_be_are_refused_and_nothing_changes() {
    let mut routes = Routes::new(1, 3);
    routes.install(&[Route { dest_id: 0, nexthop: 2 }]).unwrap();
    for (dest_id, nexthop) in [(1, 0), (0, 1), (3, 0), (0, 700)] {
        let error = routes.install(&[Route { dest_id, nexthop }]).unwrap_err();
        assert!(error.contains(&format!("({dest_id}, {nexthop})")), "{error}");
    }
    assert_eq!(routes.table(), [Route { dest_id: 0, nexthop: 2 }]);
    assert_eq!(routes.install(&[]), Ok(None));
    assert_eq!(routes.table(), []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any air, one-way paths too, then any other one, with losses in between: probing arrives at the shortest ways.
    #[test]
    fn probing_converges_whatever_the_air(airs in prop::collection::vec(any::<Air>(), 1..4), losses in prop::collection::vec(any::<bool>(), 1..200)) {
        let mut world = World::new();
        for air in airs {
            let mut losses = losses.iter().copied().cycle();
            world.pass(40, air, || losses.next().unwrap());
            world.pass(120, air, || false);
            prop_assert_eq!(world.ways(), truth(air));
        }
    }
}

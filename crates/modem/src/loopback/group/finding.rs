//! Terminals find each other, find routes, and carry packets; what it costs.

use super::*;
use crate::phy::duplex::{Duplex, LinkDirection, Use};
use crate::phy::numerology::{FRAME_TICKS, SUBFRAME_TICKS};
use crate::phy::sync_signals::CellId;
use crate::phy::transmit::LEFT_OUT;

#[test]
fn terminals_find_each_other_and_the_third_is_in_sync_through_the_relay() {
    let mut air = Air::new(json!({}), true);
    let ms = air.until(200.0, |air| (0..3).all(|n| air.synced(n)));
    assert!(
        (0..3).all(|n| air.synced(n)),
        "{:?}",
        air.ends.iter().map(|end| (&end.taken.syncs, &end.taken.notes)).collect::<Vec<_>>()
    );
    println!("three terminals in sync after {ms:.1} ms");
    air.until(100.0, |_| false);
    for (index, end) in air.ends.iter().enumerate() {
        let report = end.modem.report();
        let (cell, parameters) = report.cell.unwrap();
        assert_eq!(cell, CellId::from_parts(GROUP, index as u16).unwrap());
        assert_eq!(parameters.duplex, Duplex::Group { assignment: 0 });
        assert_eq!(end.taken.syncs.last(), Some(&Sync::Synced));
        assert_eq!(report.link.blocks_bad, 0);
        assert!(end.taken.notes.iter().all(|note| !note.contains("transmits on this frequency")), "{:?}", end.taken.notes);
    }
    // Nobody transmits in another's subframe; the slaves' frames lie as late as the way to them is long.
    let late = [0, DELAYS[0][1], DELAYS[0][1] + DELAYS[1][2]].map(|samples| samples * air.ends[0].ticks);
    for (index, late) in late.into_iter().enumerate() {
        let burst = *air.bursts[index].last().unwrap();
        let start = (burst - LEFT_OUT + FRAME_TICKS - late + SUBFRAME_TICKS / 2) % FRAME_TICKS;
        let (number, off) = ((start / SUBFRAME_TICKS) as usize, start % SUBFRAME_TICKS);
        assert_eq!(
            Duplex::Group { assignment: 0 }.usage(LinkDirection::Terminal(index as u8), number),
            Use::Data,
            "terminal {index}"
        );
        let off = off as i64 - SUBFRAME_TICKS as i64 / 2;
        assert!(off.abs() < 80, "terminal {index} is {off} ticks late");
    }
}

#[test]
fn probing_builds_the_routes_and_pings_cross_the_relay_both_ways() {
    let mut air = Air::new(json!({}), true);
    let ms = air.until(9000.0, Air::complete);
    assert!(ms > 2000.0, "three hellos in {ms} ms");
    assert_eq!([air.routes(0), air.routes(1), air.routes(2)], [vec![(1, 1), (2, 1)], vec![(0, 0), (2, 2)], vec![(0, 1), (1, 1)]]);
    for end in &air.ends {
        assert!(end.taken.notes.iter().any(|note| note.contains("was completed by probing after")), "{:?}", end.taken.notes);
    }
    assert!(air.ping(0, 2) && air.ping(2, 0) && air.ping(0, 1));
    assert_eq!(air.forwarded(), 4);
    // Of every length, in order.
    air.ends[2].taken.packets.clear();
    let packets: Vec<Vec<u8>> = [24, 84, 196, 577, 1500].iter().zip(1..).map(|(length, n)| ip(0, 2, n, *length)).collect();
    packets.iter().for_each(|packet| air.ends[0].modem.queue().push(packet));
    air.until(300.0, |air| air.received(2).len() == packets.len());
    assert_eq!(air.received(2), packets);
    // What is for nobody of the group is counted.
    air.ends[0].modem.queue().push(&[&[0x60], [0; 47].as_slice()].concat());
    air.until(20.0, |_| false);
    assert_eq!(air.ends[0].modem.report().link.no_route, Some(1));
}

#[test]
fn when_the_obstacle_is_lifted_the_way_is_direct_and_back_again() {
    let mut air = relayed();
    air.obstacle = false;
    air.until(9000.0, |air| air.routes(0).contains(&(2, 2)) && air.routes(2).contains(&(0, 0)));
    assert!(air.ping(0, 2));
    assert_eq!(air.forwarded(), 0);
    let notes = &air.ends[2].taken.notes;
    assert!(notes.iter().any(|note| note == "the frame timing is now that of terminal 0, the master"), "{notes:?}");
    assert!(notes.iter().any(|note| note == "terminal 0 is now reached directly"), "{notes:?}");
    air.obstacle = true;
    air.until(9000.0, |air| air.routes(0).contains(&(2, 1)) && air.routes(2).contains(&(0, 1)));
    assert!(air.ping(0, 2) && air.synced(2));
    assert_eq!(air.forwarded(), 2);
}

#[test]
fn every_assignment_and_bandwidth_that_a_group_can_have_works() {
    let cells = [
        json!({"DLULAssign": 1}),
        json!({"DLULAssign": 2, "CPtype": 1}),
        json!({"DLULAssign": 3, "type_mode": 2}),
        json!({"DLULAssign": 4}),
        json!({"DLULAssign": 6, "workmode": 2}),
        json!({"BW": 5}),
    ];
    for cell in cells {
        let mut air = Air::new(cell.clone(), false);
        air.until(500.0, |air| (0..3).all(|n| air.synced(n)));
        let syncs: Vec<_> = air.ends.iter().map(|end| (&end.taken.syncs, &end.taken.notes)).collect();
        assert!((0..3).all(|n| air.synced(n)), "{cell}: {syncs:?}");
        // Routes of another process spare the seconds of probing.
        for index in 0..3u16 {
            let table: Vec<Route> = (0..3).filter(|to| *to != index).map(|to| Route { dest_id: to, nexthop: to }).collect();
            let End { modem, taken, .. } = &mut air.ends[usize::from(index)];
            modem.set_routes(&table, taken).unwrap();
        }
        air.until(150.0, |_| false);
        assert!(air.ping(0, 1) && air.ping(1, 2) && air.ping(2, 0), "{cell}");
    }
}

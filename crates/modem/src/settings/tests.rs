//! What control variables are honoured, and what is said of the others.

use super::*;
use proptest::prelude::*;

fn control(value: Value) -> Control {
    value.as_object().unwrap().clone()
}

#[test]
fn what_can_not_be_honoured_is_refused_with_a_sentence() {
    let cases = [
        (json!({"numAntennaTX": 2}), "numAntennaTX is 2"),
        (json!({"numAntennaRX": 4}), "numAntennaRX is 4"),
        (json!({"BW": 6}), "BW is 6"),
        (json!({"RBIdx": 24}), "RBIdx is 24"),
        (json!({"BW": 5, "RBIdx": 50}), "BW 5 means 25 resource blocks, but RBIdx is 50"),
        (json!({"BW": 10}), "does not carry BW 10; that needs 12500000.0 (100 MHz / 8)"),
        (json!({"duplexMode": 2}), "duplexMode is 2"),
        (json!({"DLULAssign": 7}), "DLULAssign is 7"),
        (json!({"type_mode": 4}), "type_mode is 4"),
        (json!({"type_mode": 0}), "type_mode is 0"),
        (json!({"CPtype": 2}), "CPtype is 2"),
        (json!({"trans_mode": 2}), "trans_mode is 2"),
        (json!({"workmode": 3}), "workmode is 3"),
        (json!({"workmode": 0}), "needs a phy_cell_ID"),
        (json!({"workmode": 2}), "needs a phy_cell_ID"),
        (json!({"phy_cell_ID": 504}), "phy_cell_ID is 504"),
        (json!({"phy_cell_ID": 1.5}), "whole number"),
        (json!({"phy_cell_ID": 10, "cell_ID": 2}), "say otherwise"),
        (json!({"RNTI": "C-RNTI"}), "not a number"),
        (json!({"colour": 3}), "no control variable \"colour\""),
    ];
    for (variables, expected) in cases {
        let failure = ModemSettings::read(&control(variables.clone()), true, Some(6.25e6), &[]).unwrap_err();
        assert!(failure.message.contains(expected), "{variables}: {}", failure.message);
        assert_eq!(failure.exit_code(), 2);
    }
}

/// What each of them changes on the air: loopback/matrix.rs. Those with one value only are refused otherwise: above.
#[test]
fn every_variable_alone_changes_the_settings() {
    let read = |variables: Value| ModemSettings::read(&control(variables), true, None, &[]).unwrap();
    let plain = read(json!({}));
    let values = [
        ("phy_cell_ID", json!(301)),
        ("CPtype", json!(1)),
        ("BW", json!(5)),
        ("RBIdx", json!(25)),
        ("duplexMode", json!(0)),
        ("DLULAssign", json!(3)),
        ("type_mode", json!(2)),
        ("RNTI", json!(62)),
    ];
    for (name, value) in values {
        let mut variables = json!({});
        variables[name] = value;
        assert_ne!(read(variables), plain, "{name}");
    }
    assert_eq!(read(json!({"RBIdx": 25})), read(json!({"BW": 5})));
    for (name, value) in [("group_ID", json!(100)), ("cell_ID", json!(2)), ("workmode", json!(2))] {
        let mut variables = json!({"group_ID": 7, "cell_ID": 1, "workmode": 0});
        let before = read(variables.clone());
        variables[name] = value;
        assert_ne!(read(variables), before, "{name}");
    }
}

#[test]
fn a_slave_trusts_a_cell_only_when_it_was_carried_over() {
    let variables = control(json!({"workmode": 1, "phy_cell_ID": 301, "BW": 1.4, "RBIdx": 6, "duplexMode": 1}));
    assert_eq!(ModemSettings::read(&variables, false, None, &[]).unwrap().cell, None);
    assert_eq!(ModemSettings::read(&variables, true, None, &[]).unwrap().cell, CellId::new(301));
    assert_eq!(
        ModemSettings::read(&control(json!({"workmode": 0, "group_ID": 100, "cell_ID": 1})), false, None, &[]).unwrap().cell,
        CellId::new(301)
    );
}

#[test]
fn every_variable_is_answered_and_described() {
    let settings = ModemSettings::read(&Control::new(), false, Some(6.25e6), &[]).unwrap();
    let now = settings.control(CellId::new(503).map(|cell| (cell, settings.parameters)));
    assert_eq!(now.len(), 14);
    assert_eq!((&now["phy_cell_ID"], &now["group_ID"], &now["cell_ID"]), (&json!(503), &json!(167), &json!(2)));
    assert_eq!((&now["BW"], &now["RBIdx"]), (&json!(5.0), &json!(25)));
    assert!(now.keys().eq(meanings().keys()));
    // Nobody has told yet.
    let before = settings.control(None);
    for name in ["phy_cell_ID", "CPtype", "duplexMode", "DLULAssign", "type_mode", "RNTI"] {
        assert_eq!(before[name], Value::Null, "{name}");
    }
}

fn terminals(count: u8) -> Vec<Ipv4Addr> {
    (0..count).map(|n| Ipv4Addr::new(192, 168, 40, 8 + n)).collect()
}

#[test]
fn what_a_group_can_not_be_is_refused_with_a_sentence() {
    let cases = [
        (3, json!({"workmode": 1}), "one of 3 terminals, but is not told which"),
        (2, json!({"cell_ID": 2}), "cell_ID is 2, but there are only terminals 0 to 1"),
        (1, json!({"cell_ID": 0}), "names 1 terminals; a group has 2 or 3"),
        (4, json!({"cell_ID": 1}), "names 4 terminals"),
        (3, json!({"cell_ID": 0, "workmode": 1}), "terminal 0 cannot have workmode 1"),
        (3, json!({"phy_cell_ID": 301, "workmode": 0}), "terminal 1 cannot have workmode 0"),
        (3, json!({"cell_ID": 0, "workmode": 0}), "needs a phy_cell_ID"),
        (3, json!({"cell_ID": 1, "duplexMode": 1}), "duplexMode is 1 (FDD)"),
        (3, json!({"cell_ID": 1, "DLULAssign": 5}), "DLULAssign 5 has too few uplink subframes"),
    ];
    for (count, variables, expected) in cases {
        let failure = ModemSettings::read(&control(variables.clone()), true, None, &terminals(count)).unwrap_err();
        assert!(failure.message.contains(expected), "{variables}: {}", failure.message);
        assert_eq!((failure.exit_code(), failure.hint.is_some()), (2, true));
    }
}

#[test]
fn a_terminal_knows_its_index_always_and_its_group_when_it_was_carried_over() {
    let read = |variables: &Control, carried| ModemSettings::read(variables, carried, None, &terminals(3)).unwrap();
    let own = control(json!({"cell_ID": 1, "DLULAssign": 1}));
    let cold = read(&own, false);
    assert_eq!((cold.cell, cold.parameters.duplex), (None, Duplex::Group { assignment: 1 }));
    let before = cold.control(None);
    assert_eq!((&before["cell_ID"], &before["group_ID"], &before["duplexMode"]), (&json!(1), &Value::Null, &Value::Null));
    // What it answers before it knows more does no harm when it is carried over.
    assert_eq!(read(&before, true).group, cold.group);
    let learned = cold.control(CellId::new(301).map(|cell| (cell, cold.parameters)));
    assert_eq!((&learned["phy_cell_ID"], &learned["duplexMode"], &learned["DLULAssign"]), (&json!(301), &json!(0), &json!(1)));
    let mut carried = own;
    carried.extend(learned);
    let again = read(&carried, true);
    assert_eq!((again.cell, again.parameters, again.group), (CellId::new(301), cold.parameters, cold.group));
}

#[test]
fn a_rate_without_a_bandwidth_is_named_with_those_that_have_one() {
    let failure = ModemSettings::read(&Control::new(), false, Some(1_923_076.9), &[]).unwrap_err();
    assert!(failure.message.contains("1923076.9"), "{}", failure.message);
    assert!(failure.hint.unwrap().contains("1785714.3 at 1.4 MHz"));
}

proptest! {
    #[test]
    fn what_is_answered_can_be_carried_over(id in prop::option::of(0u16..504), rnti: u16, assignment in 0u8..7, tdd: bool,
        prefix in prop::sample::select(&Prefix::ALL), modulation in prop::sample::select(&Modulation::ALL),
        bandwidth in prop::sample::select(&Bandwidth::ALL)) {
        let duplex = if tdd { Duplex::Tdd { assignment } } else { Duplex::Fdd };
        let parameters = Parameters { numerology: Numerology::new(bandwidth, prefix), duplex, modulation, rnti };
        let cold = ModemSettings::read(&Control::new(), false, Some(bandwidth.rate()), &[]).unwrap();
        let cell = id.and_then(CellId::new);
        let settings = ModemSettings { assignment, ..cold };
        let again = ModemSettings::read(&settings.control(cell.map(|cell| (cell, parameters))), true, Some(bandwidth.rate()), &[]).unwrap();
        prop_assert_eq!(again.cell, cell);
        if cell.is_some() {
            prop_assert_eq!(again.parameters, parameters);
        }
    }
}

//! Owners in their order, and what is believed of a file.

use super::*;

fn known(epoch: u64, owner: &str) -> Ownership {
    let newest = Mutex::new(Owner { epoch, owner: owner.into() });
    Ownership { host: "one".into(), radio: "pool".into(), newest }
}

#[test]
fn only_a_newer_epoch_takes_the_radio_from_another_host() {
    let other = known(5, "two");
    assert_eq!((other.admit(Some(6)), other.admit(None)), (Ok(6), Ok(6)));
    for old in [0, 4, 5] {
        let failure = other.admit(Some(old)).unwrap_err();
        assert_eq!(failure.code, ErrorCode::StaleEpoch);
        assert_eq!(failure.message, format!("epoch {old} is over: two owns the radio under epoch 5"));
    }
    let own = known(5, "one");
    assert_eq!((own.admit(Some(5)), own.admit(None)), (Ok(5), Ok(6)));
    assert!(own.admit(Some(4)).is_err());
    assert_eq!(known(0, "").admit(None), Ok(1));
}

#[test]
fn two_owners_of_one_epoch_agree_on_who_gives_way() {
    let owner = |name: &str| Owner { epoch: 6, owner: name.into() };
    let (one, two) = (known(6, "one"), known(6, "two"));
    assert!(one.accept(owner("two")).is_ok(), "the later name wins");
    assert_eq!(two.accept(owner("one")).unwrap_err().code, ErrorCode::StaleEpoch);
    assert!(one.accept(owner("two")).is_ok(), "telling it again is no fault");
    assert_eq!((one.newest(), two.newest()), (owner("two"), owner("two")));
    assert!(one.accept(Owner { epoch: 5, owner: "zulu".into() }).is_err());
}

#[test]
fn an_absurd_epoch_is_refused_wherever_it_comes_from_and_the_hint_can_be_followed() {
    let one = known(5, "two");
    for absurd in [MAX_EPOCH + 1, u64::MAX] {
        for failure in [one.admit(Some(absurd)).unwrap_err(), one.accept(Owner { epoch: absurd, owner: "two".into() }).unwrap_err()]
        {
            assert!(failure.message.contains("is not believed") && failure.hint.unwrap().contains("baton repair"));
        }
    }
    assert_eq!(one.newest(), Owner { epoch: 5, owner: "two".into() });
    // The last epoch is left only by a repair, and the hint says so.
    let last = known(MAX_EPOCH, "two");
    assert!(last.admit(None).unwrap_err().hint.unwrap().contains("baton repair"));
    assert!(last.admit(Some(MAX_EPOCH)).unwrap_err().hint.unwrap().contains("baton repair"));
    assert!(one.admit(Some(5)).unwrap_err().hint.unwrap().contains("take one more"));
}

#[test]
fn a_file_is_believed_only_if_it_is_this_hosts_and_sane() {
    let one = known(0, "");
    let believe = |json: &str| {
        let file = serde_json::from_str(json).map_err(|e: serde_json::Error| e.to_string())?;
        one.believe(file, |name| ["one", "two"].contains(&name))
    };
    let two = Some(Owner { epoch: 8, owner: "two".into() });
    assert_eq!(believe(r#"{"epoch": 8, "owner": "two"}"#), Ok(two.clone()), "as 0.1.0 wrote it");
    assert_eq!(believe(r#"{"epoch": 8, "owner": "two", "host": "one", "radio": "pool"}"#), Ok(two));
    for (json, words) in [
        (r#"{"epoch": 18446744073709551615, "owner": "two"}"#, "no radio reaches"),
        (r#"{"epoch": 8, "owner": "two", "host": "two"}"#, "the file of two"),
        (r#"{"epoch": 8, "owner": "two", "radio": "b210"}"#, "about the radio b210"),
        (r#"{"epoch": 8, "owner": "nine"}"#, "no such host"),
        (r#"{"epoch": 8, "own"#, "EOF"),
        (r#"{"epoch": -1, "owner": "two"}"#, "invalid"),
    ] {
        let why = believe(json).unwrap_err();
        assert!(why.contains(words), "{json}: {why}");
    }
    let again: OwnerFile = serde_json::from_str(&serde_json::to_string(&one.file()).unwrap()).unwrap();
    assert_eq!(again, one.file());
}

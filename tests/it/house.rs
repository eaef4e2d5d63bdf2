//! The checks of the house rules find what they look for.

use std::fs;
use std::path::Path;
use std::process::Command;

/// A tree of such files in which the crates have what scripts/room-walls expects.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for name in ["output", "protocol", "config", "engine", "workload", "n210-wire", "n210", "placement", "radio", "guest", "modem"]
    {
        write(&format!("crates/{name}/Cargo.toml"), "[dependencies]\n");
    }
    files.iter().for_each(|(file, text)| write(file, text));
    folder
}

/// Whether a script is content with a tree, and what it prints.
fn check(script: &str, folder: &Path) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts").join(script);
    let output = Command::new(script).arg(folder).env("PYTHONDONTWRITEBYTECODE", "1").output().expect("python3 is installed");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_loop_of_imports_is_found_and_children_and_tests_make_none() {
    let good = [
        ("src/lib.rs", "mod parent;\nmod other;\n"),
        ("src/parent.rs", "mod child;\nuse child::Kept;\nuse crate::other::{Other, self as same};\n"),
        ("src/parent/child.rs", "use super::Kept;\n#[cfg(test)]\nmod tests {\n    use crate::parent::Kept;\n}\n"),
        ("src/other.rs", "// use crate::parent::Kept\nconst TEXT: &str = \"crate::parent::Kept\";\n"),
    ];
    assert_eq!(check("import-circles", tree(&good).path()), (true, String::new()));

    let mut direct = good;
    direct[3].1 = "#[cfg(test)]\nmod tests {}\nfn f() -> crate::parent::Kept {}\n";
    let (content, said) = check("import-circles", tree(&direct).path());
    assert!(!content && said.contains("2 files import each other"), "{said}");
    assert!(said.contains("other imports parent") && said.contains("parent imports other"), "{said}");

    // By a name that a third file only passes on.
    let passed_on = [
        ("src/lib.rs", ""),
        ("src/a.rs", "use crate::front::B;\n"),
        ("src/b.rs", "use crate::a::A;\n"),
        ("src/front.rs", "pub use crate::b::B;\n"),
    ];
    let (content, said) = check("import-circles", tree(&passed_on).path());
    assert!(!content && said.contains("a imports b"), "{said}");

    let in_a_crate = [
        ("crates/radio/src/lib.rs", ""),
        ("crates/radio/src/a.rs", "use super::b;\n"),
        ("crates/radio/src/b.rs", "use super::a::A;\n"),
    ];
    assert!(!check("import-circles", tree(&in_a_crate).path()).0);
}

#[test]
fn what_breaks_a_wall_is_found() {
    let room = |text: &'static str| {
        tree(&[("src/lab.rs", text), ("src/lab/part.rs", "mod radio;\nuse radio::Own;\n"), ("src/lab/part/radio.rs", "")])
    };
    assert_eq!(
        check(
            "room-walls",
            room("use protocol::Failure;\nuse workload::log;\nuse crate::metrics;\nmod part;\nuse part::radio;\nfn f() { radio::f() }").path()
        ),
        (true, String::new())
    );
    for (text, said) in [
        ("use crate::link::client;", "lab must not import link"),
        ("use super::migration::{Engine, flow};", "lab must not import migration"),
        ("use crate::agent::{order, work};", "lab must not import agent"),
        ("use n210_wire::Sample;", "lab must not import n210_wire"),
        ("fn f() { radio::draw() }", "lab must not import radio"),
        ("use crate::{metrics, ui::Model};", "lab must not import ui"),
    ] {
        let (content, found) = check("room-walls", room(text).path());
        assert!(!content && found.contains(said), "{text}: {found}");
    }
    let dependent = tree(&[("crates/n210-wire/Cargo.toml", "[dependencies]\nprotocol.workspace = true\n")]);
    let (content, found) = check("room-walls", dependent.path());
    assert!(!content && found.contains("n210-wire must not depend on protocol"), "{found}");
}

#[test]
fn long_files_and_functions_are_found() {
    let function = |lines: usize| format!("fn f(text: [u8; 2]) {{\n{}}}\n", "    // '{' and \"{\"\n".repeat(lines - 2));
    let file = |lines: usize| format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "// text\n".repeat(lines), "\n".repeat(300));
    assert_eq!(check("lengths", tree(&[("src/a.rs", &function(60)), ("src/b.rs", &file(400))]).path()), (true, String::new()));
    let (content, found) = check("lengths", tree(&[("src/a.rs", &function(61)), ("crates/radio/src/b.rs", &file(401))]).path());
    assert!(!content && found.contains("a.rs:1: fn f has 61 lines") && found.contains("b.rs: 401 lines"), "{found}");
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let folder = tree(&[
        ("README.md", "[good](docs/a.md#the-second-part) [web](https://example.com/x) `docs/a.md`, `docs/*.md`\n"),
        ("docs/a.md", "# A\n## The second part\n[back](../README.md)\n"),
        ("src/a.rs", "// docs/a.md says why.\n"),
    ]);
    let git = |arguments: &[&str]| {
        assert!(Command::new("git").arg("-C").arg(folder.path()).args(arguments).output().unwrap().status.success())
    };
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    assert_eq!(check("dead-links", folder.path()), (true, String::new()));
    fs::write(folder.path().join("README.md"), "[bad](docs/b.md) [no part](docs/a.md#third) `src/b.rs`\n").unwrap();
    fs::write(folder.path().join("src/a.rs"), "// docs/gone.md says why.\n").unwrap();
    let (content, found) = check("dead-links", folder.path());
    assert!(!content);
    for line in
        ["the link to docs/b.md leads nowhere", "there is no such heading", "there is no src/b.rs", "there is no docs/gone.md"]
    {
        assert!(found.contains(line), "{found}");
    }
}

/// What hosts decide about one another's requests must not depend on clocks that people set.
#[test]
fn the_link_asks_no_wall_clock() {
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/link"))];
    let mut read = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            read += 1;
            for clock in ["SystemTime", "Utc::now", "Local::now", "chrono"] {
                assert!(!text.contains(clock), "{}: {clock}", path.display());
            }
        }
    }
    assert!(read > 15, "{read} files");
}

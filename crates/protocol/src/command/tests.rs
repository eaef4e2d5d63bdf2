//! The table of commands against its page, and against what is read.

use super::*;

/// `BATON_WRITE_DOCS=1 cargo test -p protocol` writes the tables into the page.
#[test]
fn the_documentation_has_the_table_of_commands() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/protocol.md");
    let mut page = std::fs::read_to_string(file).unwrap();
    for (source, name) in [(Source::Paper, "paper"), (Source::Baton, "baton")] {
        let begin = format!("<!-- commands: {name} -->\n");
        let at = page.find(&begin).expect("the page marks where the table begins") + begin.len();
        let end = at + page[at..].find("<!-- end -->").expect("and where it ends");
        page.replace_range(at..end, &Command::markdown(source));
    }
    if std::env::var_os("BATON_WRITE_DOCS").is_some() {
        std::fs::write(file, &page).unwrap();
    }
    assert!(
        page == std::fs::read_to_string(file).unwrap(),
        "docs/protocol.md has other commands: write it with BATON_WRITE_DOCS=1"
    );
}

#[test]
fn arguments_are_optional_where_the_table_says_so() {
    for spec in Command::TABLE {
        let plain = format!("{{\"command\":\"{}\"}}", spec.name);
        let empty = format!("{{\"command\":\"{}\",\"args\":{{}}}}", spec.name);
        let [plain, empty] = [plain, empty].map(|json| serde_json::from_str::<Command>(&json).is_ok());
        let expected = match spec.arguments {
            Arguments::None => (true, false),
            Arguments::Optional => (false, true),
            Arguments::Required => (false, false),
        };
        assert_eq!((plain, empty), expected, "{}", spec.name);
    }
}

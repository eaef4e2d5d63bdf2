//! What agents say, in another language: sentences with blanks, which a table has. What it does not know stays as it was said.

use std::collections::HashMap;
use std::sync::OnceLock;

/// Arguments of sentences are sentences, too; a reason within a reason within a refusal is as deep as they go.
const DEEPEST: usize = 5;

/// A sentence of the table: what stands around its blanks, and the translation with numbered blanks.
struct Template {
    pieces: Vec<&'static str>,
    /// The number in each blank, in their order.
    numbers: Vec<usize>,
    zh: &'static str,
    /// Characters outside of blanks: of several sentences that fit, the one with the most is meant.
    weight: usize,
}

impl Template {
    fn new(en: &'static str, zh: &'static str) -> Self {
        let (mut pieces, mut numbers) = (Vec::new(), Vec::new());
        // The stop is not part of it: it may be missing where the sentence stands within another.
        let (mut rest, zh) = (en.strip_suffix('.').unwrap_or(en), zh.strip_suffix('\u{3002}').unwrap_or(zh));
        while let Some((before, behind)) = rest.split_once('{') {
            let (number, after) = behind.split_once('}').unwrap_or((behind, ""));
            pieces.push(before);
            numbers.push(number.parse().unwrap_or(0));
            rest = after;
        }
        pieces.push(rest);
        let weight = pieces.iter().map(|piece| piece.len()).sum();
        Self { pieces, numbers, zh, weight }
    }

    /// What stands in the blanks of a text that is this sentence.
    fn arguments<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let found = self.split(text)?;
        // A sentence that begins with a blank begins with a name, or with a sentence that is known.
        let begins = |start: &&str| is_name(start) || is_known(start);
        (!self.begins_with_blank() || found.first().is_some_and(begins)).then_some(found)
    }

    fn split<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let [first, middle @ .., last] = self.pieces.as_slice() else { return (self.pieces == [text]).then(Vec::new) };
        let mut rest = text.strip_prefix(first)?.strip_suffix(last)?;
        let mut found = Vec::new();
        for piece in middle {
            let (argument, behind) = rest.split_once(piece)?;
            found.push(argument);
            rest = behind;
        }
        found.push(rest);
        Some(found)
    }

    fn begins_with_blank(&self) -> bool {
        self.pieces.first().is_some_and(|piece| piece.is_empty())
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(' ')
}

/// Whether the tables know a text, without looking into what stands in its blanks.
fn is_known(text: &str) -> bool {
    let simple = |template: &Template| {
        template.split(text).is_some_and(|found| !template.begins_with_blank() || found.first().is_some_and(|name| is_name(name)))
    };
    super::table().contains_key(text) || templates().iter().any(simple)
}

/// A text of another machine in Chinese, as far as the tables know it; `None` where they know nothing of it.
pub fn translated(text: &str, depth: usize) -> Option<String> {
    if text.is_empty() || depth > DEEPEST || !text.is_ascii() && text.chars().any(is_chinese) {
        return None;
    }
    if let Some(zh) = super::table().get(text) {
        return Some((*zh).to_owned());
    }
    pieces(text, ". ", "\u{3002}", depth, false).or_else(|| {
        let (body, stop) = text.strip_suffix('.').map_or((text, ""), |body| (body, "\u{3002}"));
        let known = Some(body).filter(|body| !body.is_empty())?;
        Some(sentence(known, depth)? + stop)
    })
}

fn sentence(text: &str, depth: usize) -> Option<String> {
    if let Some(zh) = super::table().get(text) {
        return Some((*zh).to_owned());
    }
    if let Some(all) = pieces(text, "; ", "\u{ff1b}", depth, true) {
        return Some(all);
    }
    // Names in a row, as "D2D and USRP".
    if let Some((one, two)) = text.split_once(" and ").filter(|(one, two)| is_name(one) && is_name(two)) {
        return Some(format!("{one} \u{4e0e} {two}"));
    }
    let fitting = templates().iter().filter_map(|template| Some((template, template.arguments(text)?)));
    let Some((template, arguments)) = fitting.max_by_key(|(template, _)| template.weight) else {
        return pieces(text, "; ", "\u{ff1b}", depth, false);
    };
    let said: HashMap<usize, String> =
        template.numbers.iter().copied().zip(arguments.into_iter().map(|a| kept(a, depth))).collect();
    Some(super::filled(template.zh, |number| said.get(&number).cloned()))
}

/// Several sentences in a row, where `all` or at least one of them are known.
fn pieces(text: &str, between: &str, zh: &str, depth: usize, all: bool) -> Option<String> {
    let parts: Vec<&str> = text.split(between).collect();
    if parts.len() < 2 {
        return None;
    }
    let said: Vec<Option<String>> = parts.iter().map(|part| translated(part, depth + 1)).collect();
    let known = said.iter().filter(|part| part.is_some()).count();
    let enough = if all { known == parts.len() } else { known > 0 };
    let words = said.into_iter().zip(parts).map(|(said, part)| said.unwrap_or_else(|| part.to_owned()));
    enough.then(|| words.collect::<Vec<_>>().join(zh))
}

fn kept(text: &str, depth: usize) -> String {
    translated(text, depth + 1).unwrap_or_else(|| text.to_owned())
}

fn is_chinese(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn templates() -> &'static [Template] {
    static TEMPLATES: OnceLock<Vec<Template>> = OnceLock::new();
    TEMPLATES
        .get_or_init(|| super::said_by_others().filter(|(en, _)| en.contains('{')).map(|(en, zh)| Template::new(en, zh)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::ui::lang::Lang;

    #[test]
    fn sentences_are_known_with_what_stands_in_their_blanks() {
        for (en, zh) in [
            ("server2 is carrying out M", "server2 正在执行 M"),
            ("M was not begun: server1 runs nothing that could be moved", "M 未开始：server1 上没有可迁移的业务"),
            (
                "M was not begun: the USRP process of server1 does not offer the method hot: it moves by cold only",
                "M 未开始：server1 的 USRP 进程不能以 hot 迁移，只能以 cold 迁移",
            ),
            (
                "the D2D process of server1 does not offer the method hot: it moves by classic and cold only",
                "server1 的 D2D 进程不能以 hot 迁移，只能以 classic 与 cold 迁移",
            ),
            ("server1 still serves.", "server1 仍在提供服务。"),
            ("server1 already runs D2D and USRP", "server1 上已在运行 D2D 与 USRP"),
            (
                "M was not begun: server2 already runs D2D; server1 runs nothing that could be moved",
                "M 未开始：server2 上已在运行 D2D；server1 上没有可迁移的业务",
            ),
            ("server1 alone points eth3 at it, but epoch 3 is server2's", "仅 server1 的 eth3 指向它，但第 3 任期属于 server2"),
            ("Nobody serves now: DS starts server1 again.", "当前无服务：DS 可重新启动 server1。"),
            ("ask again when it is over", "待其结束后重试"),
            (
                "/a/console.toml, line 2, key `keys.freze`: there is no such action; they are DS, KL",
                "/a/console.toml 第 2 行，键 `keys.freze`：没有这个操作；可用：DS, KL",
            ),
            (
                "server1 alone points eth3 at it and owns it under epoch 3, says server1 and server2",
                "仅 server1 的 eth3 指向它，任期 3，由 server1 与 server2 报告",
            ),
        ] {
            assert_eq!(Lang::Zh.said(en), zh);
            assert_eq!(Lang::En.said(en), en);
        }
    }

    #[test]
    fn what_is_not_known_stays_as_it_was_said() {
        for text in
            ["", ".", "segfault at 0: . ; ", "a sentence that nobody wrote. Another", "射频设备 is up", "{0}", "; ; ", ". . "]
        {
            assert_eq!(Lang::Zh.said(text), text);
        }
        // Of two sentences the one that is known is said.
        assert_eq!(Lang::Zh.said("It blew up. server1 still serves."), "It blew up。server1 仍在提供服务。");
    }

    /// Literals of a file, with empty blanks.
    fn literals(path: &Path, found: &mut BTreeSet<String>) {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        let (mut at, bytes) = (0, code.as_bytes());
        while let Some(begin) = code[at..].find('"').map(|i| at + i) {
            let end = (begin + 1..bytes.len()).find(|i| bytes[*i] == b'"' && bytes[*i - 1] != b'\\');
            let Some(end) = end else { break };
            if !code[..begin].ends_with('\'') {
                found.insert(without_names(&code[begin + 1..end].replace("\\\"", "\"")));
                at = end + 1;
            } else {
                at = begin + 1;
            }
        }
    }

    fn without_names(text: &str) -> String {
        let mut out = String::new();
        let mut inside = false;
        for c in text.chars() {
            if !inside || c == '}' {
                out.push(c);
            }
            inside = (inside || c == '{') && c != '}';
        }
        out
    }

    fn sources(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let tests = path.file_stem().is_some_and(|name| name == "tests");
            match path.is_dir() {
                true if !tests => sources(&path, found),
                false if !tests && path.extension().is_some_and(|e| e == "rs") => literals(&path, found),
                _ => {}
            }
        }
    }

    fn said_in(folders: &[&str]) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        folders.iter().for_each(|folder| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found));
        found
    }

    /// A sentence that nobody says any more would only make the table longer.
    #[test]
    fn every_sentence_of_the_table_is_said_by_somebody() {
        let said = said_in(&[
            "src/agent",
            "src/migration",
            "src/link",
            "src/metrics",
            "src/mover",
            "crates/protocol/src",
            "crates/radio/src",
        ]);
        assert!(said.len() > 500, "{}", said.len());
        let stale: Vec<&str> =
            super::super::zh_said::TABLE.iter().map(|(en, _)| *en).filter(|en| !said.contains(&without_names(en))).collect();
        assert!(stale.is_empty(), "nobody says {stale:#?}");
    }

    /// Every check, refusal and verdict of the engine is known.
    #[test]
    fn every_check_and_verdict_is_known() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/migration");
        let mut said = BTreeSet::new();
        for file in ["check.rs", "check/offered.rs", "standing.rs", "decision.rs", "hold.rs", "progress.rs"] {
            literals(&folder.join(file), &mut said);
        }
        said.retain(|text| text.len() > 14 && text.trim().contains(' ') && !text.contains('\n'));
        assert!(said.len() > 60, "{}", said.len());
        let unknown: Vec<String> =
            said.into_iter().filter(|text| !Lang::Zh.said(&text.replace("{}", "x1")).chars().any(is_chinese)).collect();
        assert!(unknown.is_empty(), "not in the table of what agents say: {unknown:#?}");
    }
}

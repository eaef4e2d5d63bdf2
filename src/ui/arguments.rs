//! What may be typed behind the name of a command: `M hot hold`, `method cold`, `plan MB`, `interval 10ms`.

use super::action::{self, Action, Entry};
use super::lang::Lang;
use super::methods::methods;
use protocol::{Form, Method, Order};

/// What is copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyWhat {
    /// The identity of the run that the screen shows.
    Run,
    /// What was measured in it, as `baton do` prints it.
    Figures,
    /// The last error of the log, and what to do about it.
    Error,
}

/// What may be typed behind `copy`.
const COPY_WORDS: [(&str, CopyWhat); 3] = [("run", CopyWhat::Run), ("figures", CopyWhat::Figures), ("error", CopyWhat::Error)];

/// The arguments of a typed command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Arguments {
    /// A method of migration.
    pub method: Option<Method>,
    /// `hold`.
    pub hold: bool,
    /// A migration.
    pub order: Option<Order>,
    /// Time between pings, ms.
    pub interval_ms: Option<f64>,
    /// What to copy.
    pub copy: Option<CopyWhat>,
}

/// Kinds of arguments that an action takes: method, hold, order, interval.
fn takes(action: Action) -> [bool; 4] {
    match action {
        Action::Order(order) if order.is_migration() => [true, true, false, false],
        Action::Method => [true, false, false, false],
        Action::Check | Action::Plan => [true, false, true, false],
        Action::Interval => [false, false, false, true],
        _ => [false; 4],
    }
}

/// Arguments that an action takes, for completion.
pub fn offered(form: Form, action: Action) -> Vec<String> {
    let [method, hold, order, interval] = takes(action);
    let mut words: Vec<String> = Vec::new();
    words.extend(COPY_WORDS.into_iter().filter(|_| action == Action::Copy).map(|(word, _)| word.to_owned()));
    words.extend(methods(form).filter(|_| method).map(|method| method.to_string()));
    words.extend(hold.then(|| "hold".into()));
    words.extend([Order::M, Order::MB].into_iter().filter(|_| order).map(|order| order.to_string()));
    words.extend(["1ms", "10ms", "100ms"].into_iter().filter(|_| interval).map(str::to_owned));
    words
}

/// Completions of a command line: names that begin with it, in any case; behind a name, the arguments that it takes.
pub fn completions(form: Form, line: &str) -> Vec<String> {
    let begins = |name: &str, prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    let Some((before, last)) = line.rsplit_once(' ') else {
        return action::names().filter(|name| begins(name, line)).map(str::to_owned).collect();
    };
    let action = before.split_whitespace().next().and_then(action::by_name).map(|entry| entry.action);
    let words = action.map_or_else(Vec::new, |action| offered(form, action));
    words.into_iter().filter(|word| begins(word, last)).map(|word| format!("{before} {word}")).collect()
}

/// What is wrong with a word, and the words that are nearest to it.
pub fn refused(form: Form, entry: &Entry, word: &str, lang: Lang) -> String {
    let words = offered(form, entry.action);
    let near = action::nearest(word, words.iter().map(String::as_str));
    match words.is_empty() {
        true => lang.fill("{0} takes no arguments", &[&entry.names[0]]),
        false if near.is_empty() => lang.fill("{0} does not take \"{1}\", try {2}", &[&entry.names[0], &word, &words.join(", ")]),
        false => lang.fill("{0} does not take \"{1}\", try {2}", &[&entry.names[0], &word, &near.join(", ")]),
    }
}

/// The command with its wrong word replaced by the ones nearest to it.
pub fn corrected(form: Form, entry: &Entry, name: &str, rest: &str, wrong: &str) -> Vec<String> {
    let words = offered(form, entry.action);
    let near = action::nearest(wrong, words.iter().map(String::as_str));
    let with = |better: &str| {
        let words: Vec<&str> = rest.split_whitespace().map(|word| if word == wrong { better } else { word }).collect();
        format!("{name} {}", words.join(" "))
    };
    near.into_iter().map(with).collect()
}

impl Arguments {
    /// Reads them; the first that the action does not take is returned.
    pub fn parse(form: Form, action: Action, text: &str) -> Result<Self, &str> {
        let [method, hold, order, interval] = takes(action);
        let mut words = Self::default();
        for word in text.split_whitespace() {
            let lower = word.to_ascii_lowercase();
            let as_method = methods(form).find(|known| known.to_string() == lower).filter(|_| method);
            let as_order = word.parse::<Order>().ok().filter(|parsed| order && parsed.is_migration());
            let as_interval = time_ms(&lower).filter(|_| interval);
            let as_copy = COPY_WORDS.into_iter().find(|(known, _)| action == Action::Copy && *known == lower);
            match () {
                () if as_method.is_some() => words.method = as_method,
                () if hold && lower == "hold" => words.hold = true,
                () if as_order.is_some() => words.order = as_order,
                () if as_interval.is_some() => words.interval_ms = as_interval,
                () if as_copy.is_some() => words.copy = as_copy.map(|(_, what)| what),
                () => return Err(word),
            }
        }
        Ok(words)
    }
}

/// `10`, `10ms` or `0.01s` as milliseconds; the far end checks the range.
fn time_ms(text: &str) -> Option<f64> {
    config::time::parse(text).ok().map(config::time::milliseconds).filter(|ms| *ms > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_their_command_takes() {
        let m = Action::Order(Order::M);
        assert_eq!(
            Arguments::parse(Form::Processes, m, "HOT hold"),
            Ok(Arguments { method: Some(Method::Hot), hold: true, ..Arguments::default() })
        );
        assert_eq!(
            Arguments::parse(Form::Processes, Action::Plan, "mb cold").map(|w| (w.order, w.method)),
            Ok((Some(Order::MB), Some(Method::Cold)))
        );
        for (text, ms) in [("10", 10.0), ("1ms", 1.0), ("0.05s", 50.0)] {
            assert_eq!(Arguments::parse(Form::Processes, Action::Interval, text).map(|w| w.interval_ms), Ok(Some(ms)));
        }
        for (action, text, word) in [
            (m, "hot warm", "warm"),
            (Action::Order(Order::DS), "hot", "hot"),
            (Action::Plan, "DS", "DS"),
            (Action::Interval, "-3", "-3"),
            (Action::Interval, "nan", "nan"),
            (Action::Help, "me", "me"),
        ] {
            assert_eq!(Arguments::parse(Form::Processes, action, text), Err(word));
        }
        assert_eq!(offered(Form::Processes, Action::Method), ["cold", "classic", "hot", "seamless"]);
        // What the work is decides by what it moves.
        assert_eq!(offered(Form::Pod, Action::Method), ["criu"]);
        assert_eq!(Arguments::parse(Form::Pod, m, "hot"), Err("hot"));
    }
    #[test]
    fn a_prefix_completes_to_the_names_that_begin_with_it() {
        assert_eq!(completions(Form::Processes, "mi"), ["Migration", "migrate"]);
        assert_eq!(completions(Form::Processes, "d"), ["DS", "DSR", "disarm", "drain"]);
        assert!(completions(Form::Processes, "\u{e9}").is_empty());
    }
}

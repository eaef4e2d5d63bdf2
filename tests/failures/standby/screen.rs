//! The real console beside a lab, in a terminal of its own, and what of it tells of the service and the standby.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::Instant;

use super::super::outside::{LOOK, POOL};
use crate::common::lab::Lab;
use crate::common::pty::{Line, Terminal};

/// Rows and columns: all sentences in one line.
const SIZE: (u16, u16) = (60, 200);

/// What the screen says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    /// SERVING, STARTING, DOWN or UNKNOWN.
    pub word: String,
    /// The header's word about the radio's owner.
    pub owner: String,
    /// Between the servers, where the service is down or a host is not heard: headline, next key and cause.
    pub story: String,
    /// What each server's panel says of its standby; empty where it is none.
    pub standby: [String; 2],
    /// Whose panel says that its figures are old.
    pub stale: [bool; 2],
}

impl Shown {
    /// The host that is armed, by both networks.
    pub fn armed(&self) -> Option<&'static str> {
        let armed = |host: &usize| self.standby[*host].starts_with("armed: follows") && !self.stale[*host];
        [0, 1].iter().find(|host| armed(host)).map(|host| POOL[*host])
    }

    /// Word and story in a sentence.
    pub fn verdict(&self) -> String {
        if self.story.is_empty() { self.word.clone() } else { format!("{}: {}", self.word, self.story) }
    }

    /// The standby's words in a sentence.
    pub fn standby(&self) -> Option<String> {
        let said = |host: usize| {
            let old = if self.stale[host] { " (old)" } else { "" };
            (!self.standby[host].is_empty()).then(|| format!("{} {}{old}", POOL[host], self.standby[host]))
        };
        said(0).or_else(|| said(1))
    }
}

/// A running console; ended when dropped.
pub struct Screen {
    /// What was shown since when.
    log: Arc<Mutex<Vec<(Instant, Shown)>>>,
    terminal: Arc<Terminal>,
    end: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Screen {
    pub fn beside(lab: &Lab) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_baton"));
        command.args(["--in", &lab.name, "console", "--lang", "en"]).env("XDG_STATE_HOME", lab.state.path());
        // No settings of whoever runs the tests.
        command.env("XDG_CONFIG_HOME", lab.state.path());
        let terminal = Arc::new(Terminal::start(&mut command, SIZE, Line::Fast));
        terminal.wait_for("owner");
        let (log, end) = (Arc::<Mutex<Vec<_>>>::default(), Arc::new(AtomicBool::new(false)));
        let reader = {
            let (log, end, terminal) = (Arc::clone(&log), Arc::clone(&end), Arc::clone(&terminal));
            thread::spawn(move || read(&terminal, &log, &end))
        };
        Self { log, terminal, end, reader: Some(reader) }
    }

    /// What is shown now.
    pub fn now(&self) -> Shown {
        self.log.lock().unwrap().last().map(|(_, shown)| shown.clone()).unwrap_or_default()
    }

    /// What was shown from then on, and first at that moment.
    pub fn since(&self, since: Instant) -> Vec<(Instant, Shown)> {
        let log = self.log.lock().unwrap();
        let first = log.partition_point(|(at, _)| *at <= since).saturating_sub(1);
        log[first..].to_vec()
    }

    /// Everything on it, for people.
    pub fn contents(&self) -> String {
        self.terminal.contents()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.reader.take().map(JoinHandle::join);
    }
}

/// A frame may be read while it is drawn: what two looks see counts.
fn read(terminal: &Terminal, log: &Mutex<Vec<(Instant, Shown)>>, end: &AtomicBool) {
    let mut before: Option<(Instant, Shown)> = None;
    while !end.load(Ordering::Relaxed) {
        let Some(shown) = parse(&terminal.contents()) else {
            sleep(LOOK);
            continue;
        };
        match &before {
            Some((at, earlier)) if *earlier == shown => {
                let mut log = log.lock().unwrap();
                if log.last().is_none_or(|(_, last)| *last != shown) {
                    log.push((*at, shown));
                }
            }
            _ => before = Some((Instant::now(), shown)),
        }
        sleep(LOOK);
    }
}

/// None of a frame that has not the panels.
fn parse(contents: &str) -> Option<Shown> {
    let mut rows = contents.lines();
    let header: Vec<&str> = rows.next()?.split("  ").map(str::trim).filter(|part| !part.is_empty()).collect();
    let [brand, word, owner, ..] = header.as_slice() else { return None };
    let word = word.split_whitespace().next().filter(|_| *brand == "baton")?;
    let rows: Vec<Vec<char>> = rows.map(|row| row.chars().collect()).collect();
    let top = rows.first()?;
    let at = |set: &[char]| -> Vec<usize> { (0..top.len()).filter(|&column| set.contains(&top[column])).collect() };
    let (begins, ends) = (at(&['┏', '┌']), at(&['┓', '┐']));
    // The servers', and the radio's between them.
    let ([left, _, right], [left_end, _, right_end]) = (begins.as_slice(), ends.as_slice()) else { return None };
    let panels = [(*left, *left_end), (*right, *right_end)];
    let part = |row: &Vec<char>, from: usize, to: usize| -> String {
        row.get(from.min(row.len())..to.min(row.len())).unwrap_or_default().iter().collect()
    };
    let height = rows.iter().position(|row| row.get(*left).is_some_and(|c| ['┗', '└'].contains(c)))?;
    let mut shown = Shown { word: word.to_owned(), owner: owner_of(owner), ..Shown::default() };
    for (host, (from, to)) in panels.into_iter().enumerate() {
        shown.stale[host] = part(top, from, to).contains("old") || part(top, from, to).contains(" ago ");
        let words = rows[1..height].iter().map(|row| part(row, from + 1, to));
        let standby = words.filter_map(|row| row.trim().strip_prefix("standby").map(|words| without_figures(words.trim()))).next();
        shown.standby[host] = standby.unwrap_or_default();
    }
    let middle: Vec<String> = rows[1..height].iter().map(|row| part(row, left_end + 1, *right).trim().to_owned()).collect();
    let told = middle.iter().position(|row| row.contains("SERVICE ") || row.contains("IS NOT HEARD"));
    if let Some(told) = told {
        let story: Vec<String> = middle[told..].iter().filter(|row| !row.is_empty()).map(|row| without_figures(row)).collect();
        // The word stands in the header.
        let story: Vec<&String> = story.iter().filter(|row| !row.starts_with("SERVICE ")).collect();
        shown.story = story.iter().map(|row| row.trim_end_matches('.')).collect::<Vec<_>>().join("; ");
    }
    Some(shown)
}

/// Without epoch and age.
fn owner_of(text: &str) -> String {
    let name = text.split(',').next().unwrap_or(text);
    if text.ends_with(" ago") { format!("{name} (old)") } else { name.to_owned() }
}

/// Figures that change all the time say nothing new.
fn without_figures(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = |(index, word): (usize, &&str)| {
        let is_figure =
            word.parse::<f64>().is_ok() && words.get(index + 1).is_some_and(|next| next.starts_with("ms") || next.starts_with('s'));
        let limit = index.checked_sub(1).is_some_and(|before| words[before] == "after");
        if is_figure && !limit { "...".to_owned() } else { (*word).to_owned() }
    };
    words.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_frame_is_read() {
    let frame = "\
  baton   DOWN for 3 s  owner server1, epoch 3  method hot                                      2026-11-20 09:56:24 UTC
 ┏ server1 ━━━━━━━━━━━━━━━━━━ SERVICE DOWN ┓      ┌────── N210 ──────┐      ┌ server2 ─────────────── ARMED STANDBY ┐
 ┃ agent   connected  up 3 m 10 s          ┃      │   192.168.10.2   │      │ agent   connected  up 3 m 10 s          │
 ┃ d2d     RUNNING  pid 4312  2 m 02 s     ┃◀┅┅┅┅┅│ set to 6.25 Msps │      │ standby armed: follows server1, 0.4 ms behind, takes over after 20 ms
 ┃  sync   in sync 2 m 01 s                ┃      └──────────────────┘      │  sync   -                               │
 ┃  link   EVM -  CFO -                    ┃     server1 owns the radio     │  load   -                               │
 ┃  lost   2 subframes  BLER -             ┃      SERVICE DOWN for 3 s      │ usrp    stopped                         │
 ┃  load   31 % of a core, 12.3 MB         ┃    R recovers it on server1    │  stream -                               │
 ┃ usrp    DIED: signal: 9 (SIGKILL)       ┃the USRP process of server1 died│  load   -                               │
 ┗━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┛                                └─────────────────────────────────────────┘
";
    let shown = parse(frame).unwrap();
    assert_eq!((shown.word.as_str(), shown.owner.as_str()), ("DOWN", "owner server1"));
    assert_eq!(shown.verdict(), "DOWN: R recovers it on server1; the USRP process of server1 died");
    assert!(shown.standby[1].starts_with("armed: follows server1, ... ms"), "{shown:?}");
    assert_eq!((shown.armed(), shown.stale), (Some("server2"), [false; 2]));
    assert_eq!(without_figures("takes over after 20 ms"), "takes over after 20 ms");
    assert_eq!(parse("baton needs 60 x 16"), None);
}

//! Lines for whoever reads a program's standard error.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Writes the log to standard error from now on: what the environment variable `variable` asks for, e.g. `debug` or `info,baton::link=trace`, else
/// what is at least as grave as `default`. A process that logs already goes on as it does. A reader that is gone or stalls costs lines only.
pub fn to_stderr(variable: &str, default: LevelFilter) {
    let asked = std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let targets: Targets = asked.unwrap_or_else(|| Targets::new().with_default(default));
    let to_journal = is_journal(std::env::var("JOURNAL_STREAM").ok().as_deref(), "/proc/self/fd/2");
    let for_people = (!to_journal).then(|| lines(|| output::LogWriter, io::stderr().is_terminal()));
    let for_journal = to_journal.then(|| journal_lines(|| output::LogWriter));
    // Fails only when a log is set up already.
    let _ = tracing_subscriber::registry().with(for_people).with(for_journal).with(targets).try_init();
}

/// Whether a descriptor is the stream to the journal that systemd names as `device:inode` (JOURNAL_STREAM in systemd.exec(5)).
fn is_journal(named: Option<&str>, descriptor: &str) -> bool {
    let found = std::fs::metadata(descriptor).ok().map(|found| format!("{}:{}", found.dev(), found.ino()));
    named.is_some() && found.as_deref() == named
}

/// Events as lines for the journal, which has time and process by itself and takes the level from the front of the line (sd-daemon(3)).
fn journal_lines<S, W>(to: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(Prefixed(to)).with_ansi(false).with_level(false).without_time();
    layer.fmt_fields(quoted()).log_internal_errors(false)
}

/// Begins each line with its level as the journal reads it.
struct Prefixed<M>(M);

struct PrefixedWriter<W> {
    to: W,
    prefix: &'static str,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for Prefixed<M> {
    type Writer = PrefixedWriter<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        PrefixedWriter { to: self.0.make_writer(), prefix: "<6>" }
    }

    fn make_writer_for(&'a self, event: &Metadata<'_>) -> Self::Writer {
        let prefix = match *event.level() {
            Level::ERROR => "<3>",
            Level::WARN => "<4>",
            Level::INFO => "<6>",
            Level::DEBUG | Level::TRACE => "<7>",
        };
        PrefixedWriter { to: self.0.make_writer(), prefix }
    }
}

impl<W: Write> Write for PrefixedWriter<W> {
    /// A whole line at once, as the layer gives it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.to.write_all(&[self.prefix.as_bytes(), line].concat())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Events as lines. What a line quotes (a workload's last words, a peer's name) acts on nobody's terminal, whoever wrote it.
fn lines<S, W>(to: W, colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(colours);
    // Without its complaints about lines that could not be written: they would go to the same place, and panic there.
    layer.fmt_fields(quoted()).log_internal_errors(false)
}

fn quoted() -> impl for<'a> FormatFields<'a> + 'static {
    let quoted = debug_fn(|out, field, value| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => out.write_str(&output::one_line(&text)),
            name => write!(out, "{name}={}", output::one_line(&text)),
        }
    });
    quoted.delimited(" ")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(colours: bool, event: impl FnOnce()) -> String {
        let kept = Kept::default();
        let to = kept.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(lines(move || to.clone(), colours)), event);
        kept.text()
    }

    #[test]
    fn the_journal_gets_the_level_in_front_of_the_line() {
        let kept = Kept::default();
        let to = kept.clone();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(journal_lines(move || to.clone())), || {
            tracing::error!("bad\nthing");
            tracing::warn!("odd thing");
            tracing::info!(by = "me", "thing");
            tracing::debug!("small thing");
        });
        let target = module_path!();
        let lines = [("3", "bad\\nthing"), ("4", "odd thing"), ("6", "thing by=\"me\""), ("7", "small thing")];
        let wanted: String = lines.iter().map(|(level, text)| format!("<{level}>{target}: {text}\n")).collect();
        assert_eq!(kept.text(), wanted);
    }

    #[test]
    fn only_the_stream_that_systemd_names_is_the_journal() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let found = file.as_file().metadata().unwrap();
        let (path, name) = (file.path().to_str().unwrap(), format!("{}:{}", found.dev(), found.ino()));
        assert!(is_journal(Some(&name), path));
        assert!(!is_journal(Some("1:2"), path) && !is_journal(None, path) && !is_journal(Some(&name), "/nowhere"));
    }

    #[test]
    fn words_of_others_are_one_line_that_does_not_act() {
        const HOSTILE: &str = "a\u{1b}[31mred\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\r\nINFO fake";
        let line = logged(false, || tracing::info!(by = %HOSTILE, "D2D: {HOSTILE}"));
        assert_eq!(line.chars().filter(|&c| output::acts(c)).collect::<String>(), "\n", "{line}");
        assert!(line.contains("D2D: a\\x1b[31mred") && line.contains("by=a\\x1b[31mred"), "{line}");
        // Colours of our own stay, on a terminal.
        let coloured = logged(true, || tracing::info!("D2D: {HOSTILE}"));
        assert!(coloured.contains('\u{1b}') && !coloured.contains("\u{1b}[31m") && coloured.contains("\\x1b[31mred"), "{coloured}");
    }
}

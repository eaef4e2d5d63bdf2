//! Lines for whoever reads a program's standard error.

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::field::MakeExt;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Writes the log to standard error from now on: what the environment variable `variable` asks for, e.g. `debug` or `info,baton::link=trace`, else
/// what is at least as grave as `default`. A process that logs already goes on as it does. A reader that is gone or stalls costs lines only.
pub fn to_stderr(variable: &str, default: LevelFilter) {
    let asked = std::env::var(variable).ok().and_then(|text| text.parse().ok());
    let targets: Targets = asked.unwrap_or_else(|| Targets::new().with_default(default));
    let lines = lines(|| output::LogWriter, std::io::stderr().is_terminal());
    // Fails only when a log is set up already.
    let _ = tracing_subscriber::registry().with(lines).with(targets).try_init();
}

/// Events as lines. What a line quotes (a workload's last words, a peer's name) acts on nobody's terminal, whoever wrote it.
fn lines<S, W>(to: W, colours: bool) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let quoted = debug_fn(|out, field, value| {
        let text = format!("{value:?}");
        match field.name() {
            "message" => out.write_str(&output::one_line(&text)),
            name => write!(out, "{name}={}", output::one_line(&text)),
        }
    });
    let layer = tracing_subscriber::fmt::layer().with_writer(to).with_ansi(colours);
    // Without its complaints about lines that could not be written: they would go to the same place, and panic there.
    layer.fmt_fields(quoted.delimited(" ")).log_internal_errors(false)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

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
        let bytes = kept.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
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

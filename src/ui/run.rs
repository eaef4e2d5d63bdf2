//! The driver: terminal, clock, link and requests around the pure core. The loop never waits for a host.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::model::Model;
use super::msg::{Effect, Msg};
use super::runs::replay::Replay;
use super::terminal::{Screen, broken};
use super::theme::{Skin, ThemeName};
use super::update::update;
use super::{Args, export};
use crate::config::Config;
use crate::link::client::Client;
use crate::link::telemetry;
use crate::metrics::records;
use crate::protocol::{ErrorCode, Failure};

/// Shortest time between two frames: at most twenty a second.
const FRAME: Duration = Duration::from_millis(50);
/// Shortest time between two frames while nobody types and nothing moves.
const REST: Duration = Duration::from_millis(100);
/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(250);
/// Messages of the link taken in before the next look at the keys.
const BATCH: usize = 32;

/// Runs the console until the operator leaves.
///
/// # Errors
/// The terminal or the link could not be used.
pub fn run(config: Config, args: &Args) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::new(ErrorCode::Environment, format!("the console can not start: {e}")))?;
    let farewell = runtime.block_on(async {
        let mut driver = Driver::new(config, args)?;
        let result = driver.until_left().await;
        let farewell = std::mem::take(&mut driver.model.farewell);
        // The terminal is restored here, before anything is said.
        drop(driver);
        result.map(|()| farewell)
    });
    // A request still under way does not keep the operator.
    runtime.shutdown_background();
    let farewell = farewell?;
    for line in &farewell {
        eprintln!("baton: {line}");
    }
    Ok(if farewell.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

struct Driver {
    model: Model,
    client: Arc<Client>,
    config: Arc<Config>,
    export_dir: PathBuf,
    started: Instant,
    /// Results of what was spawned.
    done: (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    next_frame: Instant,
    left: bool,
    screen: Screen,
}

impl Driver {
    fn new(config: Config, args: &Args) -> Result<Self, Failure> {
        let config = Arc::new(config);
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let theme = if no_color { ThemeName::Mono } else { args.theme };
        let model = Model::new(config.clone(), Skin::new(theme, args.ascii), Some(operator()), Utc::now());
        let client = Arc::new(Client::new(config.clone())?);
        let export_dir = args.export_dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let (started, done) = (Instant::now(), mpsc::channel(BATCH));
        Ok(Self { model, client, config, export_dir, started, done, next_frame: started, left: false, screen: Screen::take()? })
    }

    async fn until_left(&mut self) -> Result<(), Failure> {
        let mut keys = EventStream::new();
        let mut heard = telemetry::subscribe(self.config.clone());
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let (mut term, mut hang_up) = (listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
        while !self.left {
            tokio::select! {
                event = keys.next() => match event {
                    Some(event) => self.terminal_event(event.map_err(|e| broken(&e))?),
                    None => return Ok(()),
                },
                Some(message) = heard.recv() => {
                    self.take(Msg::Heard(message));
                    for _ in 0..BATCH {
                        let Ok(message) = heard.try_recv() else { break };
                        self.take(Msg::Heard(message));
                    }
                }
                Some(message) = self.done.1.recv() => self.take(message),
                _ = clock.tick() => self.tick(),
                // A replay moves without telemetry.
                () = sleep(FRAME), if self.model.replay.as_ref().is_some_and(Replay::is_moving) => self.tick(),
                () = sleep_until(self.next_frame), if self.model.dirty => self.frame()?,
                _ = term.recv() => return Ok(()),
                _ = hang_up.recv() => return Ok(()),
            }
        }
        Ok(())
    }

    fn terminal_event(&mut self, event: Event) {
        let message = match event {
            Event::Key(key) => Msg::Key(key),
            Event::Paste(text) => Msg::Paste(text),
            Event::Resize(..) => Msg::Resize,
            Event::FocusGained | Event::FocusLost | Event::Mouse(_) => return,
        };
        self.take(message);
        // What the operator does is seen at once.
        self.next_frame = self.next_frame.min(Instant::now() + FRAME);
    }

    fn tick(&mut self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let effects = update(&mut self.model, Msg::Tick { now_ms, at: Utc::now() });
        debug_assert!(effects.is_empty(), "time alone does nothing outside");
    }

    fn take(&mut self, message: Msg) {
        self.tick();
        for effect in update(&mut self.model, message) {
            self.perform(effect);
        }
    }

    fn frame(&mut self) -> Result<(), Failure> {
        self.model.dirty = false;
        self.screen.draw(&self.model)?;
        let pause = if self.model.under_way().is_some() { FRAME } else { REST };
        self.next_frame = Instant::now() + pause;
        Ok(())
    }

    fn perform(&mut self, effect: Effect) {
        let done = self.done.0.clone();
        match effect {
            Effect::Leave => self.left = true,
            Effect::Request { host, command, deadline_ms, asked } => {
                let client = self.client.clone();
                tokio::spawn(async move {
                    let result = client.request(&host, command, Duration::from_millis(deadline_ms)).await;
                    let _ = done.send(Msg::Answer { asked, host, result }).await;
                });
            }
            Effect::LoadRuns => {
                let folder = self.config.records.clone();
                tokio::spawn(async move {
                    let read = tokio::task::spawn_blocking(move || records::load(&folder)).await;
                    let result = read.unwrap_or_else(|e| {
                        Err(Failure::new(ErrorCode::Internal, format!("the records were not read to the end: {e}")))
                    });
                    let _ = done.send(Msg::RunsLoaded(result)).await;
                });
            }
            Effect::Export => {
                let Size { width, height } = crossterm::terminal::size().map_or(Size::new(120, 40), Size::from);
                let (picture, folder) = (export::of_screen(&self.model, width, height), self.export_dir.clone());
                tokio::spawn(async move {
                    let written = tokio::task::spawn_blocking(move || export::write(&picture, &folder)).await;
                    let result = written
                        .unwrap_or_else(|e| Err(Failure::new(ErrorCode::Internal, format!("the export was not finished: {e}"))));
                    let _ = done.send(Msg::Exported(result)).await;
                });
            }
        }
    }
}

fn listen(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|e| Failure::new(ErrorCode::Environment, format!("signals can not be received: {e}")))
}

/// Who sits here, as `user@host`.
fn operator() -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name);
    let user = std::env::var("USER").ok().or(user).unwrap_or_else(|| "unknown".into());
    let host = nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "unknown".into());
    format!("{user}@{host}")
}

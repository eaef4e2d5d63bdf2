//! The driver: terminal, clock, link and requests around the pure core. The loop never waits for a host.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::Utc;
use crossterm::event::{Event, EventStream};
use futures::{StreamExt, poll};
use ratatui::layout::Size;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};

use super::clients::Clients;
use super::export;
use super::held;
use super::methods::methods;
use super::model::Model;
use super::msg::{Effect, Msg, Purpose};
use super::place::Screen;
use super::reload::SettingsWatch;
use super::runs::MOST;
use super::runs::replay::Replay;
use super::sequences::{self, Notice};
use super::settings::Settings;
use super::terminal::{ConsoleTerminal, broken, panicked, size};
use super::theme::Theme;
use super::update::update;
use crate::link::telemetry;
use crate::metrics::records;
use config::{RadioName, RadioViews};
use protocol::{Command, ErrorCode, Failure, Level, operator_name};

/// Shortest time between two frames: at most twenty a second.
const FRAME: Duration = Duration::from_millis(50);
/// Shortest time between two frames at rest: figures that change more often cannot be read.
const REST: Duration = Duration::from_millis(250);
/// How often the clock is read.
const TICK: Duration = Duration::from_millis(250);
/// How far back the records are read, bytes: more than the newest that are kept usually are.
const READ_BACK: u64 = 32 << 20;
/// Messages of the link taken in before the next look at the keys.
const BATCH: usize = 32;

/// Runs the console until the operator leaves.
///
/// # Errors
/// The terminal or the link could not be used.
pub fn run(views: RadioViews, start: &Start, settings: &Settings, watch: SettingsWatch) -> Result<ExitCode, Failure> {
    let runtime = workload::runtime::current_thread()?;
    let farewell = runtime.block_on(async {
        let mut driver = Driver::new(views, start, settings)?;
        tokio::spawn(watch.watch(driver.done.0.clone()));
        let result = driver.until_left().await;
        let farewell = std::mem::take(&mut driver.model.farewell);
        let lang = driver.model.skin.lang;
        let clients = std::mem::replace(&mut driver.clients, Clients::new(driver.views.clone()));
        // The terminal is restored here, before anything is printed.
        match &result {
            Ok(()) => driver.screen.leave(),
            Err(_) => drop(driver),
        }
        for line in clients.give_up(lang).await {
            // Nobody need read it.
            let _ = writeln!(std::io::stderr(), "baton: {line}");
        }
        result.map(|()| farewell)
    });
    // A request still under way does not delay leaving.
    runtime.shutdown_background();
    let farewell = farewell?;
    for line in &farewell {
        output::say(&format!("baton: {line}"));
    }
    Ok(if farewell.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where a console begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The radio that it is about first.
    pub radio: RadioName,
    /// The page.
    pub screen: Screen,
}

struct Driver {
    model: Model,
    clients: Clients,
    views: Arc<RadioViews>,
    export_dir: PathBuf,
    /// The theme of exported pictures.
    pictures: Theme,
    notice: Notice,
    started: Instant,
    /// Results of what was spawned.
    done: (mpsc::Sender<Msg>, mpsc::Receiver<Msg>),
    next_frame: Instant,
    left: bool,
    screen: ConsoleTerminal,
}

impl Driver {
    fn new(views: RadioViews, start: &Start, settings: &Settings) -> Result<Self, Failure> {
        let view = RadioViews::clone(&views).into_view(Some(&start.radio))?;
        let views = Arc::new(views);
        let mut model = Model::new(Arc::new(view), settings.skin, Some(operator_name()), Utc::now());
        model.set(settings);
        model.in_pool(views.clone());
        model.screen = start.screen;
        model.method = methods(model.form()).find(|method| settings.method == Some(*method)).unwrap_or(model.method);
        settings.warnings.iter().for_each(|warning| model.say(Level::Warning, warning.clone()));
        let mut clients = Clients::new(views.clone());
        // A key that cannot be read is said before the screen is taken.
        clients.of(&start.radio)?;
        let export_dir = settings.export_dir.clone();
        let (started, done) = (Instant::now(), mpsc::channel(BATCH));
        let screen = ConsoleTerminal::acquire(settings.mouse, settings.depth)?;
        Ok(Self {
            model,
            clients,
            views,
            export_dir,
            pictures: settings.pictures,
            notice: settings.notice,
            started,
            done,
            next_frame: started,
            left: false,
            screen,
        })
    }

    async fn until_left(&mut self) -> Result<(), Failure> {
        let mut keys = EventStream::new();
        let mut heard = telemetry::subscribe_to_all(&self.views)?;
        let mut clock = interval(TICK);
        clock.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut signals = Signals::listen()?;
        while !self.left {
            if panicked() {
                return Err(Failure::new(ErrorCode::Internal, "the console has a fault, which is described above")
                    .hint("nothing was stopped on any host; start the console again"));
            }
            tokio::select! {
                event = keys.next() => {
                    // What came in one read came at one time, however long it takes to handle.
                    self.tick();
                    let mut next = Some(event);
                    while let Some(event) = next {
                        let Some(event) = event else { return Ok(()) };
                        self.terminal_event(event.map_err(|e| broken(&e))?);
                        // Asked with this task's waker: one that wakes nobody would let the next key lie until something else happens.
                        next = match poll!(keys.next()) {
                            Poll::Ready(event) if !self.left => Some(event),
                            _ => None,
                        };
                    }
                },
                Some(message) = heard.recv() => {
                    self.handle(Msg::Heard(message));
                    for _ in 0..BATCH {
                        let Ok(message) = heard.try_recv() else { break };
                        self.handle(Msg::Heard(message));
                    }
                }
                Some(message) = self.done.1.recv() => self.handle(message),
                _ = clock.tick() => self.tick(),
                // A replay moves without telemetry.
                () = sleep(FRAME), if self.model.replay.as_ref().is_some_and(Replay::is_moving) => self.tick(),
                () = sleep_until(self.next_frame), if self.model.dirty => self.frame()?,
                sent = self.screen.send(), if self.screen.busy() => sent.map_err(|e| broken(&e))?,
                told = signals.next() => match told {
                    SignalRequest::Leave => return Ok(()),
                    SignalRequest::Stop => self.suspend()?,
                    // After a SIGSTOP another program has used the terminal.
                    SignalRequest::Continue => self.reacquire()?,
                },
            }
        }
        Ok(())
    }

    fn terminal_event(&mut self, event: Event) {
        let message = match event {
            Event::Key(key) => Msg::Key(key),
            Event::Paste(text) => Msg::Paste(text),
            Event::Resize(..) => Msg::Resize,
            Event::Mouse(event) => Msg::Mouse(event, size()),
            Event::FocusGained | Event::FocusLost => return,
        };
        self.take(message);
        // The effect of a key is drawn soon.
        self.next_frame = self.next_frame.min(Instant::now() + FRAME);
    }

    fn tick(&mut self) {
        let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let effects = update(&mut self.model, Msg::Tick { now_ms, at: Utc::now() });
        debug_assert!(effects.is_empty(), "time alone does nothing outside");
    }

    fn handle(&mut self, message: Msg) {
        if let Msg::OfRadio(radio, message) = &message
            && let Msg::Answer { purpose: Purpose::Order(order), host, .. } = &**message
        {
            self.clients.answered(radio, *order, host);
        }
        self.tick();
        self.take(message);
    }

    fn take(&mut self, message: Msg) {
        for effect in update(&mut self.model, message) {
            self.perform(effect);
        }
    }

    fn frame(&mut self) -> Result<(), Failure> {
        self.model.dirty = false;
        self.screen.draw(&self.model)?;
        let seen = |model: &Model| model.screen == Screen::Pool && model.radios().values().any(|radio| radio.under_way().is_some());
        let pause = if self.model.under_way().is_some() || seen(&self.model) { FRAME } else { REST };
        self.next_frame = Instant::now() + pause;
        Ok(())
    }

    /// Ctrl-Z: the shell has the terminal until it says `fg`.
    fn suspend(&mut self) -> Result<(), Failure> {
        // A session leader has no shell that could continue it: it would stay stopped.
        if nix::unistd::getsid(None) == Ok(nix::unistd::getpid()) {
            let text = self.model.skin.lang.tr("not suspended: there is no shell to resume from");
            self.model.say(Level::Warning, text.to_owned());
            return Ok(());
        }
        self.screen.release();
        // To the whole group, as the terminal would: in a lab the process that the shell waits for is not this one. The signal that can
        // not be caught, because SIGTSTP is the one that we listen to.
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(0), nix::sys::signal::Signal::SIGSTOP)
            .map_err(|e| Failure::new(ErrorCode::Environment, format!("the console cannot be suspended: {e}")))?;
        self.reacquire()
    }

    fn reacquire(&mut self) -> Result<(), Failure> {
        self.model.dirty = true;
        self.screen.reacquire()
    }

    fn request(&mut self, radio: RadioName, host: String, command: Command, deadline_ms: u64, purpose: Purpose) {
        let (done, deadline) = (self.done.0.clone(), Duration::from_millis(deadline_ms));
        let lang = self.model.skin.lang;
        let client = self.clients.of(&radio);
        let command = self.clients.identified(&radio, &host, command);
        let holds = if purpose == Purpose::EndThenLeave { self.clients.take_holds_of(&radio) } else { Vec::new() };
        tokio::spawn(async move {
            let result = match (client, command) {
                (Err(failure), _) => Err(failure),
                (Ok(client), Command::Order(request)) => client.order(&host, request, deadline).await,
                (Ok(client), _) if !holds.is_empty() => {
                    held::give_up(&client, holds, lang).await;
                    held::end_when_free(&client, &host, deadline).await
                }
                (Ok(client), command) => client.request(&host, command, deadline).await,
            };
            let _ = done.send(Msg::OfRadio(radio, Box::new(Msg::Answer { purpose, host, result }))).await;
        });
    }

    /// The screen as it is exported: with all colours of its theme, whatever this terminal has.
    fn picture(&mut self) -> export::Picture {
        let Size { width, height } = size();
        let shown = std::mem::replace(&mut self.model.skin.theme, self.pictures);
        let frozen = self.model.frozen.as_mut().map(|frozen| std::mem::replace(&mut frozen.skin.theme, self.pictures));
        let picture = export::screen_picture(&self.model, width, height);
        self.model.skin.theme = shown;
        if let (Some(model), Some(theme)) = (&mut self.model.frozen, frozen) {
            model.skin.theme = theme;
        }
        picture
    }

    fn perform(&mut self, effect: Effect) {
        let done = self.done.0.clone();
        match effect {
            Effect::Leave => self.left = true,
            Effect::Suspend => {
                if let Err(failure) = self.suspend() {
                    self.model.farewell.push(failure.to_string());
                    self.left = true;
                }
            }
            Effect::Request { host, command, deadline_ms, purpose } => {
                let radio = self.model.radio().clone();
                self.request(radio, host, command, deadline_ms, purpose);
            }
            Effect::OfRadio(radio, effect) => match *effect {
                Effect::Request { host, command, deadline_ms, purpose } => {
                    self.request(radio, host, command, deadline_ms, purpose);
                }
                effect => self.perform(effect),
            },
            Effect::LoadRuns => {
                let folder = self.views.whole().records.clone();
                tokio::spawn(async move {
                    let read = tokio::task::spawn_blocking(move || records::latest(&folder, MOST, READ_BACK, |_| true)).await;
                    let result = read.unwrap_or_else(|e| {
                        Err(Failure::new(ErrorCode::Internal, format!("the records were not read to the end: {e}")))
                    });
                    let _ = done.send(Msg::RunsLoaded(result)).await;
                });
            }
            Effect::Copy(text) => self.screen.tell(sequences::clipboard(&text)),
            Effect::Notify(text) => {
                let text = if self.model.privacy { self.model.names().text(&text) } else { text };
                self.screen.tell(self.notice.bytes(&text));
            }
            Effect::Adopt(settings) => {
                (self.export_dir, self.pictures, self.notice) = (settings.export_dir, settings.pictures, settings.notice);
                self.screen.adopt(settings.mouse, settings.depth);
            }
            Effect::Export => {
                let (picture, folder) = (self.picture(), self.export_dir.clone());
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

/// Signals to the console.
struct Signals {
    end: [Signal; 4],
    stop: Signal,
    resume: Signal,
}

impl Signals {
    fn listen() -> Result<Self, Failure> {
        let listen =
            |kind| signal(kind).map_err(|e| Failure::new(ErrorCode::Environment, format!("signals cannot be received: {e}")));
        let end = [SignalKind::terminate(), SignalKind::hangup(), SignalKind::interrupt(), SignalKind::quit()];
        let [terminate, hang_up, interrupt, quit] = end.map(listen);
        Ok(Self {
            end: [terminate?, hang_up?, interrupt?, quit?],
            stop: listen(SignalKind::from_raw(nix::libc::SIGTSTP))?,
            resume: listen(SignalKind::from_raw(nix::libc::SIGCONT))?,
        })
    }

    async fn next(&mut self) -> SignalRequest {
        let [terminate, hang_up, interrupt, quit] = &mut self.end;
        tokio::select! {
            _ = terminate.recv() => SignalRequest::Leave,
            _ = hang_up.recv() => SignalRequest::Leave,
            _ = interrupt.recv() => SignalRequest::Leave,
            _ = quit.recv() => SignalRequest::Leave,
            _ = self.stop.recv() => SignalRequest::Stop,
            _ = self.resume.recv() => SignalRequest::Continue,
        }
    }
}

/// What a signal asks for.
enum SignalRequest {
    Leave,
    Stop,
    Continue,
}

//! The audit trail: a line of JSON for everything that somebody has asked this agent to change, in `audit.jsonl` beside the records, and a line in
//! the journal.

use std::fs::{OpenOptions, create_dir_all};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::link::server::AuditEntry;

/// Lines that wait for a disk that hangs. Further ones are in the journal alone.
const WAITING: usize = 256;
/// In the folder of the records.
const FILE: &str = "audit.jsonl";

/// An entry, and when it was answered.
#[derive(Serialize)]
struct Line<'a> {
    at: DateTime<Utc>,
    #[serde(flatten)]
    entry: &'a AuditEntry,
}

/// Writes in a thread of its own: nobody waits for the disk.
pub(super) fn writer(records: &Path) -> impl Fn(AuditEntry) + Send + Sync + 'static {
    let (sender, lines) = sync_channel(WAITING);
    let file = records.join(FILE);
    let started = thread::Builder::new().name("audit".into()).spawn(move || write_lines(&file, &lines));
    if let Err(e) = started {
        tracing::error!("the audit trail is in the journal alone: its thread could not be started: {e}");
    }
    move |entry| note(&sender, &entry)
}

fn note(sender: &SyncSender<String>, entry: &AuditEntry) {
    tracing::info!(target: "audit", "{entry}");
    // An entry is made of strings: it always has a JSON form.
    let line = serde_json::to_string(&Line { at: Utc::now(), entry }).unwrap_or_default();
    if let Err(TrySendError::Full(_)) = sender.try_send(line) {
        tracing::warn!("the disk hangs: a line of the audit trail is in the journal alone");
    }
}

fn write_lines(file: &Path, lines: &Receiver<String>) {
    let mut told = false;
    for line in lines {
        let folder = file.parent().unwrap_or(Path::new("."));
        let opened = create_dir_all(folder).and_then(|()| OpenOptions::new().create(true).append(true).mode(0o600).open(file));
        // In one piece: a reader sees whole lines.
        let written = opened.and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        match written {
            Ok(()) => told = false,
            Err(e) if !told => {
                told = true;
                tracing::warn!("the audit trail {} cannot be written, and is in the journal alone: {e}", file.display());
            }
            Err(_) => {}
        }
    }
}

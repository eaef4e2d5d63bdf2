//! Written, torn, numbered, and read from both ends.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::metrics::table::tests::run;
use protocol::Method;

#[test]
fn records_come_back_as_they_were_written() {
    let folder = tempfile::tempdir().unwrap();
    let records = folder.path().join("made/as/needed");
    assert_eq!(load(&records).unwrap(), Records::default());
    let runs = [run(Method::Classic, 0.125, Some(3)), run(Method::Cold, 1e3, None)];
    for run in &runs {
        append(&records, run).unwrap();
    }
    assert_eq!(load(&records).unwrap(), Records { runs: runs.to_vec(), ..Records::default() });
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&records), mode(&records.join(FILE))), (0o700, 0o600));
}

#[test]
fn a_torn_last_line_costs_that_line_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let kept = run(Method::Classic, 1.0, Some(1));
    append(folder.path(), &kept).unwrap();
    let whole = std::fs::read(&path).unwrap();
    // Torn anywhere within the second line.
    for cut in 1..whole.len() {
        let mut bytes = whole.clone();
        bytes.extend_from_slice(&whole[..cut]);
        std::fs::write(&path, &bytes).unwrap();
        let complete = cut == whole.len() - 1;
        let records = load(folder.path()).unwrap();
        assert_eq!(records.runs.len(), 1 + usize::from(complete), "cut at {cut}");
        assert_eq!(records.unreadable == 0, complete, "cut at {cut}");
        append(folder.path(), &kept).unwrap();
        assert_eq!(load(folder.path()).unwrap().runs.len(), 2 + usize::from(complete), "cut at {cut}");
    }
}

#[test]
fn a_full_disk_is_a_sentence() {
    let failure = append_to(Path::new("/dev"), "full", &run(Method::Classic, 1.0, None), LONGEST_FILE).unwrap_err();
    assert_eq!(failure.kind(), ErrorKind::StorageFull);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let failure = append(&folder.path().join("file"), &run(Method::Classic, 1.0, None)).unwrap_err();
    assert_eq!(failure.code, ErrorCode::Io);
    assert!(failure.message.contains("file/runs.jsonl"), "{failure}");
}

fn numbered(n: u32) -> RunRecord {
    RunRecord { run: format!("{n:08}"), ..run(if n.is_multiple_of(3) { Method::Cold } else { Method::Classic }, 1.0, None) }
}

fn names(records: &Records) -> Vec<u32> {
    records.runs.iter().map(|run| run.run.parse().unwrap()).collect()
}

#[test]
fn a_long_file_gets_a_number_and_everything_is_still_read() {
    let folder = tempfile::tempdir().unwrap();
    for n in 0..50 {
        append_to(folder.path(), FILE, &numbered(n), 4_000).unwrap();
    }
    let files = files::oldest_first(folder.path());
    assert!(files.len() > 3, "{files:?}");
    assert!(files.iter().all(|file| std::fs::metadata(file).unwrap().len() < 6_000));
    assert_eq!((files[0].ends_with("runs.1.jsonl"), files.last().unwrap().ends_with(FILE)), (true, true));
    assert_eq!(names(&load(folder.path()).unwrap()), (0..50).collect::<Vec<_>>());
    assert_eq!(names(&select(folder.path(), |run| run.run.ends_with('7')).unwrap()), [7, 17, 27, 37, 47]);
    assert_eq!(names(&latest(folder.path(), 3, u64::MAX, |_| true).unwrap()), [47, 48, 49]);
    assert_eq!(names(&latest(folder.path(), 14, u64::MAX, |run| run.method == Method::Cold).unwrap()).len(), 14);
    assert_eq!(names(&latest(folder.path(), usize::MAX, u64::MAX, |_| true).unwrap()), (0..50).collect::<Vec<_>>());
    // As many bytes as were asked for, and not one more.
    let some = latest(folder.path(), usize::MAX, 6_000, |_| true).unwrap();
    assert!(some.runs.len() > 3 && some.runs.len() < 20 && some.unreadable == 0, "{:?}", names(&some));
}

/// Agents of one lab write into one folder.
#[test]
fn writers_at_one_time_lose_nothing_while_files_are_numbered() {
    let folder = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let folder = folder.path();
            scope.spawn(move || (0..40).for_each(|n| append_to(folder, FILE, &numbered(100 * writer + n), 6_000).unwrap()));
        }
    });
    let mut found = names(&load(folder.path()).unwrap());
    found.sort_unstable();
    assert_eq!(found, (0..4).flat_map(|writer| (0..40).map(move |n| 100 * writer + n)).collect::<Vec<u32>>());
}

#[test]
fn the_end_is_found_whatever_stands_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    let line = |n: u32| serde_json::to_string(&numbered(n)).unwrap();
    let garbage = "x".repeat(200_000);
    for (text, expected, unreadable) in [
        (String::new(), vec![], 0),
        ("\n\n".into(), vec![], 0),
        (line(1), vec![1], 0),
        (format!("{}\n{}\n", line(1), line(2)), vec![1, 2], 0),
        (format!("{}\r\n{}\r\n", line(1), line(2)), vec![1, 2], 0),
        (format!("{}\n{garbage}\n{}\n{{\"run\":", line(1), line(2)), vec![1, 2], 2),
    ] {
        std::fs::write(&path, &text).unwrap();
        let found = latest(folder.path(), 10, u64::MAX, |_| true).unwrap();
        assert_eq!((names(&found), found.unreadable), (expected, unreadable), "{:.40}", text);
        assert_eq!(found.runs, load(folder.path()).unwrap().runs);
    }
    let found = load(folder.path()).unwrap();
    assert_eq!(found.first_unreadable, Some((path, 2)));
}

/// What reading costs: `cargo test -p baton --lib print_cost_of_records -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn print_cost_of_records() {
    const RECORDS: usize = 200_000;
    let folder = tempfile::tempdir().unwrap();
    let one = serde_json::to_string(&numbered(1)).unwrap() + "\n";
    let mut file = std::io::BufWriter::new(std::fs::File::create(folder.path().join(FILE)).unwrap());
    (0..RECORDS).for_each(|_| std::io::Write::write_all(&mut file, one.as_bytes()).unwrap());
    drop(file);
    let resident = || {
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        text.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned()
    };
    println!("{} MB in {RECORDS} records; {}", one.len() * RECORDS / 1_000_000, resident());
    let time = |what: &str, read: &dyn Fn() -> usize| {
        let began = std::time::Instant::now();
        let found = read();
        println!("{what}: {found} records, {:?}; {}", began.elapsed(), resident());
    };
    time("20 of another method", &|| latest(folder.path(), 20, 16 << 20, |run| run.method == Method::Hot).unwrap().runs.len());
    time("20 of this method", &|| latest(folder.path(), 20, 16 << 20, |_| true).unwrap().runs.len());
    time("the newest 5000", &|| latest(folder.path(), 5000, 32 << 20, |_| true).unwrap().runs.len());
    time("all, none kept", &|| select(folder.path(), |_| false).unwrap().runs.len());
    time("all", &|| load(folder.path()).unwrap().runs.len());
}

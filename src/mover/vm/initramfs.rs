//! The guest's file system: the program that is its first process, the libraries which that needs, and kernel modules, as a cpio archive. Made at
//! every start, so that it is never older than the program.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use cpio::newc::{self, ModeFileType};
use tokio::process::Command;

use protocol::{ErrorCode, Failure, Trying};

const FOLDER: u32 = 0o755;
const PROGRAM: u32 = 0o755;
/// What the kernel runs first.
const INIT: &str = "init";

/// A file of the archive: its path in the guest, without the first slash, and where it is here.
type Entry = (String, PathBuf);

/// Writes the archive.
///
/// # Errors
/// [`ErrorCode::Environment`] with what could not be read or written.
pub async fn write(to: &Path, program: &Path, modules: &[PathBuf]) -> Result<(), Failure> {
    let mut entries: Vec<Entry> = vec![(INIT.to_owned(), program.to_owned())];
    for library in libraries(program).await? {
        entries.push((library.to_string_lossy().trim_start_matches('/').to_owned(), library));
    }
    let folder = guest::MODULES.trim_start_matches('/');
    for module in modules {
        let name = module.file_name().unwrap_or_default().to_string_lossy();
        entries.push((format!("{folder}/{name}"), module.clone()));
    }
    let (archive, entries) = (to.to_owned(), entries);
    let writing = tokio::task::spawn_blocking(move || {
        std::fs::File::create(&archive).and_then(|file| archive_of(io::BufWriter::new(file), &entries))
    });
    let written = writing.await.unwrap_or_else(|e| Err(io::Error::other(e)));
    written.trying(|| format!("the guest's file system {} could not be written", to.display()))
}

/// The libraries that the loader finds for a program, and itself.
async fn libraries(program: &Path) -> Result<Vec<PathBuf>, Failure> {
    let output = Command::new("ldd").arg(program).stdin(Stdio::null()).output().await.trying(|| "ldd could not be run")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Failure::new(ErrorCode::Environment, format!("ldd {}: {}", program.display(), said.trim()))
            .hint("build baton-guest anew: cargo build --release"));
    }
    Ok(listed_libraries(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads `libc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x...)`, and of the loader `/lib64/ld-linux-x86-64.so.2 (0x...)`. The kernel's own library has
/// no path.
fn listed_libraries(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let found = line.split_once("=>").map_or(line, |(_, found)| found);
        let path = found.trim().split(' ').next()?;
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    text.lines().filter_map(path).collect()
}

fn archive_of(mut to: impl Write, entries: &[Entry]) -> io::Result<()> {
    let mut inode = 0;
    let mut builder = |name: &str, kind: ModeFileType, mode: u32| {
        inode += 1;
        newc::Builder::new(name).ino(inode).mode(mode).set_mode_file_type(kind)
    };
    let mut made: Vec<String> = Vec::new();
    for (name, path) in entries {
        for folder in folders_of(name) {
            if !made.contains(&folder) {
                to = builder(&folder, ModeFileType::Directory, FOLDER).write(to, 0).finish()?;
                made.push(folder);
            }
        }
        let content = std::fs::read(path).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
        let size = u32::try_from(content.len()).map_err(io::Error::other)?;
        let mut file = builder(name, ModeFileType::Regular, PROGRAM).write(to, size);
        file.write_all(&content)?;
        to = file.finish()?;
    }
    newc::trailer(to)?.flush()
}

/// The folders that a path is in, the outermost first.
fn folders_of(name: &str) -> Vec<String> {
    name.match_indices('/').map(|(at, _)| name[..at].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_says() {
        let text = "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibgcc_s.so.1 => /lib/x86_64-linux-gnu/libgcc_s.so.1 (0x00007f01)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f02)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f03)\n";
        let paths = ["/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(listed_libraries(text), paths.map(PathBuf::from));
        assert!(listed_libraries("\tstatically linked\n").is_empty());
    }

    #[test]
    fn the_archive_has_every_folder_before_what_is_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("x");
        std::fs::write(&file, "content").unwrap();
        let entries = ["init", "lib/a/one.so", "lib/a/two.so"].map(|name| (name.to_owned(), file.clone()));
        let mut archive = Vec::new();
        archive_of(&mut archive, &entries).unwrap();
        let (mut rest, mut names) = (archive.as_slice(), Vec::new());
        loop {
            let reader = newc::Reader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                break;
            }
            names.push((reader.entry().name().to_owned(), reader.entry().file_size()));
            rest = reader.finish().unwrap();
        }
        let names: Vec<(&str, u32)> = names.iter().map(|(name, size)| (name.as_str(), *size)).collect();
        assert_eq!(names, [("init", 7), ("lib", 0), ("lib/a", 0), ("lib/a/one.so", 7), ("lib/a/two.so", 7)]);
    }
}

//! The images of a dump as files that travel in parts.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use protocol::{ErrorCode, Failure, ImageFile};

/// The files of a folder of images and of the pod's own, with their sizes; logs of CRIU's stay.
///
/// # Errors
/// [`ErrorCode::Io`].
pub fn size_of_images(folder: &Path) -> Result<Vec<ImageFile>, Failure> {
    let failed = |error: std::io::Error| Failure::new(ErrorCode::Io, format!("the images in {}: {error}", folder.display()));
    let mut images = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let (Ok(name), size) = (entry.file_name().into_string(), entry.metadata().map_err(failed)?.len()) else { continue };
        if !name.ends_with(".log") {
            images.push(ImageFile { name, bytes: size });
        }
    }
    images.sort_by(|one, two| one.name.cmp(&two.name));
    Ok(images)
}

/// The file of that name, which is in the folder itself and nowhere else.
fn file_in(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
    if plain { Ok(folder.join(name)) } else { Err(Failure::new(ErrorCode::BadRequest, format!("{name:?} is no name of an image"))) }
}

/// At most so many bytes of an image, from this place on.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a name that is none, [`ErrorCode::Io`].
pub fn read_part(folder: &Path, name: &str, from: u64, most: usize) -> Result<Vec<u8>, Failure> {
    let path = file_in(folder, name)?;
    let read = || -> std::io::Result<Vec<u8>> {
        let file = File::open(&path)?;
        let left = usize::try_from(file.metadata()?.len().saturating_sub(from)).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; left];
        file.read_exact_at(&mut bytes, from)?;
        Ok(bytes)
    };
    read().map_err(|error| Failure::new(ErrorCode::Io, format!("the image {} could not be read: {error}", path.display())))
}

/// Stores a part of an image at its place.
///
/// # Errors
/// [`ErrorCode::BadRequest`] for a name that is none, [`ErrorCode::Io`].
pub fn store_part(folder: &Path, name: &str, from: u64, bytes: &[u8]) -> Result<(), Failure> {
    let path = file_in(folder, name)?;
    let stored = OpenOptions::new().create(true).write(true).truncate(false).mode(0o600).open(&path);
    stored
        .and_then(|file| file.write_all_at(bytes, from))
        .map_err(|error| Failure::new(ErrorCode::Io, format!("the image {} could not be written: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_travel_in_parts_and_only_within_their_folder() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(from.path().join("pages-1.img"), [7; 10]).unwrap();
        std::fs::write(from.path().join("core-301.img"), []).unwrap();
        std::fs::write(from.path().join("dump.log"), "said").unwrap();
        let images = size_of_images(from.path()).unwrap();
        let names: Vec<(&str, u64)> = images.iter().map(|image| (image.name.as_str(), image.bytes)).collect();
        assert_eq!(names, [("core-301.img", 0), ("pages-1.img", 10)]);
        for at in [0, 4, 8] {
            let part = read_part(from.path(), "pages-1.img", at, 4).unwrap();
            store_part(to.path(), "pages-1.img", at, &part).unwrap();
        }
        assert_eq!(std::fs::read(to.path().join("pages-1.img")).unwrap(), [7; 10]);
        for name in ["../secret", "", ".", "a/b", "/etc/passwd"] {
            assert_eq!(read_part(from.path(), name, 0, 4).unwrap_err().code, ErrorCode::BadRequest, "{name}");
            assert_eq!(store_part(to.path(), name, 0, b"x").unwrap_err().code, ErrorCode::BadRequest, "{name}");
        }
    }
}

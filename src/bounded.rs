//! Files that are read whole, as far as they may be long: a device may have no end, and says no length.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest text that is read: what people write is a thousandth of it.
const TEXT: u64 = 16 << 20;

/// Reads to the end; `None` where that is beyond `most` bytes.
///
/// # Errors
/// When it cannot be read.
pub fn read(from: impl Read, most: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(most + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= most).then_some(bytes))
}

/// Reads a text of up to 16 MiB that somebody wrote to be read here: a scenario, declared facts.
pub(crate) fn text(path: &Path) -> io::Result<String> {
    let too_large = "it is larger than 16 MiB, the most that is read";
    let bytes = read(File::open(path)?, TEXT)?.ok_or_else(|| io::Error::new(io::ErrorKind::FileTooLarge, too_large))?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_as_long_as_the_limit_is_read_and_nothing_longer() {
        for (len, fits) in [(0, true), (5, true), (6, false), (100, false)] {
            assert_eq!(read(io::repeat(b'x').take(len), 5).unwrap(), fits.then(|| vec![b'x'; len as usize]));
        }
        assert_eq!(read(io::repeat(b'x'), 5).unwrap(), None, "it has no end");
    }

    #[test]
    fn a_text_without_end_is_refused_and_one_that_is_none_as_well() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "window = 3 # …").unwrap();
        assert_eq!(text(file.path()).unwrap(), "window = 3 # …");
        std::fs::write(file.path(), b"\xff\xfe").unwrap();
        assert_eq!(text(file.path()).unwrap_err().kind(), io::ErrorKind::InvalidData);
        if cfg!(unix) {
            let refused = text(Path::new("/dev/zero")).unwrap_err();
            assert!(refused.to_string().contains("16 MiB"), "{refused}");
        }
    }
}

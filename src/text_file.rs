//! Text that somebody wrote to be read here: scenarios, declared facts.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// The largest that is read: what people write is a thousandth of it, and a device may have no end.
const MOST: u64 = 16 << 20;

/// Reads a file of up to 16 MiB.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 16 MiB, the most that is read"));
    }
    String::from_utf8(bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_as_large_as_the_limit_is_read_and_no_larger_one_nor_one_without_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fits = " ".repeat(MOST as usize);
        std::fs::write(file.path(), &fits).unwrap();
        assert_eq!(read(file.path()).unwrap(), fits);
        std::fs::write(file.path(), format!("{fits}x")).unwrap();
        let refused = read(file.path()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert!(refused.to_string().contains("16 MiB"), "{refused}");
        if cfg!(unix) {
            assert_eq!(read(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        }
    }
}

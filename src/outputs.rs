//! Outputs that must not go over what is read, nor stand half-written under their name.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{self, Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

/// Something that a command reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file.
    Path(&'a Path),
    /// Whatever standard input is: a file, too, may be behind it.
    Stdin,
}

impl Source<'_> {
    /// `None` for what no output can harm: a pipe, a device, a folder, nothing.
    fn metadata(self) -> Option<Metadata> {
        let metadata = match self {
            Self::Path(path) => fs::metadata(path),
            Self::Stdin => stdin().and_then(|file| file.metadata()),
        };
        metadata.ok().filter(Metadata::is_file)
    }

    /// True when writing to `path` would write over this, by whatever names.
    #[must_use]
    pub fn is_at(self, path: &Path) -> bool {
        let Some((source, target)) = self.metadata().zip(Source::Path(path).metadata()) else { return false };
        same_metadata(&source, &target).unwrap_or_else(|| match self {
            Self::Path(source) => fs::canonicalize(source).ok() == fs::canonicalize(path).ok(),
            Self::Stdin => false,
        })
    }
}

#[cfg(unix)]
fn stdin() -> io::Result<File> {
    use std::os::fd::AsFd;
    io::stdin().as_fd().try_clone_to_owned().map(File::from)
}

#[cfg(not(unix))]
fn stdin() -> io::Result<File> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
fn same_metadata(a: &Metadata, b: &Metadata) -> Option<bool> {
    use std::os::unix::fs::MetadataExt;
    Some((a.dev(), a.ino()) == (b.dev(), b.ino()))
}

#[cfg(not(unix))]
const fn same_metadata(_: &Metadata, _: &Metadata) -> Option<bool> {
    None
}

/// An output that is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OverwriteError {
    /// It is one of the inputs.
    #[error("{} is an input, which is never written over: name another file", path.display())]
    IsInput {
        /// The output.
        path: PathBuf,
    },
    /// Two outputs are one file.
    #[error("two outputs would go to {}: name different files", path.display())]
    Twice {
        /// The second one.
        path: PathBuf,
    },
}

/// Looks whether each of `outputs`, none of which is made yet, may be written beside the others without harm to `inputs`.
///
/// # Errors
/// When one of them is an input, or two are the same file.
pub fn check(outputs: &[&Path], inputs: &[Source<'_>]) -> Result<(), OverwriteError> {
    for (number, output) in outputs.iter().enumerate() {
        if inputs.iter().any(|input| input.is_at(output)) {
            return Err(OverwriteError::IsInput { path: output.to_path_buf() });
        }
        // What is not there yet has nothing but its name; a pipe or a device takes any number.
        let name = |path: &Path| path::absolute(path).ok();
        let same = |other: &&Path| Source::Path(other).is_at(output) || name(other) == name(output);
        let takes_any = fs::metadata(output).is_ok_and(|there| !there.is_file());
        if !takes_any && outputs[..number].iter().any(same) {
            return Err(OverwriteError::Twice { path: output.to_path_buf() });
        }
    }
    Ok(())
}

/// A file that has its name only once it is whole; its errors say which it is. What is no regular file (a pipe, a device) is
/// written as it comes.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    file: Drafted,
}

#[derive(Debug)]
enum Drafted {
    /// Under another name until then.
    Beside(NamedTempFile),
    InPlace(File),
}

impl Draft {
    /// Begins the file of that path, which is left as it is for now.
    ///
    /// # Errors
    /// When no file can be made there.
    pub fn create(path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        if fs::metadata(&path).is_ok_and(|there| !there.is_file()) {
            let file = Drafted::InPlace(OpenOptions::new().write(true).open(&path)?);
            return Ok(Self { path, file });
        }
        // What a symbolic link leads to is written, and the link stays.
        let path = fs::canonicalize(&path).unwrap_or(path);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut named = Builder::new();
        #[cfg(unix)]
        named.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = Drafted::Beside(named.prefix(".").suffix(".partial").tempfile_in(folder)?);
        Ok(Self { path, file })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// When it cannot have it; then it is gone.
    pub fn keep(self) -> io::Result<()> {
        let Self { path, file } = self;
        match file {
            Drafted::Beside(file) => file.persist(&path).map(drop).map_err(|error| of(&path, error.error)),
            Drafted::InPlace(_) => Ok(()),
        }
    }
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match &mut self.file {
            Drafted::Beside(file) => file.as_file_mut().write(bytes),
            Drafted::InPlace(file) => file.write(bytes),
        };
        written.map_err(|error| of(&self.path, error))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn of(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_known_by_any_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("input"), "x").unwrap();
        fs::write(path("other"), "x").unwrap();
        fs::hard_link(path("input"), path("hard")).unwrap();
        fs::create_dir(path("sub")).unwrap();
        let input = path("input");
        let inputs = [Source::Path(&input)];
        for name in ["input", "hard", "sub/../input", "./input"] {
            let path = path(name);
            assert_eq!(check(&[&path], &inputs), Err(OverwriteError::IsInput { path: path.clone() }), "{name}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(path("input"), path("soft")).unwrap();
            assert!(check(&[&path("soft")], &inputs).is_err());
        }
        assert_eq!(check(&[&path("other"), &path("new")], &inputs), Ok(()));
        assert_eq!(check(&[Path::new("/dev/null"), Path::new("/dev/stdout")], &inputs), Ok(()));
    }

    #[test]
    fn a_draft_has_its_name_when_it_is_kept_and_leaves_nothing_when_it_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        fs::write(&path, "old, and longer").unwrap();
        let mut draft = Draft::create(&path).unwrap();
        draft.write_all(b"half").unwrap();
        drop(draft);
        assert_eq!(fs::read_to_string(&path).unwrap(), "old, and longer");
        let mut draft = Draft::create(&path).unwrap();
        draft.write_all(b"whole").unwrap();
        draft.keep().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut null = Draft::create(Path::new("/dev/null")).unwrap();
        null.write_all(b"x").unwrap();
        null.keep().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(Draft::create(&folder.path().join("no/out")).is_err());
    }

    #[test]
    fn two_outputs_are_told_from_one_before_there_is_any() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let twice = check(&[&path("a"), &path("b"), &path("./a")], &[]);
        assert_eq!(twice, Err(OverwriteError::Twice { path: path("./a") }));
        assert_eq!(check(&[&path("a"), &path("b")], &[]), Ok(()));
        assert_eq!(check(&[Path::new("/dev/null"), Path::new("/dev/null")], &[]), Ok(()));
    }
}

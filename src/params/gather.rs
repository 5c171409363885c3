//! Where parameters come from (PROTOCOL §6.2): options, then a file, then answers.

use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Key, Params, ParamsError, ParamsFile, ParamsNote, Prompt};
use crate::wire::Side;

/// The file that answers are saved to.
pub const SAVED_AS: &str = "params.txt";

/// Where the parameter file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// It was named.
    File(PathBuf),
    /// It is the one regular `*.txt` file of this folder.
    Folder(PathBuf),
}

/// Parameters with where they came from.
#[derive(Debug, Clone, Default)]
pub struct Gathered {
    /// What is known; everything that the side uses is.
    pub params: Params,
    /// The file that was read.
    pub file: Option<PathBuf>,
    /// Where answers were saved.
    pub saved: Saved,
    /// What the user should be told of the file.
    pub notes: Vec<ParamsNote>,
}

/// What became of the answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Saved {
    /// Nothing was to be saved: there is a file, or nothing was asked.
    #[default]
    Nothing,
    /// They are in this file.
    To(PathBuf),
    /// They could not be saved; the exchange can go on.
    Failed {
        /// The file.
        path: PathBuf,
        /// Why, in words.
        reason: String,
    },
}

/// Brings together what `side` uses: `given` (the options) wins; what it lacks is read from the file of `place`, and what that
/// lacks, or has wrong, is asked. In a folder without a parameter file every value that was not given is asked, of both
/// sides, and saved to [`SAVED_AS`], where the other side finds it. Without need of a file, a folder is not looked at.
///
/// # Errors
/// When the file cannot be read; when a value is missing or wrong, or the file is not the only one, and nobody answers.
pub fn gather(side: Side, given: Params, place: &Place, prompt: &mut dyn Prompt) -> Result<Gathered, ParamsError> {
    let mut gathered = Gathered { params: given, ..Gathered::default() };
    let used = Key::used_by(side);
    let complete = used.iter().all(|key| gathered.params.has(*key));
    let path = match place {
        Place::File(path) => Some(path.clone()),
        Place::Folder(_) if complete => return Ok(gathered),
        Place::Folder(folder) => choose(folder, prompt)?,
    };
    match (path, place) {
        (Some(path), _) => from_file(&path, used, &mut gathered, prompt)?,
        (None, Place::Folder(folder) | Place::File(folder)) => from_answers(folder, used, &mut gathered, prompt)?,
    }
    Ok(gathered)
}

fn from_file(path: &Path, used: &[Key], gathered: &mut Gathered, prompt: &mut dyn Prompt) -> Result<(), ParamsError> {
    let file = ParamsFile::read(path)?;
    let mut unanswered = Vec::new();
    for key in used.iter().copied() {
        if gathered.params.has(key) {
            continue;
        }
        let mut read = Params::default();
        let wrong = file.value(key, &mut read).err();
        if let Some(error) = &wrong {
            say(prompt, &error.to_string())?;
        }
        if !read.has(key) && ask(key, &mut read, prompt)?.is_none() {
            match wrong {
                Some(error) => return Err(error),
                None => unanswered.push(key),
            }
        }
        gathered.params.adopt(key, &mut read);
    }
    gathered.notes = file.notes().to_vec();
    gathered.file = Some(path.to_owned());
    if unanswered.is_empty() { Ok(()) } else { Err(ParamsError::Missing { path: path.to_owned(), keys: unanswered }) }
}

fn from_answers(
    folder: &Path,
    used: &[Key],
    gathered: &mut Gathered,
    prompt: &mut dyn Prompt,
) -> Result<(), ParamsError> {
    let mut text = Vec::new();
    for key in Key::ALL {
        if gathered.params.has(key) {
            continue;
        }
        let mut read = Params::default();
        let Some(answer) = ask(key, &mut read, prompt)? else {
            let keys = used.iter().copied().filter(|key| !gathered.params.has(*key)).collect();
            return Err(ParamsError::NoFile { folder: folder.to_owned(), keys });
        };
        gathered.params.adopt(key, &mut read);
        text.extend_from_slice(key.as_str().as_bytes());
        text.push(b':');
        text.extend_from_slice(&answer);
        text.push(b'\n');
    }
    gathered.saved = save(folder.join(SAVED_AS), &text);
    Ok(())
}

/// Never over a file that has come into being meanwhile, such as the other side's.
fn save(path: PathBuf, text: &[u8]) -> Saved {
    let written = OpenOptions::new().write(true).create_new(true).open(&path).and_then(|mut file| file.write_all(text));
    match written {
        Ok(()) => Saved::To(path),
        Err(error) => Saved::Failed { path, reason: error.to_string() },
    }
}

/// Asks until the answer can be used, and gives it as it was typed; `None` when nobody answers.
fn ask(key: Key, read: &mut Params, prompt: &mut dyn Prompt) -> Result<Option<Vec<u8>>, ParamsError> {
    loop {
        let Some(answer) = prompt.ask(key.question()).map_err(ParamsError::Prompt)? else { return Ok(None) };
        let answer = answer.trim_ascii();
        match read.set(key, answer) {
            Ok(()) => return Ok(Some(answer.to_vec())),
            Err(error) => say(prompt, &error.to_string())?,
        }
    }
}

fn say(prompt: &mut dyn Prompt, text: &str) -> Result<(), ParamsError> {
    prompt.say(text).map_err(ParamsError::Prompt)
}

impl Key {
    const fn question(self) -> &'static str {
        match self {
            Self::Message => "message (one line; quotes become part of it)",
            Self::MaximumMsgSize => "maximum_msg_size (bytes of the message in one package, 4 to 9999)",
            Self::WindowSize => "window_size (packages on their way at once)",
            Self::Timeout => "timeout (seconds without an ACK before a package is sent again)",
        }
    }
}

/// The parameter file of a folder: the only candidate, or the one that the user chooses; `None` without candidates.
fn choose(folder: &Path, prompt: &mut dyn Prompt) -> Result<Option<PathBuf>, ParamsError> {
    let names = candidates(folder)?;
    if names.len() < 2 {
        return Ok(names.first().map(|name| folder.join(name)));
    }
    let shown: Vec<String> = names.iter().map(|name| printable(name.as_os_str())).collect();
    let mut list = format!("Several files of {} may hold the parameters:", folder.display());
    for (number, name) in (1..).zip(&shown) {
        list.push_str(&format!("\n  {number}  {name}"));
    }
    say(prompt, &list)?;
    loop {
        let question = "which one (number or name)";
        let Some(answer) = prompt.ask(question).map_err(ParamsError::Prompt)? else {
            return Err(ParamsError::Ambiguous { folder: folder.to_owned(), candidates: shown });
        };
        let answer = answer.trim_ascii();
        let named = names.iter().find(|name| name.as_encoded_bytes() == answer);
        let numbered = || {
            let number: usize = std::str::from_utf8(answer).ok()?.parse().ok()?;
            names.get(number.checked_sub(1)?)
        };
        if let Some(name) = named.or_else(numbered) {
            return Ok(Some(folder.join(name)));
        }
        say(prompt, &format!("Type a number from 1 to {} or one of the names.", names.len()))?;
    }
}

/// The regular `*.txt` files of a folder (links to them too), in order of their names. Hidden ones are not meant.
fn candidates(folder: &Path) -> Result<Vec<OsString>, ParamsError> {
    let failed = |source| ParamsError::Folder { path: folder.to_owned(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let visible = !name.as_encoded_bytes().starts_with(b".");
        let text = Path::new(&name).extension().is_some_and(|extension| extension == "txt");
        if visible && text && fs::metadata(entry.path()).is_ok_and(|metadata| metadata.is_file()) {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn printable(name: &OsStr) -> String {
    name.to_string_lossy().escape_debug().collect()
}

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::*;

fn parse(text: impl AsRef<[u8]>) -> ParamsFile {
    ParamsFile::parse(Path::new("p.txt"), text.as_ref()).unwrap()
}

fn params(text: impl AsRef<[u8]>) -> Params {
    parse(text).params().unwrap()
}

fn notes(text: impl AsRef<[u8]>) -> Vec<String> {
    parse(text).notes().iter().map(ToString::to_string).collect()
}

fn refusal(text: &str) -> String {
    parse(text).params().unwrap_err().to_string()
}

fn seconds(text: &str) -> Option<Duration> {
    text.parse::<Timeout>().ok().map(Timeout::get)
}

#[test]
fn a_file_as_the_protocol_describes_it_is_read() {
    let read = params("message:\"hello\"\nmaximum_msg_size:10\nwindow_size:3\ntimeout:2\n");
    assert_eq!(read.message.unwrap(), b"\"hello\"");
    assert_eq!(read.maximum_msg_size, MaxMsgSize::new(10));
    assert_eq!(read.window_size, WindowSize::new(3));
    assert_eq!(read.timeout, Timeout::new(Duration::from_secs(2)));
}

#[test]
fn quotes_digits_and_colons_stay_in_the_message() {
    for text in
        ["\"quoted\"", "12345", "a:b::c", "\"", ":", "with  inner\tspaces", "'x'", "#", "message:x", "é \u{200b}"]
    {
        assert_eq!(params(format!("message:{text}")).message.unwrap(), text.as_bytes(), "{text}");
    }
}

#[test]
fn spaces_around_key_and_value_do_not_count() {
    assert_eq!(params(" \tmessage \t:\t  hi there \t \n").message.unwrap(), b"hi there");
    assert_eq!(params("  window_size  :  4  ").window_size, WindowSize::new(4));
}

#[test]
fn an_empty_message_is_a_message_and_a_missing_one_is_not() {
    assert_eq!(params("message:").message.unwrap(), b"");
    assert_eq!(params("").message, None);
}

#[test]
fn windows_line_ends_and_a_byte_order_mark_are_no_part_of_anything() {
    let read = params("\u{feff}message:hi\r\ntimeout:0.5\r\n\r\nwindow_size:2\r\n");
    assert_eq!(read.message.unwrap(), b"hi");
    assert_eq!(read.timeout.unwrap().get(), Duration::from_millis(500));
    assert_eq!(read.window_size, WindowSize::new(2));
    assert_eq!(notes("\u{feff}message:hi\r\n\r\n \r\n"), Vec::<String>::new());
}

#[test]
fn a_message_of_any_bytes_is_kept_as_it_is() {
    assert_eq!(params(b"message:\xFF\xFE\x00\x80\n").message.unwrap(), b"\xFF\xFE\x00\x80");
}

#[test]
fn a_line_of_a_megabyte_is_one_message() {
    let message = "x:".repeat(1 << 19);
    assert_eq!(params(format!("message:{message}\ntimeout:1")).message.unwrap(), message.as_bytes());
}

#[test]
fn lines_without_a_colon_are_skipped_and_named() {
    let text = "window_size:1\n\njust words\ntimeout 3\n";
    assert_eq!(
        notes(text),
        [
            "p.txt, line 3: skipped, since it is no key:value line: `just words`",
            "p.txt, line 4: skipped, since it is no key:value line: `timeout 3`",
        ]
    );
    assert_eq!(params(text).timeout, None);
}

#[test]
fn unknown_keys_are_ignored_with_a_word_on_what_may_be_meant() {
    assert_eq!(
        notes("color:red\nWindow-Size:3\n:x\n"),
        [
            "p.txt, line 1: unknown key `color` ignored; known are message, maximum_msg_size, window_size, timeout",
            "p.txt, line 2: unknown key `Window-Size` ignored; window_size is written like this",
            "p.txt, line 3: unknown key `` ignored; known are message, maximum_msg_size, window_size, timeout",
        ]
    );
    assert_eq!(params("Window-Size:3").window_size, None);
}

#[test]
fn the_last_of_a_repeated_key_counts_and_earlier_ones_need_not_be_right() {
    let text = "window_size:none\ntimeout:1\nwindow_size:5\n";
    assert_eq!(params(text).window_size, WindowSize::new(5));
    assert_eq!(notes(text), ["p.txt, line 3: window_size again; this one counts, not the one of line 1"]);
}

#[test]
fn a_file_full_of_other_lines_is_not_listed_line_by_line() {
    let notes = notes("no colon\n".repeat(100_000));
    assert_eq!(notes.len(), 21);
    assert_eq!(notes[20], "p.txt, line 21: from here on, further such lines are not listed");
}

#[test]
fn what_is_shown_of_a_file_cannot_reach_a_terminal_raw() {
    let notes = notes(b"\x1b[2J\x07\xFF no colon\n\x1b]0;x:y");
    assert!(notes.iter().all(|note| !note.contains(char::is_control)), "{notes:?}");
    let words = refusal("timeout:\x1b[31m");
    assert!(!words.contains(char::is_control), "{words}");
    let words = refusal(&format!("timeout:{}", "9".repeat(1 << 20)));
    assert!(words.len() < 300, "{words}");
}

#[test]
fn wrong_values_are_refused_with_file_line_and_what_was_needed() {
    assert_eq!(
        refusal("\nmaximum_msg_size:3\n"),
        "p.txt, line 2: maximum_msg_size must be a whole number from 4 to 9999 (the server's answer has four bytes for \
         it), not `3`"
    );
    assert_eq!(
        refusal("window_size:0"),
        "p.txt, line 1: window_size must be a whole number of positions from 1 to 2147483647, not `0`"
    );
    assert_eq!(
        refusal("timeout:soon"),
        "p.txt, line 1: timeout must be a number of seconds above 0 and up to 1000000000, such as 2 or 0.5, not `soon`"
    );
}

#[test]
fn maximum_msg_size_lies_between_4_and_9999() {
    for wrong in ["3", "10000", "-4", "+4", "4.0", "", "4 4", "0x10", "99999999999999999999", "٤", "four"] {
        refusal(&format!("maximum_msg_size:{wrong}"));
    }
    for (text, right) in [("4", 4), ("9999", 9999), ("0010", 10)] {
        assert_eq!(params(format!("maximum_msg_size:{text}")).maximum_msg_size, MaxMsgSize::new(right));
    }
}

#[test]
fn the_window_is_a_whole_positive_number_of_positions() {
    for wrong in ["0", "-1", "+1", "1.5", "", "2147483648", "4294967297", "99999999999999999999", "3 ", "1e3"] {
        assert!(wrong.parse::<WindowSize>().is_err(), "{wrong}");
    }
    assert_eq!("2147483647".parse::<WindowSize>().unwrap().get(), 2_147_483_647);
    assert_eq!("003".parse::<WindowSize>().unwrap().get(), 3);
}

#[test]
fn the_timeout_is_a_positive_decimal_number_of_seconds() {
    for wrong in
        ["0", "0.0", "-1", "+1", "", ".", "1e3", "1,5", "nan", "inf", "1000000001", "1000000000.1", "0.0000000001"]
    {
        assert_eq!(seconds(wrong), None, "{wrong}");
    }
    assert_eq!(seconds(&"9".repeat(400)), None);
    assert_eq!(seconds("2"), Some(Duration::from_secs(2)));
    assert_eq!(seconds("0.5"), Some(Duration::from_millis(500)));
    assert_eq!(seconds(".25"), Some(Duration::from_millis(250)));
    assert_eq!(seconds("3."), Some(Duration::from_secs(3)));
    assert_eq!(seconds("1.0000000019"), Some(Duration::new(1, 1)));
    assert_eq!(seconds("1000000000"), Some(Duration::from_secs(1_000_000_000)));
}

#[test]
fn utf_16_and_what_is_no_file_are_refused_in_words() {
    let words = ParamsFile::parse(Path::new("p.txt"), b"\xFF\xFEm\0e\0").unwrap_err().to_string();
    assert_eq!(words, "the parameter file p.txt is UTF-16 text: save it as UTF-8");
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().to_owned(), folder.path().join("absent.txt")] {
        let words = ParamsFile::read(&path).unwrap_err().to_string();
        assert!(words.starts_with(&format!("cannot read the parameter file {}: ", path.display())), "{words}");
    }
}

/// Gives prepared answers and keeps what was said; afterwards nobody answers.
#[derive(Default)]
struct Script {
    answers: VecDeque<&'static str>,
    asked: Vec<String>,
    said: Vec<String>,
}

impl Script {
    fn new(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().copied().collect(), ..Self::default() }
    }
}

impl Prompt for Script {
    fn ask(&mut self, question: &str) -> io::Result<Option<Vec<u8>>> {
        self.asked.push(question.split(' ').next().unwrap().to_owned());
        Ok(self.answers.pop_front().map(Into::into))
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.said.push(text.to_owned());
        Ok(())
    }
}

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn gather_in(folder: &tempfile::TempDir, side: Side, prompt: &mut dyn Prompt) -> Result<Gathered, ParamsError> {
    gather(side, Params::default(), &Place::Folder(folder.path().to_owned()), prompt)
}

const WHOLE: &str = "message:hi\nmaximum_msg_size:10\nwindow_size:3\ntimeout:2\n";

#[test]
fn the_one_text_file_of_a_folder_is_used_whatever_its_name() {
    let folder = folder(&[("settings.txt", WHOLE), ("notes.md", "x"), (".hidden.txt", "x"), ("txt", "x")]);
    fs::create_dir(folder.path().join("folder.txt")).unwrap();
    let gathered = gather_in(&folder, Side::Client, &mut Nobody).unwrap();
    assert_eq!(gathered.params.message.unwrap(), b"hi");
    assert_eq!(gathered.file, Some(folder.path().join("settings.txt")));
    assert_eq!(gathered.saved, Saved::Nothing);
}

#[cfg(unix)]
#[test]
fn a_link_to_a_file_counts_and_one_to_nothing_does_not() {
    let folder = folder(&[("settings", WHOLE)]);
    std::os::unix::fs::symlink(folder.path().join("settings"), folder.path().join("b.txt")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("absent"), folder.path().join("a.txt")).unwrap();
    let gathered = gather_in(&folder, Side::Server, &mut Nobody).unwrap();
    assert_eq!(gathered.file, Some(folder.path().join("b.txt")));
}

#[test]
fn of_several_files_the_user_chooses_by_number_or_name() {
    let folder = folder(&[("b.txt", "maximum_msg_size:20"), ("a.txt", "maximum_msg_size:10"), ("10.txt", WHOLE)]);
    for (answers, chosen) in [
        (&["2"][..], "a.txt"),
        (&[" b.txt "], "b.txt"),
        (&["10.txt"], "10.txt"),
        (&["0", "4", "", "c.txt", "-1", "99999999999999999999999", "3"], "b.txt"),
    ] {
        let mut script = Script::new(answers);
        let gathered = gather_in(&folder, Side::Server, &mut script).unwrap();
        assert_eq!(gathered.file, Some(folder.path().join(chosen)), "{answers:?}");
        assert!(script.said[0].ends_with(":\n  1  10.txt\n  2  a.txt\n  3  b.txt"), "{}", script.said[0]);
        assert_eq!(script.said.len(), answers.len());
    }
}

#[test]
fn without_a_terminal_several_files_are_an_error_that_lists_them() {
    let folder = folder(&[("b.txt", ""), ("a.txt", "")]);
    let words = gather_in(&folder, Side::Server, &mut Nobody).unwrap_err().to_string();
    let expected =
        format!("2 files of {} may hold the parameters: a.txt, b.txt; name one with --params", folder.path().display());
    assert_eq!(words, expected);
}

#[test]
fn with_no_file_every_value_is_asked_and_the_other_side_finds_the_answers() {
    let folder = folder(&[]);
    let answers = ["  \"hello: you\" ", "3", "10", "0", "3", "soon", "0.5"];
    let mut script = Script::new(&answers);
    let client = gather_in(&folder, Side::Client, &mut script).unwrap();
    assert_eq!(
        script.asked.join(" "),
        "message maximum_msg_size maximum_msg_size window_size window_size timeout timeout"
    );
    assert_eq!(script.said.len(), 3);
    assert!(script.said[0].starts_with("maximum_msg_size must be a whole number from 4 to 9999"));
    let path = folder.path().join("params.txt");
    assert_eq!(client.saved, Saved::To(path.clone()));
    let saved = fs::read_to_string(&path).unwrap();
    assert_eq!(saved, "message:\"hello: you\"\nmaximum_msg_size:10\nwindow_size:3\ntimeout:0.5\n");

    let server = gather_in(&folder, Side::Server, &mut Nobody).unwrap();
    assert_eq!(server.file, Some(path.clone()));
    assert_eq!(server.params.maximum_msg_size, MaxMsgSize::new(10));
    assert_eq!(ParamsFile::read(&path).unwrap().params().unwrap(), client.params);
}

#[test]
fn answers_are_not_saved_over_anything_and_the_exchange_goes_on() {
    let folder = folder(&[]);
    // Something of that name which is no parameter file.
    fs::create_dir(folder.path().join("params.txt")).unwrap();
    let gathered = gather_in(&folder, Side::Server, &mut Script::new(&["m", "4", "1", "1"])).unwrap();
    assert_eq!(gathered.params.maximum_msg_size, MaxMsgSize::new(4));
    assert!(matches!(gathered.saved, Saved::Failed { path, .. } if path == folder.path().join("params.txt")));
}

#[test]
fn with_no_file_and_no_terminal_the_error_says_what_is_needed_and_how_to_give_it() {
    let folder = folder(&[]);
    let words = gather_in(&folder, Side::Client, &mut Nobody).unwrap_err().to_string();
    let expected = format!(
        "no parameter file (*.txt) in {}, and no terminal to ask for message, window_size, timeout: write one, name one \
         with --params, or give --message, --window, --timeout",
        folder.path().display()
    );
    assert_eq!(words, expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn each_side_reads_only_what_it_uses() {
    let folder = folder(&[("p.txt", "message:m\nwindow_size:3\ntimeout:2\nmaximum_msg_size:3\n")]);
    assert!(gather_in(&folder, Side::Client, &mut Nobody).is_ok());
    let words = gather_in(&folder, Side::Server, &mut Nobody).unwrap_err().to_string();
    assert!(words.contains("p.txt, line 4: maximum_msg_size must be"), "{words}");
}

#[test]
fn what_a_file_lacks_or_has_wrong_is_asked_and_the_file_stays_as_it_is() {
    let text = "message:m\nwindow_size:zero\n";
    let folder = folder(&[("p.txt", text)]);
    let mut script = Script::new(&["-3", "4", "1.5"]);
    let gathered = gather_in(&folder, Side::Client, &mut script).unwrap();
    assert_eq!(gathered.params.window_size, WindowSize::new(4));
    assert_eq!(gathered.params.timeout, Timeout::new(Duration::from_millis(1500)));
    assert_eq!(script.asked, ["window_size", "window_size", "timeout"]);
    assert!(script.said[0].contains("line 2: window_size must be"), "{}", script.said[0]);
    assert_eq!(fs::read_to_string(folder.path().join("p.txt")).unwrap(), text);
}

#[test]
fn without_a_terminal_all_keys_that_a_file_lacks_are_named_at_once() {
    let folder = folder(&[("p.txt", "message:m\n")]);
    let words = gather_in(&folder, Side::Client, &mut Nobody).unwrap_err().to_string();
    let path = folder.path().join("p.txt");
    let expected = format!(
        "{} has no `window_size:…` line, `timeout:…` line: add such a line, or give --window, --timeout",
        path.display()
    );
    assert_eq!(words, expected);
}

#[test]
fn an_option_wins_over_the_file_even_over_a_wrong_value() {
    let folder = folder(&[("p.txt", "message:of the file\nwindow_size:wrong\ntimeout:2\n")]);
    let given = Params { message: Some(b"given".into()), window_size: WindowSize::new(9), ..Params::default() };
    let gathered = gather(Side::Client, given, &Place::File(folder.path().join("p.txt")), &mut Nobody).unwrap();
    assert_eq!(gathered.params.message.unwrap(), b"given");
    assert_eq!(gathered.params.window_size, WindowSize::new(9));
    assert_eq!(gathered.params.timeout, Timeout::new(Duration::from_secs(2)));
}

#[test]
fn with_every_value_given_a_folder_is_not_looked_at() {
    let given = Params { maximum_msg_size: MaxMsgSize::new(7), ..Params::default() };
    let nowhere = Place::Folder(PathBuf::from("/nowhere/at/all"));
    let gathered = gather(Side::Server, given.clone(), &nowhere, &mut Nobody).unwrap();
    assert_eq!(gathered.params, given);
    assert!(matches!(gather(Side::Client, given, &nowhere, &mut Nobody), Err(ParamsError::Folder { .. })));
}

#[test]
fn a_file_that_was_named_must_be_there_even_when_nothing_is_needed_of_it() {
    let given = Params { maximum_msg_size: MaxMsgSize::new(7), ..Params::default() };
    let absent = Place::File(PathBuf::from("/nowhere/params"));
    assert!(matches!(gather(Side::Server, given, &absent, &mut Nobody), Err(ParamsError::Read { .. })));
}

#[test]
fn a_dialogue_asks_on_one_line_and_reads_one_line() {
    let mut words = Vec::new();
    let mut dialogue = Dialogue::new(&b"first \r\n\nlast"[..], &mut words);
    assert_eq!(dialogue.ask("one").unwrap().unwrap(), b"first \r");
    assert_eq!(dialogue.ask("two").unwrap().unwrap(), b"");
    dialogue.say("said").unwrap();
    assert_eq!(dialogue.ask("three").unwrap().unwrap(), b"last");
    assert_eq!(dialogue.ask("four").unwrap(), None);
    assert_eq!(words, b"one: two: said\nthree: four: \n");
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic_and_with_bounded_remarks(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..400),
            "((message|timeout|window_size|maximum_msg_size|x)? ?:?[0-9a\":. ]{0,6}\r?\n){0,30}".prop_map(String::into_bytes),
        ],
    ) {
        if let Ok(file) = ParamsFile::parse(Path::new("p"), &bytes) {
            let _ = file.params();
            prop_assert!(file.notes().len() <= 21);
            for note in file.notes() {
                prop_assert!(!note.to_string().contains(char::is_control));
            }
        }
    }

    #[test]
    fn any_message_without_line_ends_and_outer_spaces_reads_back(
        message in prop::collection::vec(any::<u8>().prop_filter("one line", |byte| *byte != b'\n'), 0..200),
    ) {
        let message = message.trim_ascii();
        let text = [b"timeout:1\nmessage:", message, b"\nwindow_size:2"].concat();
        prop_assert_eq!(params(text).message.unwrap(), message);
    }

    #[test]
    fn a_timeout_is_the_number_that_it_says(secs in 0_u64..=999_999_999, nanos in 0_u32..1_000_000_000) {
        let expected = Timeout::new(Duration::new(secs, nanos)).map(Timeout::get);
        prop_assert_eq!(seconds(&format!("{secs}.{nanos:09}")), expected);
    }
}

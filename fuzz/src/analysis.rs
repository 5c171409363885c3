//! Any file through the analysis, in every form of report.

use std::path::PathBuf;
use std::time::Duration;

use arqscope::analyze::command::{Declared, Form, Job, ReportSpec, analyze};
use arqscope::analyze::report::KeepLimits;
use arqscope::analyze::report::html::HtmlLimits;
use arqscope::analyze::report::text::Layout;
use arqscope::analyze::{AnalysisOptions, Severity};
use arqscope::decode::Limits;
use arqscope::decode::capture::Input;
use arqscope::decode::framing::FramingOptions;

use super::tame::assert_tame;

/// Where an HTML report's data begins and ends; all else is the same in every report.
const DATA: (&str, &str) = (r#"<script type="application/json" id="data">"#, "</script>");

/// A capture or an export, with and without declared parameters.
pub(super) fn in_every_form(data: &[u8]) {
    let file = Scratch::new(data);
    let plain = run(&file, Some(Form::Ndjson), Knowledge::Inferred);
    for (number, line) in plain.lines().enumerate() {
        assert!(serde_json::from_str::<serde_json::Value>(line).is_ok(), "line {number} is no JSON: {line}");
    }
    for knowledge in [Knowledge::Inferred, Knowledge::Declared] {
        for form in [Form::Text, Form::Json, Form::Junit, Form::Html] {
            let out = run(&file, Some(form), knowledge);
            match form {
                Form::Json => assert!(serde_json::from_str::<serde_json::Value>(&out).is_ok(), "no JSON: {out}"),
                Form::Html => same_page(&out),
                Form::Junit => assert_is_xml(&out),
                Form::Text | Form::Ndjson => {}
            }
        }
    }
    run(&file, None, Knowledge::Inferred);
}

#[derive(Clone, Copy, PartialEq)]
enum Knowledge {
    Inferred,
    Declared,
}

/// One run of the command; without a form the ladder.
fn run(file: &Scratch, form: Option<Form>, knowledge: Knowledge) -> String {
    let declared = knowledge == Knowledge::Declared;
    let job = Job {
        options: AnalysisOptions {
            window: declared.then_some(3),
            timeout: declared.then_some(Duration::from_secs(2)),
            tolerance: Duration::from_millis(100),
        },
        framing: FramingOptions::default(),
        reports: vec![form.map_or(ReportSpec::None, |form| ReportSpec::Of(form, None))],
        ladder: form.is_none(),
        declared: Declared::default(),
        annotate: None,
        keep: KeepLimits::default(),
        html: HtmlLimits::default(),
        limits: Limits::default(),
        fail_on: Some(Severity::Warn),
        layout: Layout::default(),
        quiet: false,
    };
    let (mut out, mut log) = (Vec::new(), Vec::new());
    analyze(&[Input::Path(file.0.clone())], job, &mut out, &mut log).unwrap();
    let what = form.map_or("the ladder".to_owned(), |form| format!("the report as {form}"));
    assert_tame(&what, &out);
    assert_tame("the words about it", &log);
    String::from_utf8(out).unwrap()
}

/// What a stranger's bytes can change of a page is its data, which holds no tag.
fn same_page(page: &str) {
    static FIRST: std::sync::OnceLock<(String, String)> = std::sync::OnceLock::new();
    let (before, rest) = page.split_once(DATA.0).unwrap();
    let (data, after) = rest.split_once(DATA.1).unwrap();
    let (expected_before, expected_after) = FIRST.get_or_init(|| (before.to_owned(), after.to_owned()));
    assert_eq!((before, after), (expected_before.as_str(), expected_after.as_str()));
    assert!(!data.contains('<'), "a tag in the data");
    assert!(serde_json::from_str::<serde_json::Value>(data).is_ok(), "the data is no JSON");
}

/// As far as it takes to see that nothing breaks out: tags close in the order in which they opened, and no other `<`.
fn assert_is_xml(text: &str) {
    let mut open = Vec::new();
    for part in text.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or_else(|| panic!("an open tag: {part}"));
        assert!(!text.contains('>') || text.contains("]]"), "a bare > in {text}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.starts_with('?') && !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
}

/// A file of its own for the command, which takes names.
struct Scratch(PathBuf);

impl Scratch {
    fn new(data: &[u8]) -> Self {
        let thread = format!("{:?}", std::thread::current().id());
        let number: String = thread.chars().filter(char::is_ascii_digit).collect();
        let path = std::env::temp_dir().join(format!("arqscope-fuzz-{}-{number}", std::process::id()));
        std::fs::write(&path, data).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

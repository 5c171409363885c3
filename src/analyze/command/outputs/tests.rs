use std::fs;

use super::*;

#[test]
fn a_report_is_a_form_and_perhaps_a_file() {
    let parse = |text: &str| text.parse::<ReportSpec>();
    assert_eq!(parse("json"), Ok(ReportSpec::Of(Form::Json, None)));
    assert_eq!(parse("junit=a=b.xml"), Ok(ReportSpec::Of(Form::Junit, Some("a=b.xml".into()))));
    assert_eq!(parse("ndjson=-"), Ok(ReportSpec::Of(Form::Ndjson, None)));
    assert_eq!(parse("none"), Ok(ReportSpec::None));
    for form in Form::ALL {
        assert_eq!(parse(form.as_str()), Ok(ReportSpec::Of(form, None)));
    }
    for text in ["none=x", "json=", "=x", "", "JSON", "xml"] {
        assert!(parse(text).is_err(), "{text}");
    }
}

#[test]
fn text_is_the_default_on_standard_output_and_only_there() {
    let forms = |specs: &[&str], ladder| {
        let specs: Vec<ReportSpec> = specs.iter().map(|text| text.parse().unwrap()).collect();
        let (targets, _) = open(&[], &specs, ladder, None, false).unwrap();
        targets
            .iter()
            .map(|target| match target {
                Target::Stdout(form) => form.as_str(),
                Target::File(..) => "file",
                Target::Ladder => "ladder",
            })
            .collect::<Vec<_>>()
    };
    let folder = tempfile::tempdir().unwrap();
    let file = format!("json={}", folder.path().join("a").display());
    assert_eq!(forms(&[], false), ["text"]);
    assert_eq!(forms(&[], true), ["text", "ladder"]);
    assert_eq!(forms(&["ndjson"], false), ["ndjson"]);
    assert_eq!(forms(&[&file], false), ["text", "file"]);
    assert_eq!(forms(&["none"], true), ["ladder"]);
    assert_eq!(forms(&["none", &file], false), ["file"]);
    assert_eq!(forms(&["text", &file], true), ["text", "file", "ladder"]);
}

#[test]
fn two_outputs_never_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a");
    let specs = [ReportSpec::Of(Form::Json, Some(path.clone())), ReportSpec::Of(Form::Text, Some(path.clone()))];
    assert!(matches!(
        open(&[], &specs, false, None, false),
        Err(OutputsError::Overwrite(OverwriteError::Twice { .. }))
    ));
    assert!(matches!(
        open(&[], &specs[..1], false, Some(&path), false),
        Err(OutputsError::Overwrite(OverwriteError::Twice { .. }))
    ));
}

#[test]
fn what_is_in_the_file_of_an_annotated_capture_stays_until_there_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let (old, report) = (folder.path().join("old"), folder.path().join("report"));
    fs::write(&old, "precious").unwrap();
    fs::write(&report, "of the last run, and longer").unwrap();
    let spec = ReportSpec::Of(Form::Json, Some(report.clone()));
    open(&[], &[spec], false, Some(&old), false).unwrap();
    assert_eq!(fs::read_to_string(old).unwrap(), "precious");
    assert_eq!(fs::read_to_string(report).unwrap(), "");
}

use super::*;
use crate::analyze::report::samples::{Sample, finding, totals};
use crate::wire::Pos;

fn xml(sample: &Sample, fail_on: Option<Severity>) -> String {
    let mut out = Vec::new();
    let mut report = Junit::new(&mut out, fail_on);
    report.connection(&sample.connection(), &sample.record).unwrap();
    report.finish(&totals([sample])).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn text_that_xml_gives_a_meaning_or_cannot_hold_is_written_so_that_it_has_none() {
    assert_eq!(Xml("a<b>&\"c\"\n").to_string(), "a&lt;b&gt;&amp;&quot;c&quot;&#10;");
    assert_eq!(Xml("\u{0}\u{b}\u{1f}\u{fffe}\u{7f}\u{85}").to_string(), "\u{fffd}".repeat(6));
    assert_eq!(Xml("ä日🎉\t").to_string(), "ä日🎉\t");
}

#[test]
fn a_case_fails_from_fail_on_on_and_else_tells_its_findings() {
    let sample = Sample::new(0).with(finding("gap", Severity::Warn, 7, Pos(4).into()));
    let failing = xml(&sample, Some(Severity::Warn));
    assert!(failing.contains("failures=\"1\""), "{failing}");
    assert!(
        failing.contains("name=\"gap\"><failure type=\"warn\" message=\"1 finding: something at 7\">"),
        "{failing}"
    );
    for fail_on in [Some(Severity::Error), None] {
        let passing = xml(&sample, fail_on);
        assert!(passing.contains("failures=\"0\""), "{passing}");
        assert!(passing.contains("name=\"gap\"><system-out>warn #7: something at 7"), "{passing}");
    }
}

#[test]
fn a_rule_that_cannot_be_judged_is_skipped() {
    let mut sample = Sample::new(0);
    let doubt = Doubt {
        rule: crate::analyze::rules::rule("window-exceeded").unwrap(),
        connection: 0,
        positions: Pos(4).into(),
        packets: vec![9],
        because: "the capture lost 44 bytes".to_owned(),
    };
    sample.record.doubts = vec![doubt.clone(), doubt];
    let xml = xml(&sample, Some(Severity::Error));
    assert!(xml.contains("skipped=\"1\""), "{xml}");
    let case = "name=\"window-exceeded\"><skipped message=\"cannot tell, because the capture lost 44 bytes (of 4; and 1 more)\"/>";
    assert!(xml.contains(case), "{xml}");
}

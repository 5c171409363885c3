//! The data of the page: the JSON report as `--report json` writes it, and beside it what only the page needs.

use serde::Serialize;

use super::HtmlLimits;
use super::frames::{Frames, Letters};
use crate::analyze::Rule;
use crate::analyze::report::schema::{Connection, FileObject, TotalsObject};
use crate::analyze::report::{SCHEMA, Totals};

/// Everything the page reads.
#[derive(Debug, Serialize)]
pub(super) struct Island<'a> {
    schema: &'static str,
    producer: &'static str,
    limits: LimitsObject,
    letters: Letters,
    report: Document<'a>,
    /// One a connection of the report, in its order.
    frames: Vec<&'a Frames>,
    /// The pages of the rules that were met.
    rules: Vec<RuleObject>,
}

/// What `--report json` writes.
#[derive(Debug, Serialize)]
struct Document<'a> {
    schema: &'static str,
    connections: Vec<&'a Connection>,
    files: Vec<FileObject>,
    totals: TotalsObject,
}

#[derive(Debug, Serialize)]
struct LimitsObject {
    frames: usize,
    frame_bytes: usize,
    connections: usize,
    finding_bytes: usize,
}

#[derive(Debug, Serialize)]
struct RuleObject {
    name: &'static str,
    severity: &'static str,
    group: &'static str,
    summary: &'static str,
    page: &'static str,
}

impl<'a> Island<'a> {
    pub(super) fn new(
        limits: HtmlLimits,
        connections: &'a [(Connection, Frames)],
        rules: &[&'static Rule],
        totals: &Totals,
    ) -> Self {
        let rule = |&&Rule { name, severity, group, summary, page }: &&'static Rule| RuleObject {
            name,
            severity: severity.as_str(),
            group: group.as_str(),
            summary,
            page,
        };
        let HtmlLimits { frames, frame_bytes, connections: most, finding_bytes } = limits;
        Self {
            schema: "arqscope-html/1",
            producer: concat!("arqscope ", env!("CARGO_PKG_VERSION")),
            limits: LimitsObject { frames, frame_bytes, connections: most, finding_bytes },
            letters: Letters::all(),
            report: Document {
                schema: SCHEMA,
                connections: connections.iter().map(|(connection, _)| connection).collect(),
                files: totals.files.iter().map(FileObject::from).collect(),
                totals: totals.into(),
            },
            frames: connections.iter().map(|(_, frames)| frames).collect(),
            rules: rules.iter().map(rule).collect(),
        }
    }
}

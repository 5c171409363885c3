//! From frames to an explanation: what happened on a connection, why, and whether the rules were kept.
//!
//! ```text
//!            ┌─ window rules ─┐
//! framing ─► model ─► Step ─► rules ─► Finding ─┐
//!              │        └───► metrics           ├─► AnalysisSink ─► reports
//!              └─ holes ─► ledger, doubts ──────┘
//! ```
//!
//! * The model follows one connection's frames with [`window`](crate::window) in observer mode and makes one
//!   [`Step`] of each: its verdict, and what was known at that moment.
//! * [`rules`] read steps and make [`Finding`]s. One file, one page and one fixture each.
//! * What the capture cannot tell is a [`Doubt`], never a finding.
//! * An [`AnalysisSink`] takes all of it as it is decided; [`ConnectionAnalysis`] sums a connection up when it ends.

mod again;
mod analysis;
mod answers;
pub mod command;
mod course;
pub mod expect;
mod facts;
mod finding;
mod ledger;
mod metrics;
mod model;
mod notebook;
mod outcome;
mod parameters;
pub mod reference;
pub mod report;
pub mod rules;
mod sink;
mod step;
mod tally;
#[cfg(test)]
mod tests;
mod words;

pub use analysis::{Analysis, AnalysisState};
pub use answers::NotWritten;
pub use finding::{
    Basis, Cause, Certainty, Doubt, Evidence, Finding, Group, PositionSet, Rule, Severity, TimerEvidence, Trigger, Why,
    WindowEvidence,
};
pub use outcome::{
    Behaviour, BehaviourFit, Bounds, Completeness, ConnectionAnalysis, Divergence, Inferred, Ledger, LedgerHole,
    Metrics, Parameters, Reference, ResendCauses, RuleCount, Spread, Sums, TimeoutKnowledge, Verdict, WindowKnowledge,
};
pub use sink::{AnalysisOptions, AnalysisSink};
pub use step::{Step, StepVerdict};

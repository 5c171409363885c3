//! What an analysis says, kept until somebody reads it: so that two of them can be heard in order.

use std::ops::ControlFlow;

use super::{AnalysisSink, ConnectionAnalysis, Doubt, Finding, NotWritten};
use crate::decode::framing::{Capacity, FramedConnection};
use crate::decode::halved::{Apart, Numbered};
use crate::decode::reassembly::{ConnectionInfo, StreamNote, Way};

/// Keeps what it is told, but for steps, which it does not want.
#[derive(Debug)]
pub(super) struct Notebook {
    told: Vec<Told>,
    wants_reference: bool,
}

/// One call of an [`AnalysisSink`].
#[derive(Debug)]
pub(super) struct Told {
    connection: ConnectionInfo,
    what: What,
}

#[derive(Debug)]
enum What {
    /// About a connection that speaks the protocol: which direction is the client's, and what is known of P.
    Framed(Way, Capacity, Said),
    LateNote(StreamNote),
}

#[derive(Debug)]
enum Said {
    NotWritten(NotWritten),
    Finding(Box<Finding>),
    Doubt(Box<Doubt>),
    Closed(Box<ConnectionAnalysis>),
}

impl Notebook {
    /// For what a sink is to be told later.
    pub(super) fn before(sink: &impl AnalysisSink) -> Self {
        Self { told: Vec::new(), wants_reference: sink.wants_reference() }
    }

    fn add(&mut self, connection: &FramedConnection<'_>, said: Said) {
        let what = What::Framed(connection.client, *connection.capacity, said);
        self.told.push(Told { connection: connection.tcp.clone(), what });
    }
}

impl AnalysisSink for Notebook {
    fn wants_reference(&self) -> bool {
        self.wants_reference
    }

    fn ack_not_written(&mut self, connection: &FramedConnection<'_>, acks: &NotWritten) {
        self.add(connection, Said::NotWritten(*acks));
    }

    fn finding(&mut self, connection: &FramedConnection<'_>, finding: Finding) -> ControlFlow<()> {
        self.add(connection, Said::Finding(Box::new(finding)));
        ControlFlow::Continue(())
    }

    fn doubt(&mut self, connection: &FramedConnection<'_>, doubt: Doubt) {
        self.add(connection, Said::Doubt(Box::new(doubt)));
    }

    fn closed(&mut self, connection: &FramedConnection<'_>, analysis: ConnectionAnalysis) -> ControlFlow<()> {
        self.add(connection, Said::Closed(Box::new(analysis)));
        ControlFlow::Continue(())
    }

    fn late_note(&mut self, connection: &ConnectionInfo, note: StreamNote) {
        self.told.push(Told { connection: connection.clone(), what: What::LateNote(note) });
    }
}

impl Apart for Notebook {
    type Told = Told;

    fn another(&mut self, _: usize) -> Self {
        Self { told: Vec::new(), ..*self }
    }

    fn join(&mut self, _: Self) {}

    fn told(&mut self) -> &mut Vec<Told> {
        &mut self.told
    }
}

impl Numbered for Told {
    fn connection(&self) -> u32 {
        self.connection.id
    }

    fn renumber(&mut self, connection: u32) {
        self.connection.id = connection;
        if let What::Framed(_, _, said) = &mut self.what {
            match said {
                Said::NotWritten(_) => {}
                Said::Finding(finding) => finding.connection = connection,
                Said::Doubt(doubt) => doubt.connection = connection,
                Said::Closed(analysis) => analysis.connection = connection,
            }
        }
    }
}

impl Told {
    /// Makes the call.
    pub(super) fn say(self, sink: &mut impl AnalysisSink) -> ControlFlow<()> {
        let (client, capacity, said) = match self.what {
            What::Framed(client, capacity, said) => (client, capacity, said),
            What::LateNote(note) => {
                sink.late_note(&self.connection, note);
                return ControlFlow::Continue(());
            }
        };
        let connection = FramedConnection { tcp: &self.connection, client, capacity: &capacity };
        match said {
            Said::NotWritten(acks) => sink.ack_not_written(&connection, &acks),
            Said::Finding(finding) => return sink.finding(&connection, *finding),
            Said::Doubt(doubt) => sink.doubt(&connection, *doubt),
            Said::Closed(analysis) => return sink.closed(&connection, *analysis),
        }
        ControlFlow::Continue(())
    }
}

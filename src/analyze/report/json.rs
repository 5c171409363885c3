//! JSON for programs: one document, or one object a line (ndjson).

use std::io::{self, Write};

use serde::Serialize;

use super::schema::{Connection, FileObject, Line, TotalsObject};
use super::{ConnectionRecord, Report, SCHEMA, Totals};
use crate::analyze::{Doubt, Finding};
use crate::decode::framing::FramedConnection;

/// One document: `schema`, `connections` in the order in which they ended, `files`, `totals`. A connection is written
/// as soon as it is over and then let go.
#[derive(Debug)]
pub struct Json<W> {
    out: W,
    /// What stands before the next connection.
    lead: &'static str,
}

impl<W: Write> Json<W> {
    /// A report that has written nothing yet.
    pub const fn new(out: W) -> Self {
        Self { out, lead: "" }
    }

    /// What stands before the next connection; the head of the document before the first.
    fn lead(&mut self) -> io::Result<()> {
        if self.lead.is_empty() {
            write!(self.out, "{{\n\"schema\": \"{SCHEMA}\",\n\"connections\": [")?;
            self.lead = "\n";
        }
        Ok(())
    }
}

fn value<W: Write, T: Serialize>(out: &mut W, value: &T) -> io::Result<()> {
    // An error of the writer comes back as itself; our types have no other.
    serde_json::to_writer(out, value).map_err(io::Error::from)
}

impl<W: Write> Report for Json<W> {
    fn connection(&mut self, _connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        self.lead()?;
        self.out.write_all(self.lead.as_bytes())?;
        self.lead = ",\n";
        value(&mut self.out, &Connection::whole(record))
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        self.lead()?;
        self.out.write_all(if self.lead == "\n" { b"],\n\"files\": [" } else { b"\n],\n\"files\": [" })?;
        for (i, file) in totals.files.iter().enumerate() {
            self.out.write_all(if i == 0 { b"\n" } else { b",\n" })?;
            value(&mut self.out, &FileObject::from(file))?;
        }
        self.out.write_all(b"\n],\n\"totals\": ")?;
        value(&mut self.out, &TotalsObject::from(totals))?;
        self.out.write_all(b"\n}\n")?;
        self.out.flush()
    }
}

/// One object a line, each with its `type`: findings and doubts as they are decided, all of them; a connection when it
/// is over; files and totals at the end.
#[derive(Debug)]
pub struct Ndjson<W> {
    out: W,
    started: bool,
}

impl<W: Write> Ndjson<W> {
    /// A report that has written nothing yet.
    pub const fn new(out: W) -> Self {
        Self { out, started: false }
    }

    fn line(&mut self, line: &Line) -> io::Result<()> {
        if !self.started {
            self.started = true;
            value(&mut self.out, &Line::first())?;
            self.out.write_all(b"\n")?;
        }
        value(&mut self.out, line)?;
        self.out.write_all(b"\n")
    }
}

impl<W: Write> Report for Ndjson<W> {
    fn finding(&mut self, _connection: &FramedConnection<'_>, finding: &Finding) -> io::Result<()> {
        self.line(&Line::Finding(Box::new(finding.into())))
    }

    fn doubt(&mut self, _connection: &FramedConnection<'_>, doubt: &Doubt) -> io::Result<()> {
        self.line(&Line::Doubt(doubt.into()))
    }

    fn connection(&mut self, _connection: &FramedConnection<'_>, record: &ConnectionRecord) -> io::Result<()> {
        self.line(&Line::Connection(Box::new(Connection::sums(record))))
    }

    fn wants_every_connection(&self) -> bool {
        true
    }

    fn finish(&mut self, totals: &Totals) -> io::Result<()> {
        for file in &totals.files {
            self.line(&Line::File(file.into()))?;
        }
        self.line(&Line::Totals(Box::new(totals.into())))?;
        self.out.flush()
    }
}

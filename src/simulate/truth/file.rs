//! The truth file, written while the simulation runs.

use std::io::{self, Write};

use super::{Chronicle, ConnectionTruth, Head, PacketCounts, TruthEvent};
use crate::simulate::scenario::Scenario;

/// Writes the truth file, event by event; of each connection only its summary is kept until the end.
#[derive(Debug)]
pub struct TruthWriter<W> {
    to: W,
    events: u64,
    connections: Vec<ConnectionTruth>,
}

impl<W: Write> TruthWriter<W> {
    /// Begins the file.
    ///
    /// # Errors
    /// When it cannot be written; this holds for every method.
    pub fn new(mut to: W, scenario: &Scenario) -> io::Result<Self> {
        let head = serde_json::to_string(&Head::of(scenario))?;
        // The object goes on after the head's fields.
        to.write_all(head.strip_suffix('}').unwrap_or(&head).as_bytes())?;
        to.write_all(b",\n\"events\":[")?;
        Ok(Self { to, events: 0, connections: Vec::new() })
    }

    /// Ends the file and gives its target back.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self, packets: &PacketCounts) -> io::Result<W> {
        self.connections.sort_by_key(|connection| connection.connection);
        self.to.write_all(b"],\n\"connections\":[")?;
        for (i, connection) in self.connections.iter().enumerate() {
            self.to.write_all(if i > 0 { b",\n" } else { b"\n" })?;
            serde_json::to_writer(&mut self.to, connection)?;
        }
        self.to.write_all(b"],\n\"packets\":")?;
        serde_json::to_writer(&mut self.to, packets)?;
        self.to.write_all(b"}\n")?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Chronicle for TruthWriter<W> {
    fn event(&mut self, event: &TruthEvent) -> io::Result<()> {
        self.to.write_all(if self.events > 0 { b",\n" } else { b"\n" })?;
        self.events += 1;
        Ok(serde_json::to_writer(&mut self.to, event)?)
    }

    fn connection(&mut self, connection: ConnectionTruth) -> io::Result<()> {
        self.connections.push(connection);
        Ok(())
    }
}

//! The reference model on the reference runs (PROTOCOL §7), rebuilt and recorded.

use super::*;
use crate::analyze::{Behaviour, Reference};

fn reference(file: &str, options: AnalysisOptions) -> Reference {
    analyse_file(file, options).closed.remove(0).reference
}

#[test]
fn the_reference_runs_are_this_protocol_and_only_the_stray_acks_of_run_5_leave_the_rules() {
    for run in 1..=5 {
        for folder in ["captures", "captures/recorded"] {
            let options = declared(3, if run == 5 { 1.0 } else { 2.0 });
            let reference = reference(&format!("{folder}/run{run}.pcapng"), options);
            let best = &reference.fits[0];
            assert_eq!(
                (best.behaviour, best.contradicted),
                (Behaviour::ThisProtocol, 0),
                "{folder} {run}: {reference:#?}"
            );
            match (run, folder) {
                (5, "captures") => {
                    let words = reference.divergence.unwrap().words;
                    assert!(words.ends_with("s the rules allow ACK 8; this server wrote ACK 0"), "{words}");
                }
                _ => assert_eq!(reference.divergence, None, "{folder} {run}"),
            }
        }
    }
    // Two resends of run 4 came when no timer of 2 s ended, and before the window had room.
    let fits = reference("captures/run4.pcapng", declared(3, 2.0)).fits;
    assert!(fits.iter().skip(1).all(|fit| fit.contradicted > 0), "{fits:#?}");
}

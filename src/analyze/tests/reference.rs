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

#[test]
fn what_is_said_of_a_resend_s_time_agrees_with_its_cause() {
    // Run 3: the timer had ended 0.96 s before (PROTOCOL §7).
    let fits = reference("captures/run3.pcapng", declared(3, 2.0)).fits;
    let timer_only = fits.iter().find(|fit| fit.behaviour == Behaviour::TimerOnly).unwrap();
    assert_eq!(
        timer_only.evidence_against,
        ["pos 9 again (#37) 2.958 s after #31, 0.958 s after the end of its timer of 2.000 s"]
    );
}

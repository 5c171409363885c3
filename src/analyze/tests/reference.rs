//! The reference model on the reference runs (PROTOCOL §7), rebuilt and recorded.

use super::*;
use crate::analyze::{Behaviour, BehaviourFit, Reference};

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

#[test]
fn an_ack_that_the_capture_lost_leaves_nothing_outstanding_for_sure() {
    let fits = |script: &str| analyse_bytes(script::capture(script), declared(3, 1.0)).closed.remove(0).reference.fits;
    let evidence = |fits: &[BehaviourFit]| {
        fits.iter().flat_map(|fit| [&fit.evidence_for, &fit.evidence_against]).flatten().cloned().collect::<Vec<_>>()
    };
    // One at a time; ACKs 2 and 3 are not captured. How many were outstanding with MSG 3 and MSG 4 nothing tells.
    let alternating = "0.10 client MSG 1 aaaa\n0.11 server ACK 1\n0.20 client MSG 2 bbbb\n0.21 lost server ACK 2\n\
                       0.30 client MSG 3 cccc\n0.31 lost server ACK 3\n0.40 client MSG 4 dddd\n0.41 server ACK 4\n0.5 finish 4";
    let said = fits(alternating);
    assert!(said.iter().all(|fit| (fit.explained, fit.contradicted) == (4, 0)), "{said:#?}");
    assert_eq!(evidence(&said), [] as [&str; 0]);
    // With them it is said.
    let seen = fits(&alternating.replace("lost ", ""));
    assert!(evidence(&seen).contains(&"never more than one outstanding".to_owned()), "{seen:#?}");
    // 1 and 2 were acknowledged: 3 was the oldest.
    let again = "0.10 client MSG 1 aaaa\n0.11 client MSG 2 bbbb\n0.12 client MSG 3 cccc\n0.13 lost server ACK 1\n\
                 0.14 lost server ACK 2\n1.2 client MSG 3 cccc\n1.3 server ACK 3\n1.4 finish 3";
    let said = fits(again);
    assert!(!evidence(&said).iter().any(|words| words.contains("oldest")), "{said:#?}");
}

#[test]
fn a_clock_that_was_set_back_tells_no_age() {
    // Package 1 is 1.1 s old when it goes again, by a clock that was set back by half a second meanwhile.
    let script = "5.0 client MSG 1 aaaa\n5.9 client MSG 2 bbbb\n6.1 client MSG 1 aaaa sent=5.6\n6.11 server ACK 1\n\
                  6.12 server ACK 2\n6.13 server ACK 1\n6.2 client MSG 3 cccc sent=5.7\n6.21 server ACK 3\n\
                  6.3 client DONE 4 sent=5.8\n6.31 server ACK 4\n6.4 client CLOSE 5 sent=5.9\n6.41 server DISCONNECT 0\n6.5 fin";
    let told = analyse_bytes(script::capture(script), declared(3, 1.0));
    let again = told.of("duplicate-resend");
    assert_eq!(again.len(), 1);
    let cause = again[0].cause.as_ref().unwrap();
    assert!(cause.undecided.contains(&crate::analyze::Trigger::Timer), "{cause:?}");
    assert!(cause.evidence.timer.is_none_or(|timer| timer.age_min < 1.0 && timer.age_max > 1.0), "{cause:?}");
    let closed = &told.closed[0];
    assert_eq!(closed.parameters.timeout.inferred, None);
    let timer_only = closed.reference.fits.iter().find(|fit| fit.behaviour == Behaviour::TimerOnly).unwrap();
    assert_eq!((timer_only.contradicted, &timer_only.evidence_against), (0, &Vec::new()));
}

#[test]
fn what_a_hole_of_the_client_held_may_have_been_outstanding_together() {
    let script = "0.10 client MSG 1 aaaa\n0.11 server ACK 1\n0.20 lost client MSG 2 bbbb\n0.21 lost client MSG 3 cccc\n\
                  0.22 server ACK 2\n0.23 server ACK 3\n0.30 client MSG 4 dddd\n0.31 server ACK 4\n0.4 finish 4";
    let fits = analyse_bytes(script::capture(script), declared(3, 1.0)).closed.remove(0).reference.fits;
    let said: Vec<_> = fits.iter().flat_map(|fit| &fit.evidence_for).collect();
    assert_eq!(said, [] as [&String; 0]);
}

#[test]
fn a_frame_that_may_begin_elsewhere_is_no_divergence() {
    // The name of a DONE of another size, and zeros of its payload where its fields would be.
    let script = "midstream\nbare\n0.1 client DONE 0 padding=1\n0.2 server ACK 1";
    let odd = analyse_bytes(script::capture(script), declared(3, 1.0)).closed.remove(0).reference;
    assert_eq!(odd.divergence, None);
    let known = script.replace("midstream\nbare\n", "").replace(" padding=1", "");
    let plain = analyse_bytes(script::capture(&known), declared(3, 1.0)).closed.remove(0).reference;
    assert!(plain.divergence.unwrap().words.ends_with("this client sent DONE, pos 0"));
}

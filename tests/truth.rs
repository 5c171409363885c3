//! The analysis against the truth of simulated exchanges, as `cargo run --release --example truth` compares them, over a
//! few hundred.

#[path = "../examples/truth/account.rs"]
mod account;
#[path = "../examples/truth/complete.rs"]
mod complete;
#[path = "../examples/truth/exchanges.rs"]
mod exchanges;
#[path = "../examples/truth/play.rs"]
mod play;
#[path = "../examples/truth/quiet.rs"]
mod quiet;
#[path = "../examples/truth/spoilt.rs"]
mod spoilt;

use account::Account;

#[test]
fn what_shows_is_found_with_its_cause_and_nothing_is_claimed_that_is_not_so() {
    let mut account = Account::default();
    for seed in 1..=300 {
        account.exchange(seed);
    }
    let mut told = Vec::new();
    account.print(&mut told, 1, 20).unwrap();
    let told = String::from_utf8(told).unwrap();
    assert!(account.differences.is_empty(), "{told}");
    assert!(told.contains("recall 1.0:") && told.contains("precision 1.0:"), "{told}");
    // Every class of event that a complete exchange can have was met, and every kind of claim.
    for class in ["gap", "gap-unrecovered", "ack-gap", "ack-late-or-lost", "ack-withheld", "done-unanswered"] {
        assert!(account.visible.get(class).is_some_and(|(all, _)| *all > 5), "{class}: {told}");
    }
    for rule in ["gap", "ack-gap", "duplicate-resend", "resend-after-ack", "capture-hole", "mid-stream", "one-sided"] {
        assert!(account.claims.get(rule).is_some_and(|(all, _)| *all > 5), "{rule}: {told}");
    }
}

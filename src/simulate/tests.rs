use super::scenario::{Given, Scenario, ScenarioKeys};
use super::*;

fn scenario(change: impl FnOnce(&mut ScenarioKeys)) -> Scenario {
    let mut keys = ScenarioKeys::default();
    change(&mut keys);
    Scenario::new(None, &keys).unwrap()
}

#[test]
fn a_window_without_end_makes_the_client_wait_for_its_socket_and_not_memory_grow() {
    let scenario = scenario(|keys| {
        keys.client.window = Some(Given::option("--window", i32::MAX.unsigned_abs()));
        keys.client.message_size = Some(Given::option("--message-size", 40_000_000));
        keys.server.maximum_msg_size = Some(Given::option("--max-msg-size", 9999));
    });
    let mut run = Run::new(0, &scenario, &scenario.exchanges[0], None).unwrap();
    let mut capture = Capture::new(&scenario, io::sink(), false);
    let mut most = 0;
    while run.next_packet().is_some() {
        run.emit(&mut capture).unwrap();
        most = most.max(run.bytes_held());
    }
    assert_eq!(run.outcomes(), [Some(&Outcome::Complete); 2]);
    assert_eq!(run.delivered(), 40_000_000);
    assert!(most < 20_000_000, "{most}");
}

#[test]
fn a_client_that_gives_up_ends_its_connection_and_the_simulation() {
    let scenario = scenario(|keys| {
        keys.client.max_resends = Some(Given::option("--max-resends", 2));
        keys.loss.done = Some(Given::option("--lose-done", 9));
    });
    let (summary, _) = simulate(&scenario, io::sink(), None).unwrap();
    assert_eq!((summary.connections, summary.complete), (1, 0));
}

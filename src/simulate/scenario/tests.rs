use super::*;

fn resolve(text: &str) -> Result<Scenario, ScenarioError> {
    Scenario::new(Some(&ScenarioFile::parse("s.toml", text)?), &ScenarioKeys::default())
}

fn refusal(text: &str) -> String {
    resolve(text).unwrap_err().to_string()
}

#[test]
fn an_empty_scenario_is_the_reference_message_over_a_quiet_loopback() {
    let scenario = resolve("").unwrap();
    let [exchange] = &scenario.exchanges[..] else { panic!() };
    assert_eq!(exchange.message.len(), 62);
    assert_eq!((exchange.max_msg_size.get(), exchange.window, exchange.timeout.seconds()), (10, 3, 2.0));
    assert!(scenario.defects.is_none());
}

#[test]
fn a_refusal_names_the_line_and_the_key_and_what_would_do() {
    for (text, words) in [
        ("\n[server]\nmaximum_msg_size = 3", &["s.toml: line 3: server.maximum_msg_size", "4 to 9999"][..]),
        ("[client]\nwindow = 0", &["s.toml: line 2: client.window", "1 to"]),
        ("[client]\ntimeout = 0", &["line 2: client.timeout", "more than 0"]),
        (
            "[client]\nmessage_size = 100000\n[server]\nmaximum_msg_size = 4",
            &["line 2: client.message_size", "at least 5"],
        ),
        ("[client]\nmessage = \"a\"\nmessage_size = 1", &["line 3: client.message_size", "leave one of them out"]),
        (
            "[client]\nmessage = \"abc\\u0000e\"\n[server]\nmaximum_msg_size = 4",
            &["line 2: client.message", "byte 3", "package 1"],
        ),
        ("frames = 11\nconnections = 2", &["line 1: frames", "at least 12"]),
        ("vantage = 1.5", &["line 1: vantage", "0 to 1"]),
        ("[tcp]\nsplit = []", &["line 2: tcp.split"]),
        ("[tcp]\nsplit = [7]\ncoalesce = 9", &["line 3: tcp.coalesce", "keep one"]),
        ("[loss]\nack_rate = 1", &["line 2: loss.ack_rate", "0 to 0.9"]),
        ("[loss]\nmessages = [0]", &["line 2", "messages", "from 1"]),
        ("[loss]\nmesages = [1]", &["line 2", "mesages", "`messages`"]),
        ("[client]\ntimeout = \"2h\"", &["line 2", "timeout", "40us"]),
        ("[loss]\nacks = \"1-2147483647\"", &["line 2: loss.acks", "a list may have 1048576"]),
        ("[loss]\nacks = [2147483648]", &["line 2: loss.acks", "they end at 2147483647"]),
        ("start = \"yesterday\"", &["line 1: start", "RFC 3339"]),
        ("connections = 2\n[[connection]]\n", &["line 1: connections", "leave one of them out"]),
        ("[capture]\nfrom = 2\nuntil = 1", &["line 3: capture.until"]),
    ] {
        let said = refusal(text);
        for word in words {
            assert!(said.contains(word), "{text:?}: {said:?} lacks {word:?}");
        }
    }
}

#[test]
fn an_option_hides_the_file_and_its_connections() {
    let text = "[client]\nwindow = 5\nmessage = \"abc\"\n[[connection]]\nclient = { window = 6 }\n[[connection]]\n";
    let file = ScenarioFile::parse("s.toml", text).unwrap();
    let windows = |options: &ScenarioKeys| {
        let scenario = Scenario::new(Some(&file), options).unwrap();
        scenario.exchanges.iter().map(|exchange| (exchange.window, exchange.message.len())).collect::<Vec<_>>()
    };
    assert_eq!(windows(&ScenarioKeys::default()), [(6, 3), (5, 3)]);
    let mut options = ScenarioKeys::default();
    options.client.window = Some(Given::option("--window", 7));
    options.client.message_size = Some(Given::option("--message-size", 9));
    assert_eq!(windows(&options), [(7, 9), (7, 9)]);
    options.client.window = Some(Given::option("--window", 0));
    let said = Scenario::new(Some(&file), &options).unwrap_err().to_string();
    assert!(said.starts_with("--window: client.window: 0 is outside"), "{said}");
}

#[test]
fn the_frames_of_all_connections_together_set_the_size_of_their_messages() {
    let scenario = resolve("connections = 3\nframes = 30").unwrap();
    // 30 − 3 × 6 = 12 frames for MSG and ACK pairs: 6 positions, 2 for each connection.
    let sizes: Vec<u64> = scenario.exchanges.iter().map(|exchange| exchange.message.len()).collect();
    assert_eq!(sizes, [20, 20, 20]);
    assert_eq!(scenario.exchanges[2].opens.nanos(), 2_000_000);
}

#[test]
fn a_capture_point_half_way_sees_each_segment_half_way_through_its_journey() {
    let half = Vantage::from_share(0.5).unwrap();
    assert_eq!(half.passing(Side::Client, 100, 300), 200);
    assert_eq!(Vantage::CLIENT.passing(Side::Client, 100, 300), 100);
    assert_eq!(Vantage::CLIENT.passing(Side::Server, 100, 300), 300);
    assert_eq!(Vantage::SERVER.passing(Side::Server, 100, 300), 100);
}

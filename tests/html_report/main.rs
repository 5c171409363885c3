//! The HTML report in a real browser: every frame and finding is there, choosing one chooses it everywhere, and
//! whatever a capture holds, the page loads nothing and runs nothing but itself.
//!
//! Needs chromium: `cargo test --test html_report -- --ignored --nocapture` also prints what a large report costs.

#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod browser;

use std::path::{Path, PathBuf};
use std::process::Command;

use arqscope::capture_writer::{CaptureWriter, Description};
use arqscope::conversation::{PacketSink, TcpConversation, WirePacket, client_endpoint};
use arqscope::decode::{Endpoint, TcpSeq};
use arqscope::time::Timestamp;
use arqscope::wire::{Frame, FrameLayout, HANDSHAKE, MaxMsgSize, Name, Pos, Side};
use browser::Browser;
use serde_json::{Value, json};

const RUNS: [&str; 5] = ["run1", "run2", "run3", "run4", "run5"];

/// Every row of the ladder that is a frame, by scrolling through it: packet, title, payload's beginning.
const LADDER: &str = "(async () => {
  const scroller = document.querySelector('#ladder-list');
  const rows = new Map();
  for (let top = 0; ; top += scroller.clientHeight / 2) {
    scroller.scrollTop = top;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const row of scroller.querySelectorAll('.rung.frame:not([hidden])')) {
      const text = (part) => row.querySelector(part)?.textContent ?? '';
      rows.set(Number(row.getAttribute('aria-posinset')), [text('.packet'), text('.label b'), text('.label bdi')]);
    }
    if (top > scroller.scrollHeight) {
      return [...rows.entries()].sort((a, b) => a[0] - b[0]).map(([, row]) => row);
    }
  }
})()";

/// Every row of the findings: rule, packet, message.
const FINDINGS: &str = "(async () => {
  const scroller = document.querySelector('#findings-list');
  const rows = new Map();
  for (let top = 0; ; top += scroller.clientHeight / 2) {
    scroller.scrollTop = top;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    for (const row of scroller.querySelectorAll('.finding:not([hidden])')) {
      const text = (part) => row.querySelector(part).textContent;
      rows.set(Number(row.getAttribute('aria-rowindex')), [text('.rule'), text('.packet').replace('packet ', ''), text('.message')]);
    }
    if (top > scroller.scrollHeight) {
      return [...rows.entries()].sort((a, b) => a[0] - b[0]).map(([, row]) => row);
    }
  }
})()";

/// The dump of the chosen frame: every field with its number, and the payload's bytes.
const DUMP: &str = "(() => {
  const fields = {};
  let field = '';
  for (const row of document.querySelectorAll('.dump tbody tr')) {
    const cells = [...row.cells].map((cell) => cell.textContent);
    const [name, number] = cells[3].split(' ');
    field = name || field;
    fields[field] ??= { offset: parseInt(cells[0], 16), number: number ?? null, bytes: '' };
    fields[field].bytes += cells[1].replaceAll(' ', '');
  }
  const facts = [...document.querySelectorAll('#chosen .frame dt')];
  const sent = facts.find((term) => term.textContent === 'sent_time').nextSibling.textContent;
  return { fields, sent_time: Number.parseFloat(sent) };
})()";

fn capture(run: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures").join(run).with_extension("pcapng")
}

/// Writes the report of `captures` to `page`.
fn report(captures: &[PathBuf], options: &[&str], page: &Path) {
    let report = format!("html={}", page.display());
    let output = Command::new(env!("CARGO_BIN_EXE_analyze"))
        .args(options)
        .args(["--fail-on", "never", "--report", &report])
        .args(captures)
        .output()
        .unwrap();
    assert!(matches!(output.status.code(), Some(0 | 3)), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What another command prints, as JSON.
fn printed(command: &str, arguments: &[&str], capture: &Path) -> Value {
    let output = Command::new(command).args(arguments).arg(capture).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The page did nothing but draw itself.
fn assert_nothing_was_loaded_or_run(browser: &mut Browser) {
    let requests: Vec<String> = browser
        .events_of("Network.requestWillBeSent")
        .map(|event| event["params"]["request"]["url"].as_str().unwrap().to_owned())
        .filter(|url| !url.starts_with("about:"))
        .collect();
    assert_eq!(requests.len(), 1, "the page itself and nothing else: {requests:?}");
    for trouble in ["Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"] {
        assert_eq!(browser.events_of(trouble).next(), None, "{trouble}");
    }
    let foreign =
        "document.querySelectorAll('img, iframe, object, embed, link, svg, a, form:not([method=dialog])').length";
    assert_eq!(browser.value(foreign), 0);
    assert_eq!(browser.value("document.scripts.length"), 2);
    assert_eq!(browser.value("window.marker"), Value::Null);
    let handlers = "[...document.querySelectorAll('*')].flatMap((e) => e.getAttributeNames()).filter((n) => n.startsWith('on')).length";
    assert_eq!(browser.value(handlers), 0);
}

#[test]
#[ignore = "needs chromium"]
fn every_frame_and_every_finding_of_the_runs_is_there() {
    let folder = tempfile::tempdir().unwrap();
    for run in RUNS {
        let page = folder.path().join(format!("{run}.html"));
        report(&[capture(run)], &[], &page);
        let mut browser = Browser::start(1400, 900);
        browser.open(&page);

        let rows = printed(env!("CARGO_BIN_EXE_decode"), &["-T", "json"], &capture(run));
        let expected: Vec<Value> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| {
                let header = row["header"].as_str().unwrap();
                let payload = row["payload"].as_str().unwrap();
                let (number, shown) = match header {
                    "ACK" => (format!(" {payload}"), ""),
                    "MSG" | "DONE" | "CLOSE" => (format!(" {}", row["pos"]), payload),
                    _ => (String::new(), payload),
                };
                json!([row["packet"].to_string(), format!("{header}{number}"), shortened(shown)])
            })
            .collect();
        assert_eq!(browser.value(LADDER), Value::from(expected), "{run}");

        let analysis =
            printed(env!("CARGO_BIN_EXE_analyze"), &["--report", "json", "--fail-on", "never"], &capture(run));
        let connection = &analysis["connections"][0];
        let mut expected: Vec<(u64, Value)> = connection["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| (f["at"].as_u64().unwrap(), json!([f["rule"], f["at"].to_string(), f["message"]])))
            .collect();
        expected.sort_by_key(|(at, _)| *at);
        let expected: Vec<Value> = expected.into_iter().map(|(_, finding)| finding).collect();
        assert_eq!(browser.value(FINDINGS), Value::from(expected), "{run}");
        assert_eq!(browser.text("#verdict .line"), connection["verdict"]["line"], "{run}");

        // Frame by frame: what the page reads out of the bytes is what the decoder does.
        browser.press("Home");
        for row in rows.as_array().unwrap() {
            let dump = browser.value(DUMP);
            let number = |field: &str| dump["fields"][field]["number"].as_str().unwrap().parse::<i64>().unwrap();
            assert_eq!(number("seq"), row["seq"], "{run}: {row}");
            assert_eq!(number("prev_seq"), row["prev_seq"], "{run}: {row}");
            assert_eq!(number("ack"), row["ack"], "{run}: {row}");
            assert_eq!(number("pos"), row["pos"], "{run}: {row}");
            assert_eq!(dump["sent_time"], row["sent_time"], "{run}: {row}");
            let payload = dump["fields"]["payload"]["bytes"].as_str().unwrap();
            let (bytes, padding) = payload.split_at(row["payload_hex"].as_str().unwrap().len());
            assert_eq!(bytes, row["payload_hex"], "{run}: {row}");
            assert!(padding.bytes().all(|digit| digit == b'0'), "{run}: {row}");
            assert_eq!(dump["fields"]["payload"]["offset"], 10);
            browser.press("ArrowDown");
        }
        assert_nothing_was_loaded_or_run(&mut browser);
    }
}

/// As the ladder shortens a payload.
fn shortened(text: &str) -> String {
    if text.chars().count() <= 22 { text.to_owned() } else { text.chars().take(21).chain(['…']).collect() }
}

#[test]
#[ignore = "needs chromium"]
fn choosing_a_frame_or_a_finding_chooses_it_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("run4.html");
    report(&[capture("run4")], &[], &page);
    let mut browser = Browser::start(1400, 900);
    browser.open(&page);
    let chosen = "document.querySelector('#ladder-list .chosen .packet')?.textContent ?? null";
    assert_eq!(browser.value(chosen), Value::Null);

    // A row of the ladder, with the mouse.
    browser.click("[...document.querySelectorAll('#ladder-list .rung.frame')].find((r) => r.querySelector('.packet').textContent === '26')");
    assert_eq!(browser.value(chosen), "26");
    assert!(browser.text("#chosen h3").starts_with("MSG 6"));
    browser.value("new Promise((done) => setTimeout(done, 500))");
    assert_eq!(browser.value("location.hash"), "#connection=0&packet=26");
    assert!(browser.text("#spoken").contains("packet 26, client, MSG 6"));
    assert_eq!(browser.value("document.querySelectorAll('#findings-list .related').length > 0"), true);
    // Its bytes are those that the decoder prints.
    let row = printed(env!("CARGO_BIN_EXE_decode"), &["-T", "json", "-Y", "frame.number == 26"], &capture("run4"));
    let bytes = "[...document.querySelectorAll('.dump tr')].filter((r) => r.textContent.includes('payload')).map((r) => r.querySelector('.hex').textContent.replaceAll(' ', '')).join('')";
    assert_eq!(browser.value(bytes), row[0]["payload_hex"]);

    // The next frame and the one before, with keys.
    browser.press("ArrowDown");
    assert_eq!(browser.value(chosen), "27");
    browser.press("ArrowUp");
    assert_eq!(browser.value(chosen), "26");
    browser.press("End");
    assert_eq!(browser.value(chosen), "56");
    browser.press("Home");
    assert_eq!(browser.value(chosen), "4");

    // Findings, with keys and with the mouse.
    browser.press("n");
    let finding = "document.querySelector('#findings-list .chosen .packet')?.textContent ?? null";
    let first = browser.value(finding);
    assert_eq!(format!("packet {}", browser.value(chosen).as_str().unwrap()), first.as_str().unwrap());
    browser.press("n");
    browser.press("p");
    assert_eq!(browser.value(finding), first);
    browser.click("document.querySelector('#findings-list .finding:not([hidden]):nth-of-type(2)')");
    assert_eq!(format!("packet {}", browser.value(chosen).as_str().unwrap()), browser.value(finding).as_str().unwrap());
    assert_ne!(browser.text("#chosen .statement .message"), "");

    // Keys in the findings go from finding to finding; where something is read they scroll it and choose nothing.
    let second = browser.value(finding);
    browser.press("ArrowUp");
    assert_eq!(browser.value(finding), first);
    browser.press("ArrowDown");
    assert_eq!(browser.value(finding), second);
    browser.value("document.querySelector('#chosen').focus()");
    browser.press("ArrowDown");
    assert_eq!(browser.value(finding), second);
    browser.value("document.activeElement.blur()");

    // A click in the middle of the graph chooses the nearest frame.
    browser.press("Escape");
    assert_eq!(browser.value(chosen), Value::Null);
    browser.click("document.querySelector('#position')");
    assert_ne!(browser.value(chosen), Value::Null);

    // Help opens and closes.
    browser.press("?");
    assert_eq!(browser.value("document.querySelector('#help').open"), true);
    browser.press("Escape");
    assert_nothing_was_loaded_or_run(&mut browser);
}

#[test]
#[ignore = "needs chromium"]
fn what_was_not_written_stands_in_the_ladder_where_it_was_due() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("run4.html");
    report(&[capture("run4")], &["--window", "3", "--timeout", "2"], &page);
    let mut browser = Browser::start(1400, 2000);
    browser.open(&page);
    let rows = "[...document.querySelectorAll('#ladder-list .rung:not([hidden])')]
        .filter((row) => row.querySelector('.label').textContent !== '')
        .sort((a, b) => a.getAttribute('aria-posinset') - b.getAttribute('aria-posinset'))
        .map((row) => (row.classList.contains('lost') ? 'no ' : '') + row.querySelector('.label b').textContent)";
    let rows = browser.value(rows);
    let rows: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    let from = rows.iter().position(|row| *row == "MSG 6").unwrap();
    // PROTOCOL §7: packages 7, 9, 11 and ACKs 6, 8, 10 are not written.
    let expected = "MSG 6, no ACK 6, no MSG 7, MSG 8, MSG 6, ACK 6, MSG 7, ACK 7, no ACK 8, no MSG 9, MSG 10, MSG 8, ACK 8, \
                    MSG 9, ACK 9, no ACK 10, no MSG 11, MSG 12, MSG 10, ACK 10, MSG 13, MSG 11, ACK 11, ACK 12, ACK 13";
    assert_eq!(rows[from..from + 25].join(", "), expected);
    assert_nothing_was_loaded_or_run(&mut browser);
}

#[test]
#[ignore = "needs chromium"]
fn an_address_leads_to_its_connection_and_packet() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("two.html");
    report(&[capture("two-clients"), capture("run1")], &[], &page);
    let mut browser = Browser::start(1400, 900);
    browser.open(&page);
    assert_eq!(browser.value("document.querySelector('#connection').options.length"), 3);
    browser.value("location.hash = 'connection=2&packet=20'");
    browser.value("new Promise((done) => setTimeout(done, 50))");
    assert_eq!(browser.value("document.querySelector('#ladder-list .chosen .packet').textContent"), "20");
    assert_eq!(browser.value("document.querySelector('#connection').value"), "2");
    browser.press("[");
    assert_eq!(browser.value("document.querySelector('#connection').value"), "1");
}

#[test]
#[ignore = "needs chromium"]
fn a_page_says_what_it_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("few.html");
    report(&[capture("run4")], &["--max-frames", "10", "--max-findings", "1"], &page);
    let mut browser = Browser::start(1400, 900);
    browser.open(&page);
    assert_eq!(browser.text("#ladder-count"), "the first 10 frames; 25 more were not kept");
    assert_eq!(browser.value(LADDER).as_array().unwrap().len(), 10);
    // Of three gaps and three resends the first of each is kept; their frames are not there to be chosen.
    assert_eq!(browser.text("#findings-dropped"), "2 of 6 findings are listed; the others are only counted.");
    browser.press("n");
    assert!(browser.text("#chosen .message").starts_with("package 6"));
    assert_nothing_was_loaded_or_run(&mut browser);
}

/// Payloads that would do something if the page let them.
const HOSTILE: [&[u8]; 10] = [
    b"<img src=x onerror=window.marker=1>",
    b"</script><script>window.marker=1</script>",
    b"<!--<script>window.marker=1//",
    b"\" onmouseover=\"window.marker=1",
    b"'-window.marker=1-'",
    b"{{data}}{{script}}${window.marker=1}",
    b"\xe2\x80\xa8window.marker=1\xe2\x80\xa9\xe2\x80\xae\xef\xbb\xbf",
    b"\xff\xfe\xc0\x80\xed\xa0\x80\x00\x01\x1b[2J\x07",
    b"<svg onload=window.marker=1><a href=javascript:window.marker=1>",
    b"&lt;b&gt;&amp;\\u003cscript\\u003e]]>",
];

struct Capture<W: std::io::Write>(CaptureWriter<W>);

impl<W: std::io::Write> PacketSink for Capture<W> {
    type Error = std::io::Error;

    fn packet(&mut self, packet: WirePacket<'_>) -> std::io::Result<()> {
        self.0.write(packet.time, [packet.header, packet.payload], packet.original_len())
    }
}

/// An exchange whose payloads, and in the end header names and numbers, are hostile.
fn hostile_capture() -> Vec<u8> {
    let layout = FrameLayout::new(MaxMsgSize::new(64).unwrap());
    let server = Endpoint { addr: "127.0.0.1".parse().unwrap(), port: 55558 };
    let mut tcp = TcpConversation::new(client_endpoint(0, server), server, [TcpSeq(1), TcpSeq(1)]);
    let mut out = Capture(CaptureWriter::pcapng(Vec::new(), &Description::default()).unwrap());
    let at = |ms: i64| Timestamp::from_nanos(1_767_603_600_000_000_000 + ms * 1_000_000);
    tcp.open([at(0), at(1), at(2)], &mut out).unwrap();
    let mut ms = 3;
    let mut write = |side: Side, bytes: &[u8], out: &mut Capture<Vec<u8>>| {
        ms += 10;
        tcp.send(side, bytes, at(ms), out).unwrap();
    };
    let emitted = |frame: Frame<'_>, layout: FrameLayout| {
        let mut bytes = Vec::new();
        frame.emit(layout, &mut bytes).unwrap();
        bytes
    };
    write(Side::Client, &emitted(Frame::from_client(Name::GetMax, b"", Pos(0), 1.0), HANDSHAKE), &mut out);
    write(Side::Server, &emitted(Frame::from_server(Name::ReturnMax, b"64", 1.0), HANDSHAKE), &mut out);
    for (k, payload) in (1..).zip(HOSTILE) {
        write(Side::Client, &emitted(Frame::from_client(Name::Msg, payload, Pos(k), f64::NAN), layout), &mut out);
        write(Side::Server, &emitted(Frame::from_server(Name::Ack, payload, f64::INFINITY), layout), &mut out);
    }
    for header in [b"<script>al", b"</script>\0", b"\xe2\x80\xae<b>\xff\xff\0\0"] {
        let mut bytes = emitted(Frame::from_client(Name::Msg, HOSTILE[0], Pos(i32::MAX), -1.0), layout);
        bytes[..10].copy_from_slice(header);
        write(Side::Client, &bytes, &mut out);
    }
    out.0.finish().unwrap()
}

#[test]
#[ignore = "needs chromium"]
fn hostile_payloads_names_and_numbers_are_shown_and_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("<img src=x onerror=window.marker=1>&lt;\u{202e}{{data}}.pcapng");
    std::fs::write(&capture, hostile_capture()).unwrap();
    let page = folder.path().join("hostile.html");
    report(&[capture], &[], &page);
    let mut browser = Browser::start(1400, 900);
    browser.open(&page);
    let frames = browser.value("document.querySelector('#ladder-count').textContent");
    assert_eq!(frames, format!("{} frames", 2 + 2 * HOSTILE.len() + 3));
    // Each frame in turn, with all that the page says of it, and each tab.
    let mut seen = String::new();
    for _ in 0..2 + 2 * HOSTILE.len() + 3 {
        browser.press("ArrowDown");
        seen.push_str(&browser.text("#chosen"));
        seen.push_str(&browser.text("#ladder-list"));
        seen.push_str(&browser.text("#spoken"));
    }
    for tab in ["metrics", "model", "capture", "findings"] {
        browser.click(&format!("document.querySelector('#tab-{tab}')"));
        seen.push_str(&browser.text(&format!("#panel-{tab}")));
    }
    assert!(seen.contains("<img src=x onerror=w"), "payloads are shown as they are");
    assert!(seen.contains("</script><script>"), "payloads are shown as they are");
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{feff}')
    };
    assert_eq!(seen.chars().find(|c| hidden(*c)), None, "and what cannot be seen by its number");
    assert_nothing_was_loaded_or_run(&mut browser);
}

/// Frames of the large report.
const MANY: u32 = 100_000;

#[test]
#[ignore = "needs chromium"]
fn a_hundred_thousand_frames_open_and_scroll() {
    let folder = tempfile::tempdir().unwrap();
    let capture = folder.path().join("many.pcapng");
    let simulated = Command::new(env!("CARGO_BIN_EXE_simulate"))
        .arg("-w")
        .arg(&capture)
        .args(["--frames", &MANY.to_string(), "--max-msg-size", "10", "--window", "32", "--timeout", "60ms"])
        .args(["--delay", "5ms", "--jitter", "1ms", "--loss-rate", "0.01", "--ack-loss-rate", "0.01", "--pace", "1ms"])
        .args(["--seed", "8"])
        .output()
        .unwrap();
    assert!(simulated.status.success());
    let page = folder.path().join("many.html");
    report(&[capture], &["--window", "32", "--timeout", "0.06"], &page);
    let size = std::fs::metadata(&page).unwrap().len();
    assert!(size < 20 << 20, "{size} bytes");

    let mut browser = Browser::start(1400, 900);
    browser.open(&page);
    let load = browser.value("(() => { const [n] = performance.getEntriesByType('navigation'); return [n.responseEnd, n.domInteractive, n.loadEventEnd]; })()");
    println!("{size} bytes; loaded, read, ready: {load} ms");
    assert!(load[2].as_f64().unwrap() < 15_000.0);
    println!("{:.0} ms of processor time for it", browser.task_seconds() * 1e3);
    for (name, act) in [
        ("zoom in", "canvas.dispatchEvent(wheel({deltaY: -60}))"),
        ("pan", "canvas.dispatchEvent(wheel({deltaX: k % 40 < 20 ? 40 : -40}))"),
        ("zoom out", "canvas.dispatchEvent(wheel({deltaY: 60}))"),
        ("scroll the ladder", "ladder.scrollTop += 900"),
        ("jump in the ladder", "ladder.scrollTop = (k * 7919 % 100) / 100 * ladder.scrollHeight"),
        ("next frame", "document.dispatchEvent(new KeyboardEvent('keydown', {key: 'PageDown'}))"),
    ] {
        let before = browser.task_seconds();
        let frames = browser.value(&smoothness(act));
        let work = (browser.task_seconds() - before) * 1e3 / f64::from(STEPS);
        println!("{name}: {work:.1} ms of processor time a step; frames of the screen: {frames} ms");
        assert!(work < 50.0, "{name}: {work} ms of processor time a step");
    }
    assert_nothing_was_loaded_or_run(&mut browser);
}

/// Frames of the screen in which something is done.
const STEPS: u32 = 120;

/// Does `act` once in each of [`STEPS`] frames of the screen, and gives the time from one to the next.
fn smoothness(act: &str) -> String {
    format!(
        "(async () => {{
          const canvas = document.querySelector('#position');
          const ladder = document.querySelector('#ladder-list');
          const wheel = (options) => new WheelEvent('wheel', {{clientX: 900, clientY: 200, bubbles: true, cancelable: true, ...options}});
          const screen = () => new Promise((done) => requestAnimationFrame(done));
          const times = [];
          let last = await screen();
          for (let k = 0; k < {STEPS}; k += 1) {{
            {act};
            const now = await screen();
            times.push(now - last);
            last = now;
          }}
          times.sort((a, b) => a - b);
          const at = (share) => Math.round(times[Math.floor(share * (times.length - 1))] * 10) / 10;
          return {{ median: at(0.5), p95: at(0.95), most: at(1) }};
        }})()"
    )
}

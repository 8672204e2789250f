//! HTTP beside WebSockets, over real sockets: requests for the host, kept
//! connections, bodies, and answers that arrive whatever the client does.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::{io::Write, net::Shutdown, process::Command, sync::mpsc};

use common::{Client, Host, LONG};
use salon::{Config, Event, Limits, RequestId, Server};

fn config() -> Config {
    Config { http: true, ..Config::default() }
}

/// Tells what it was asked, as text.
fn mirror(server: &mut Server, event: &Event<'_>) {
    if let Event::HttpRequest { request, head, body } = event {
        let text = format!("{} {} {}", head.method(), head.target(), String::from_utf8_lossy(body));
        server.respond(*request, 200, &[("content-type", "text/plain")], text).unwrap();
    }
}

/// A host that answers `/big` with eight megabytes.
fn big(server: &mut Server, event: &Event<'_>) {
    if let Event::HttpRequest { request, .. } = event {
        server.respond(*request, 200, &[], vec![b'x'; 8 << 20]).unwrap();
    }
}

#[test]
fn requests_on_a_kept_connection_are_answered_one_after_the_other() {
    let host = Host::run(config(), mirror);
    let mut http = host.http();
    for number in 0..100 {
        let response = http.get(&format!("/{number}?q=a%20b"));
        assert_eq!((response.status, response.text()), (200, &*format!("GET /{number}?q=a%20b ")));
        assert_eq!(response.header("content-type"), Some("text/plain"));
    }
    http.write("GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    assert_eq!(http.response(false).text(), "GET /last ");
    assert!(http.is_over());
}

#[test]
fn requests_may_be_answered_later_and_stay_in_order() {
    let (sender, asked) = mpsc::channel::<(RequestId, String)>();
    let host = Host::run(config(), move |_, event| {
        if let Event::HttpRequest { request, head, .. } = event {
            sender.send((*request, head.path().to_owned())).unwrap();
        }
    });
    let (mut one, mut two) = (host.http(), host.http());
    one.write("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    let first = asked.recv_timeout(LONG).unwrap();
    two.write("GET /3 HTTP/1.1\r\nHost: x\r\n\r\n");
    let other = asked.recv_timeout(LONG).unwrap();
    assert_eq!((&*first.1, &*other.1), ("/1", "/3"));
    // Somebody else's request is answered before; the second waits for the first.
    let answer = |id: RequestId, body: &'static str| {
        host.with(move |server| server.respond(id, 200, &[], body).unwrap())
    };
    assert!(answer(other.0, "three"));
    assert_eq!(two.response(false).text(), "three");
    assert!(asked.try_recv().is_err());
    assert!(answer(first.0, "one"));
    assert!(!answer(first.0, "one again"));
    let second = asked.recv_timeout(LONG).unwrap();
    assert_eq!(second.1, "/2");
    assert!(answer(second.0, "two"));
    assert_eq!(one.response(false).text(), "one");
    assert_eq!(one.response(false).text(), "two");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let host = Host::run(config(), mirror);
    let mut http = host.http();
    let requests: String = (0..2_000).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n")).collect();
    let mut writer = http.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || writer.write_all(requests.as_bytes()).unwrap());
    for number in 0..2_000 {
        assert_eq!(http.response(false).text(), format!("GET /{number} "));
    }
    writing.join().unwrap();
}

#[test]
fn a_head_request_gets_the_head_alone() {
    let host = Host::run(config(), mirror);
    let mut http = host.http();
    http.write("HEAD /x HTTP/1.1\r\nHost: x\r\n\r\n");
    let response = http.response(true);
    assert_eq!((response.status, response.header("content-length")), (200, Some("8")));
    assert_eq!(http.get("/y").text(), "GET /y ");
}

#[test]
fn bodies_come_with_a_length_and_in_chunks() {
    let host = Host::run(config(), mirror);
    let mut http = host.http();
    http.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(http.response(false).text(), "POST / hello");
    http.write("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nhel\r\n");
    http.write("2\r\nlo\r\n0\r\nTrailer: x\r\n\r\n");
    assert_eq!(http.response(false).text(), "PUT / hello");
    let long = "y".repeat(900_000);
    http.write(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{long}", long.len()));
    assert_eq!(http.response(false).text(), format!("POST / {long}"));
}

#[test]
fn without_a_host_for_http_there_is_nothing() {
    let host = Host::run(Config::default(), |_, _| ());
    let mut http = host.http();
    assert_eq!(http.get("/").status, 404);
    assert_eq!(http.get("/").status, 404);
}

#[test]
fn curl_waits_for_100_continue_and_sends_its_body() {
    let url = |host: &Host| format!("http://{}/upload", host.address);
    let curl = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--noproxy", "*", "--max-time", "15", "--expect100-timeout", "12"]);
        curl.args(arguments).output()
    };
    let host = Host::run(config(), mirror);
    let Ok(output) = curl(&["-v", "-H", "Expect: 100-continue", "-d", "hello", &url(&host)]) else {
        // There is no curl here: the same by hand.
        let mut http = host.http();
        http.write("POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        assert_eq!(http.response(false).status, 100);
        http.write("hello");
        assert_eq!(http.response(false).text(), "POST /upload hello");
        return;
    };
    assert_eq!(String::from_utf8_lossy(&output.stdout), "POST /upload hello");
    let output =
        curl(&["-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked", "-d", "hi", &url(&host)]);
    assert_eq!(String::from_utf8_lossy(&output.unwrap().stdout), "POST /upload hi");
    let output = curl(&["-I", &url(&host)]).unwrap();
    assert!(output.stdout.starts_with(b"HTTP/1.1 200 "));
}

#[test]
fn a_head_that_takes_too_long_is_answered_408() {
    let limits = Limits { head_timeout_ms: 100, ..Limits::default() };
    let host = Host::run(Config { limits, ..config() }, mirror);
    let mut slow = host.http();
    slow.write("GET / HTTP/1.1\r\nHo");
    assert_eq!(slow.response(false).status, 408);
    assert!(slow.is_over());
    // Who says nothing is only closed.
    assert!(host.http().is_over());
    assert_eq!(host.http().get("/").status, 200);
}

#[test]
fn a_body_that_takes_too_long_is_answered_408() {
    let limits = Limits { body_timeout_ms: 100, ..Limits::default() };
    let host = Host::run(Config { limits, ..config() }, mirror);
    let mut slow = host.http();
    slow.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
    assert_eq!(slow.response(false).status, 408);
    assert!(slow.is_over());
}

#[test]
fn what_the_client_still_sends_does_not_destroy_the_answer() {
    let host = Host::run(config(), mirror);
    let mut http = host.http();
    http.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n");
    // The answer is due from the head alone. A client that writes on and
    // reads then must find it, not a reset.
    let piece = [b'z'; 64 << 10];
    for _ in 0..16 {
        if http.stream.write_all(&piece).is_err() {
            break;
        }
    }
    assert_eq!(http.response(false).status, 413);
}

#[test]
fn who_half_closes_behind_a_request_gets_the_whole_answer() {
    let host = Host::run(config(), big);
    let mut http = host.http();
    http.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    http.stream.shutdown(Shutdown::Write).unwrap();
    host.until("the answer is under way", |server| server.stats().bytes_out > 0);
    assert_eq!(http.response(false).body.len(), 8 << 20);
    assert!(http.is_over());
}

#[test]
fn who_does_not_read_its_answers_is_not_given_more() {
    let host = Host::run(config(), big);
    let mut greedy = host.http();
    greedy.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n".repeat(50));
    host.until("an answer is under way", |server| server.stats().queued_bytes > 0);
    // Others are served meanwhile.
    for _ in 0..5 {
        assert_eq!(host.http().get("/").status, 200);
    }
    let (requests, queued) = host.with(|server| (server.stats().requests, server.stats().queued_bytes));
    assert!(requests <= 5 + 3 && queued <= 3 * (8 << 20), "{requests} answered, {queued} bytes wait");
    // Once it reads, it gets all of them.
    for _ in 0..50 {
        assert_eq!(greedy.response(false).body.len(), 8 << 20);
    }
}

#[test]
fn a_request_that_the_host_never_answers_gets_503_whatever_follows_it() {
    let limits = Limits { response_timeout_ms: 200, ..Limits::default() };
    let host = Host::run(Config { limits, ..config() }, |_, _| ());
    let mut http = host.http();
    http.write("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n");
    host.until("it is asked", |server| server.stats().requests == 1);
    // These bytes stay in the kernel, because nobody wants them now.
    http.write("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(http.response(false).status, 503);
}

#[test]
fn what_follows_a_refused_upgrade_is_not_looked_at() {
    let host = Host::run(config(), |server, event| {
        assert!(!matches!(event, Event::Connect { .. } | Event::Data { .. }), "{event:?}");
        mirror(server, event);
    });
    let mut http = host.http();
    http.write(
        "GET /nowhere HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\
         GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n",
    );
    assert_eq!(http.response(false).status, 404);
    assert!(http.is_over());
    assert_eq!(host.with(|server| server.stats().requests), 0);
}

#[test]
fn websockets_and_requests_share_a_port() {
    let host = Host::run(config(), mirror);
    let mut client = Client::connect(host.address, "/");
    client.greeting();
    assert_eq!(host.http().get("/").status, 200);
    let mut asked = host.http();
    assert_eq!(asked.get("/a").status, 200);
    // A kept connection may become a WebSocket.
    asked.write(
        "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let response = asked.response(true);
    assert_eq!(response.status, 101);
    assert_eq!(response.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    host.until("two are there", |server| server.count("/", None).unwrap() == 2);
}

#[test]
fn bodies_and_messages_that_break_off_leave_no_memory_behind() {
    let host = Host::run(config(), mirror);
    for _ in 0..3 {
        let mut upload = host.http();
        upload.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
        upload.write("y".repeat(500_000));
        let mut chunked = host.http();
        chunked.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7A120\r\n");
        chunked.write("y".repeat(500_000));
        let mut client = host.client("/");
        client.greeting();
        let frame = [[0x82, 0xff].as_slice(), &900_000u64.to_be_bytes(), &[0; 4], &[0; 500_000]].concat();
        client.socket.get_mut().write_all(&frame).unwrap();
        host.until("all have arrived in part", |server| server.stats().memory_bytes >= 1_500_000);
        // Two break off, one goes on with what can't be.
        upload.stream.shutdown(Shutdown::Both).unwrap();
        chunked.write("y\r\nno size\r\n");
        client.socket.get_mut().shutdown(Shutdown::Both).unwrap();
        host.until("nothing is held", |server| server.stats().memory_bytes == 0);
        drop(chunked);
        host.until("all are gone", |server| server.stats().connections == 0);
        host.until("nothing is held", |server| server.stats().memory_bytes == 0);
    }
}

#[test]
fn who_never_reads_its_answers_is_let_go_though_more_requests_wait_unread() {
    let limits = Limits { idle_timeout_ms: 100, close_timeout_ms: 100, ..Limits::default() };
    let host = Host::run(Config { limits, ..config() }, big);
    let mut greedy = host.http();
    greedy.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    host.until("its answer does not fit", |server| server.stats().queued_bytes > 0);
    greedy.write("GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    host.until("it is gone", |server| server.stats().connections == 0);
}

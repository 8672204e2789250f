//! Questions and answers both ways: each of the host's ends exactly once.

use std::time::Duration;

use super::{wire::*, *};

impl Salon {
    fn ask_one(&mut self, number: usize, timeout_ms: u64) -> Result<usize> {
        let (socket, timeout) = (self.socket(number), Duration::from_millis(timeout_ms));
        let ack = self.tell(|engine| engine.ask_one(socket, "well", &Payload::from("[]"), timeout))?;
        self.questions.push(ack);
        Ok(self.questions.len() - 1)
    }

    fn ask(&mut self, to: &Selection<'_>, timeout_ms: u64) -> usize {
        let timeout = Duration::from_millis(timeout_ms);
        let ack = self.tell(|engine| engine.ask(to, "well", &Payload::from("[1]"), timeout)).unwrap();
        self.questions.push(ack);
        self.questions.len() - 1
    }

    fn answer(&mut self, question: usize, args: &str) -> Result<()> {
        let ack = self.questions[question];
        self.tell(|engine| engine.answer_ack(ack, &Payload::from(args)))
    }
}

fn with_clients(count: usize, config: Config) -> (Salon, Vec<usize>) {
    let mut salon = Salon::new(config);
    let clients = (0..count).map(|_| salon.open()).collect();
    (salon, clients)
}

fn ack(id: usize, data: &str) -> Vec<u8> {
    text(&format!(r#"{{"ack":{id},"data":{data}}}"#))
}

#[test]
fn client_asks_and_is_answered_once_by_its_own_number() {
    let (mut salon, clients) = with_clients(1, Config::default());
    let client = clients[0];
    for id in ["0", "7", "9007199254740991"] {
        salon.write(client, text(&format!(r#"{{"event":"sum","args":[1,2],"id":{id}}}"#)));
        let question = salon.questions.len();
        assert_eq!(salon.quiet(), [format!("#0 says sum [1,2] asks {question}")]);
        assert_eq!(kind(salon.answer(question, "3")), ErrorKind::Invalid);
        salon.answer(question, "[3]").unwrap();
        assert_eq!(kind(salon.answer(question, "[3]")), ErrorKind::NotFound);
        salon.quiet();
        assert_eq!(salon.frames(client), [format!(r#"text {{"ack":{id},"data":3}}"#)]);
    }
}

#[test]
fn answers_may_come_later_and_in_any_order() {
    let (mut salon, clients) = with_clients(1, Config::default());
    let ask = |id| text(&format!(r#"{{"event":"a","id":{id}}}"#));
    salon.write(clients[0], [ask(1), ask(2), ask(1)].concat());
    salon.quiet();
    salon.after(20_000);
    for question in [2, 0, 1] {
        salon.answer(question, &format!("[{question},0]")).unwrap();
    }
    salon.quiet();
    assert_eq!(
        salon.frames(clients[0]),
        [
            r#"text {"ack":1,"args":[2,0]}"#,
            r#"text {"ack":1,"args":[0,0]}"#,
            r#"text {"ack":2,"args":[1,0]}"#
        ]
    );
}

#[test]
fn answer_for_a_client_that_has_just_left_is_no_mistake_and_later_it_is() {
    let (mut salon, clients) = with_clients(1, Config::default());
    salon.write(clients[0], text(r#"{"event":"a","id":1}"#));
    salon.write(clients[0], text(r#"{"event":"b","id":2}"#));
    salon.end(clients[0], End::Eof);
    salon.turn();
    salon.turn();
    assert_eq!(salon.turn().len(), 1);
    salon.answer(0, "[]").unwrap();
    salon.turn();
    assert_eq!(kind(salon.answer(1, "[]")), ErrorKind::NotFound);
    assert!(salon.engine.acks.is_empty());
}

#[test]
fn past_the_limit_the_oldest_question_of_a_client_is_forgotten() {
    let (mut salon, clients) = with_clients(1, config(|limits| limits.acks_owed = 2));
    for id in 0..3 {
        salon.write(clients[0], text(&format!(r#"{{"event":"a","id":{id}}}"#)));
    }
    salon.quiet();
    assert_eq!(kind(salon.answer(0, "[]")), ErrorKind::NotFound);
    salon.answer(1, "[]").unwrap();
    salon.answer(2, "[]").unwrap();
    salon.quiet();
    assert_eq!(salon.frames(clients[0]), [r#"text {"ack":1}"#, r#"text {"ack":2}"#]);
}

#[test]
fn host_asks_and_gets_one_answer_whatever_else_the_client_says() {
    let (mut salon, clients) = with_clients(2, Config::default());
    salon.ask_one(0, 5_000).unwrap();
    salon.quiet();
    assert_eq!(salon.frames(clients[0]), [r#"text {"event":"well","args":[],"id":1}"#]);
    // Somebody else's answer, and answers to nothing.
    salon.write(clients[1], ack(1, "\"mine\""));
    salon.write(clients[0], [ack(0, "1"), ack(2, "1"), ack(9_007_199_254_740_991, "1")].concat());
    assert!(salon.quiet().is_empty());
    let answer = r#"{"ack":1,"args":["yes",{"_placeholder":true,"num":0}],"attachments":["AQI="]}"#;
    salon.write(clients[0], [text(answer), ack(1, "\"again\"")].concat());
    let line = r#"#0 answers 0: ["yes",{"_placeholder":true,"num":0}] with [[1, 2]]"#;
    assert_eq!(salon.quiet(), [line]);
    assert!(salon.after(5_000).is_empty());
    assert!(salon.engine.acks.is_empty());
}

#[test]
fn answer_without_data_is_an_empty_array() {
    let (mut salon, clients) = with_clients(1, Config::default());
    salon.ask_one(0, 5_000).unwrap();
    salon.write(clients[0], text(r#"{"ack":1}"#));
    assert_eq!(salon.quiet(), ["#0 answers 0: []"]);
}

#[test]
fn answer_that_comes_too_late_is_none() {
    let (mut salon, clients) = with_clients(1, Config::default());
    salon.ask_one(0, 5_000).unwrap();
    assert!(salon.after(4_999).is_empty());
    assert_eq!(salon.after(1), ["#0 answers 0: not in time"]);
    salon.write(clients[0], ack(1, "1"));
    assert!(salon.quiet().is_empty());
}

#[test]
fn question_to_who_leaves_fails_at_once() {
    let (mut salon, clients) = with_clients(1, Config::default());
    salon.ask_one(0, 5_000).unwrap();
    salon.ask_one(0, 9_000).unwrap();
    salon.end(clients[0], End::Eof);
    let gone = r#"gone #0 /: transport close, 1006 "transport close" []"#;
    assert_eq!(salon.turn(), ["#0 answers 0: not any more", "#0 answers 1: not any more", gone]);
    // Known until the next turn, it can be asked, and does not answer.
    salon.ask_one(0, 5_000).unwrap();
    assert_eq!(salon.turn(), ["#0 answers 2: not any more"]);
    assert_eq!(kind(salon.ask_one(0, 5_000)), ErrorKind::NotFound);
    assert!(salon.after(10_000).is_empty());
}

#[test]
fn past_the_limit_the_oldest_question_to_a_client_fails() {
    let (mut salon, clients) = with_clients(1, config(|limits| limits.acks_awaited = 2));
    for _ in 0..3 {
        salon.ask_one(0, 5_000).unwrap();
    }
    assert_eq!(salon.quiet(), ["#0 answers 0: not any more"]);
    salon.write(clients[0], [ack(1, "1"), ack(2, "2"), ack(3, "3")].concat());
    assert_eq!(salon.quiet(), ["#0 answers 1: [2]", "#0 answers 2: [3]"]);
}

#[test]
fn question_to_a_slow_reader_has_one_outcome_under_either_policy() {
    let (mut salon, clients) = with_clients(1, config(|limits| limits.queue_bytes = 60));
    salon.room(clients[0], 0);
    salon.ask_one(0, 5_000).unwrap();
    salon.quiet();
    salon.ask_one(0, 5_000).unwrap();
    assert_eq!(
        salon.quiet(),
        [
            "#0 answers 0: not any more",
            r#"gone #0 /: slow reader, 1013 "slow reader" []"#,
            "#0 answers 1: not any more",
        ]
    );
    let mut config = config(|limits| limits.queue_bytes = 60);
    config.overflow = crate::engine::config::Overflow::Drop;
    let (mut salon, clients) = with_clients(1, config);
    salon.room(clients[0], 0);
    salon.ask_one(0, 5_000).unwrap();
    salon.quiet();
    assert_eq!(kind(salon.ask_one(0, 5_000)), ErrorKind::Backpressure);
    assert_eq!(salon.after(5_000), ["#0 answers 0: not in time"]);
}

#[test]
fn client_of_the_raw_dialect_cannot_be_asked_alone() {
    let mut salon = Salon::raw(Config::default());
    salon.open();
    assert_eq!(kind(salon.ask_one(0, 5_000)), ErrorKind::State);
    assert!(salon.after(5_000).is_empty());
}

#[test]
fn audience_is_asked_and_counted() {
    let (mut salon, clients) = with_clients(5, Config::default());
    salon.engine.open("/", Namespace::default().dialect(Dialect::Raw)).unwrap();
    let raw = salon.open();
    salon.ask(&all(), 5_000);
    salon.quiet();
    assert_eq!(salon.frames(raw), [r#"text ["well",1]"#]);
    assert_eq!(salon.frames(clients[4]), [r#"text {"event":"well","data":1,"id":1}"#]);
    salon.write(clients[0], [ack(1, "\"a\""), ack(1, "\"twice\"")].concat());
    salon.write(clients[1], ack(1, "\"b\""));
    salon.end(clients[2], End::Eof);
    assert_eq!(
        salon.quiet(),
        [
            r#"#0 answers 0: ["a"]"#,
            r#"#1 answers 0: ["b"]"#,
            "#2 answers 0: not any more",
            r#"gone #2 /: transport close, 1006 "transport close" []"#,
        ]
    );
    assert!(salon.after(4_999).is_empty());
    let mut lines = salon.after(1);
    assert_eq!(lines.pop().unwrap(), "done 0: 2 of 6");
    lines.sort();
    assert_eq!(lines, ["#3 answers 0: not in time", "#4 answers 0: not in time"]);
    salon.write(clients[3], ack(1, "1"));
    assert!(salon.quiet().is_empty());
    assert!(salon.engine.acks.is_empty());
}

#[test]
fn audience_that_has_all_answered_or_left_is_done_at_once() {
    let (mut salon, clients) = with_clients(2, Config::default());
    salon.ask(&all(), 5_000);
    salon.write(clients[0], ack(1, "1"));
    salon.write(clients[1], ack(1, "2"));
    assert_eq!(salon.quiet(), ["#0 answers 0: [1]", "#1 answers 0: [2]", "done 0: 2 of 2"]);
    salon.ask(&all(), 5_000);
    salon.disconnect(0, 1000, "").unwrap();
    salon.write(clients[1], ack(2, "3"));
    let gone = r#"gone #0 /: server left, 1000 "" []"#;
    assert_eq!(salon.quiet(), ["#0 answers 1: not any more", gone, "#1 answers 1: [3]", "done 1: 1 of 2"]);
}

#[test]
fn audience_of_nobody_who_can_answer_is_done_at_once() {
    let mut salon = Salon::raw(Config::default());
    salon.ask(&all(), 5_000);
    assert_eq!(salon.quiet(), ["done 0: 0 of 0"]);
    salon.open();
    salon.ask(&all(), 5_000);
    assert_eq!(salon.quiet(), ["done 1: 0 of 1"]);
    assert!(salon.after(5_000).is_empty());
}

#[test]
fn audience_of_slow_readers_is_done_when_they_are_cut_off() {
    let (mut salon, clients) = with_clients(2, config(|limits| limits.queue_bytes = 60));
    for client in &clients {
        salon.room(*client, 0);
    }
    salon.emit(&all(), "fill", "[\"the queues of both\"]");
    salon.quiet();
    salon.ask(&all(), 5_000);
    let lines = salon.quiet();
    let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
    assert_eq!((count("answers 0: not any more"), count("slow reader,"), count("done 0: 0 of 2")), (2, 2, 1));
    assert_eq!(lines.len(), 5);
}

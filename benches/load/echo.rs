//! `depth` messages in flight on each connection, each to come back as it was.

use std::{cell::Cell, time::Duration};

use crate::{
    connections::{Connections, Event},
    histogram::Histogram,
    machine::now,
    options::{Options, words},
    websocket::{self, TEXT, Unit},
    window::{self, Load},
};

/// Above this only the first message of each connection is compared byte by
/// byte, and later ones by length: the server is to be the slower of the two.
const COMPARED_BYTES: usize = 4096;
const CYCLE_BYTES: usize = 4 << 20;

pub fn run(options: &Options) -> Result<(), String> {
    window::run(&mut Echo::open(options)?, options)
}

struct Echo {
    connections: Connections,
    wanted: Vec<u8>,
    depth: usize,
    /// When each message in flight was sent, `depth` for each connection.
    sent_at: Vec<u64>,
    sent: Vec<u64>,
    echoed: Vec<u64>,
    histogram: Histogram,
    count: u64,
    wrong: u64,
    stopped: bool,
    receives: u64,
    sends: u64,
}

impl Echo {
    fn open(options: &Options) -> Result<Echo, String> {
        let mut connections = Connections::open(options)?;
        let wanted = options.event("echo", &words(options.size));
        let frame = websocket::frame(TEXT, &wanted, options.masked());
        let copies = (options.depth + 1).min(CYCLE_BYTES / frame.len() + 2);
        connections.cycle = frame.repeat(copies);
        connections.cycle_frame = frame.len();
        let mut echo = Echo {
            connections,
            wanted,
            depth: options.depth,
            sent_at: vec![0; options.connections * options.depth],
            sent: vec![0; options.connections],
            echoed: vec![0; options.connections],
            histogram: Histogram::new(),
            count: 0,
            wrong: 0,
            stopped: false,
            receives: 0,
            sends: 0,
        };
        (0..options.connections).for_each(|at| echo.send(at, options.depth, now()));
        Ok(echo)
    }

    fn send(&mut self, at: usize, messages: usize, now: u64) {
        for _ in 0..messages {
            self.sent_at[at * self.depth + self.sent[at] as usize % self.depth] = now;
            self.sent[at] += 1;
        }
        self.connections.send_cycle(at, messages);
    }

    fn read(&mut self, at: usize) {
        let (mut done, wrong) = (0, Cell::new(0));
        let unseen = self.connections.all[at].unseen;
        let wanted = &self.wanted;
        self.connections.read(at, |unit| match unit {
            Unit::Piece { offset, bytes } => {
                let part = wanted.get(offset as usize..offset as usize + bytes.len());
                wrong.set(wrong.get() + u64::from(!unseen && part != Some(bytes)));
            }
            Unit::Message { length, head, whole } => {
                done += 1;
                let right = length as usize == wanted.len() && (!whole || head == wanted);
                wrong.set(wrong.get() + u64::from(!right));
            }
            Unit::Control { .. } => {}
        });
        self.wrong += wrong.get();
        if done > 0 {
            self.messages(at, done);
        }
    }

    fn messages(&mut self, at: usize, done: usize) {
        let now = now();
        if self.echoed[at] + done as u64 > self.sent[at] {
            // More came back than was sent.
            self.wrong += 1;
            return;
        }
        for _ in 0..done {
            let slot = at * self.depth + self.echoed[at] as usize % self.depth;
            self.histogram.add(now - self.sent_at[slot]);
            self.echoed[at] += 1;
        }
        self.count += done as u64;
        self.connections.all[at].unseen = self.wanted.len() > COMPARED_BYTES;
        if !self.stopped {
            self.send(at, done, now);
        }
    }
}

impl Load for Echo {
    fn turn(&mut self) -> Result<(), String> {
        for event in 0..self.connections.wait(Duration::from_millis(20)) {
            let Event { at, readable, writable } = self.connections.event(event);
            if writable {
                self.connections.pump(at);
            }
            if readable {
                self.read(at);
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.histogram.clear();
        self.count = 0;
        (self.receives, self.sends) = (self.connections.receives, self.connections.sends);
    }

    fn count(&self) -> u64 {
        self.count
    }

    fn figures(&self) -> String {
        let each = |calls: u64| calls as f64 / self.count.max(1) as f64;
        format!(
            "{},\"receives_per_message\":{:.3},\"sends_per_message\":{:.3}",
            self.histogram.figures(),
            each(self.connections.receives - self.receives),
            each(self.connections.sends - self.sends)
        )
    }

    fn stop(&mut self) {
        self.stopped = true;
    }

    fn is_home(&self) -> bool {
        self.sent == self.echoed
    }

    fn fault(&self) -> Option<String> {
        let lost = self.connections.lost;
        (self.wrong + lost as u64 > 0)
            .then(|| format!("{} echoes wrong, {lost} connections lost", self.wrong))
    }
}

//! What a server holds for members of rooms who read nothing: its resident
//! memory before and after some messages to each room, beside the bytes that it
//! owes them and the kernel has not taken. Then all read, and each has to have
//! heard every message.
//!
//! With as many rooms as connections each message has one receiver.

use std::{fs::read_to_string, thread::sleep, time::Duration};

use crate::{
    connections::{Connections, Event},
    machine::{self, nanoseconds, now},
    options::{Options, words},
    websocket::{self, TEXT, Unit},
};

/// A server that has used no time for so long has nothing more to do.
const SETTLE: Duration = Duration::from_millis(300);
const LONGEST_S: f64 = 60.0;

pub fn run(options: &Options) -> Result<(), String> {
    let pid = options.server_pid.ok_or("slow needs --server-pid")?;
    let mut connections = Connections::open(options)?;
    connections.ask_all(|at| {
        websocket::frame(TEXT, &options.join(&format!("r{}", at % options.rooms)), options.masked())
    })?;
    settle(&mut connections, pid)?;
    let before = machine::resident(pid);

    let event = options.event("msg", &words(options.size));
    let frame = websocket::frame(TEXT, &event, options.masked());
    for publisher in 0..options.rooms {
        (0..options.messages).for_each(|_| connections.send(publisher, &frame));
    }
    settle(&mut connections, pid)?;
    let held = machine::resident(pid) - before;

    let deliveries = options.connections * options.messages;
    let owed = deliveries * websocket::frame(TEXT, &event, false).len();
    let queued = owed.saturating_sub(kernel_holds(options.address.port()));
    let heard = read_all(&mut connections, deliveries)?;
    if heard != deliveries || connections.lost > 0 {
        return Err(format!("{heard} of {deliveries} deliveries, {} connections lost", connections.lost));
    }
    settle(&mut connections, pid)?;
    println!(
        "{{\"connections\":{},\"messages\":{},\"size\":{},\"owed\":{owed},\"queued\":{queued},\"held\":{held},\
         \"held_after_reading\":{},\"per_queued_byte\":{:.5},\"per_delivery\":{:.1}}}",
        options.connections,
        options.messages,
        options.size,
        machine::resident(pid) - before,
        held / (queued.max(1) as f64),
        held / deliveries as f64,
    );
    Ok(())
}

/// Sends what still waits and reads nothing, until the server does nothing more.
fn settle(connections: &mut Connections, pid: u32) -> Result<(), String> {
    let used = || {
        let cpu = machine::cpu_of(pid);
        cpu.user + cpu.system
    };
    let give_up = now() + nanoseconds(LONGEST_S);
    let (mut last, mut calm_since) = (used(), now());
    while now() < calm_since + SETTLE.as_nanos() as u64 {
        if now() > give_up {
            return Err(format!("the server was still at it after {LONGEST_S} s"));
        }
        sleep(Duration::from_millis(1));
        for event in 0..connections.wait(Duration::ZERO) {
            let Event { at, writable, .. } = connections.event(event);
            if writable {
                connections.pump(at);
            }
        }
        if used() > last || connections.all.iter().any(|it| it.has_to_send()) {
            (last, calm_since) = (used(), now());
        }
    }
    Ok(())
}

fn read_all(connections: &mut Connections, wanted: usize) -> Result<usize, String> {
    let mut heard = 0;
    let give_up = now() + nanoseconds(LONGEST_S);
    while heard < wanted && connections.lost == 0 && now() < give_up {
        for event in 0..connections.wait(Duration::from_millis(100)) {
            let Event { at, readable, .. } = connections.event(event);
            if readable {
                connections.read(at, |unit| heard += usize::from(matches!(unit, Unit::Message { .. })));
            }
        }
    }
    Ok(heard)
}

/// Bytes that the kernel has taken from the server and that nobody has read:
/// its side's `tx_queue` and ours' `rx_queue` (proc(5), /proc/net/tcp).
fn kernel_holds(port: u16) -> usize {
    let table = read_to_string("/proc/net/tcp").unwrap_or_default();
    let of_line = |line: &str| -> Option<usize> {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let port_of = |address: &str| u16::from_str_radix(address.split_once(':')?.1, 16).ok();
        let (sending, receiving) = fields.get(4)?.split_once(':')?;
        let bytes = |hex| usize::from_str_radix(hex, 16).ok();
        if port_of(fields.get(1)?)? == port {
            bytes(sending)
        } else if port_of(fields.get(2)?)? == port {
            bytes(receiving)
        } else {
            Some(0)
        }
    };
    // A listener's queues are numbers of connections.
    table.lines().filter(|line| line.split_whitespace().nth(3) == Some("01")).filter_map(of_line).sum()
}

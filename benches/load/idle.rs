//! What a connection costs that says nothing: the server's resident memory
//! before, with a tenth of them and with all in one room, and after some messages each (they enter it
//! once more: what all hear would be a broadcast to all); and its idle time.

use std::{thread::sleep, time::Duration};

use crate::{
    connections::{Connections, Event},
    handshake,
    machine::{self, nanoseconds, now},
    options::Options,
    websocket::{self, TEXT},
};

/// After which the server has done what it still had to do.
const SETTLE: Duration = Duration::from_millis(700);

pub fn run(options: &Options) -> Result<(), String> {
    let pid = options.server_pid.ok_or("idle needs --server-pid")?;
    let resident = || {
        sleep(SETTLE);
        machine::resident(pid)
    };
    let at_start = machine::resident(pid);
    let join = websocket::frame(TEXT, &options.join("r0"), options.masked());
    let enter = |connections: &mut Connections| connections.ask_all(|_| join.clone());
    // What is there whatever their number, and the code itself, is there after these.
    let mut first =
        Connections::open(&Options { connections: options.connections.div_ceil(10), ..options.clone() })?;
    enter(&mut first)?;
    let tenth = resident();
    let mut connections = Connections::open(&Options {
        connections: options.connections - first.all.len(),
        ..options.clone()
    })?;
    enter(&mut connections)?;
    let open = resident();
    let idle_cpu = listen(&mut [&mut first, &mut connections], pid, options.seconds)?;

    for _ in 0..options.messages {
        enter(&mut first)?;
        enter(&mut connections)?;
    }
    let spoken = resident();
    let more = connections.all.len() as f64;
    drop((first, connections));
    let closed = resident();
    let each = |resident: f64| (resident - at_start) / options.connections as f64;
    println!(
        "{{\"connections\":{},\"messages\":{},\"resident_at_start\":{at_start},\"resident_closed\":{closed},\
         \"per_connection\":{:.0},\"per_connection_more\":{:.0},\"per_connection_spoken\":{:.0},\"head_bytes\":{},\"idle_cpu\":{idle_cpu:.4}}}",
        options.connections,
        options.messages,
        each(open),
        (open - tenth) / more,
        each(spoken),
        handshake::request(options).len(),
    );
    Ok(())
}

/// Answers pings only; the share of a core that the server used meanwhile.
fn listen(all: &mut [&mut Connections], pid: u32, seconds: f64) -> Result<f64, String> {
    let before = machine::cpu_of(pid);
    let end = now() + nanoseconds(seconds);
    while now() < end {
        // Not by spinning: both may be on one core here.
        sleep(Duration::from_millis(10));
        for connections in all.iter_mut() {
            for event in 0..connections.wait(Duration::ZERO) {
                let Event { at, readable, .. } = connections.event(event);
                if readable {
                    connections.read(at, |_| {});
                }
            }
        }
    }
    let lost: usize = all.iter().map(|connections| connections.lost).sum();
    if lost > 0 {
        return Err(format!("{lost} connections lost while idle"));
    }
    let after = machine::cpu_of(pid);
    Ok((after.user + after.system - before.user - before.system) / seconds)
}

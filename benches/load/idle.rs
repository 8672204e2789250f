//! What a connection costs that says nothing: the server's resident memory
//! before, with all open, and after some messages each; and its idle time.

use std::{thread::sleep, time::Duration};

use crate::{
    connections::{Connections, Event},
    machine::{self, nanoseconds, now},
    options::{Options, words},
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
    let mut connections = Connections::open(options)?;
    let open = resident();
    let idle_cpu = listen(&mut connections, pid, options.seconds)?;

    let frame = websocket::frame(TEXT, &options.event("echo", &words(options.size)), options.masked());
    for _ in 0..options.messages {
        connections.ask_all(|_| frame.clone())?;
    }
    let spoken = resident();
    drop(connections);
    let closed = resident();
    let each = |resident: f64| (resident - at_start) / options.connections as f64;
    println!(
        "{{\"connections\":{},\"messages\":{},\"resident_at_start\":{at_start},\"resident_closed\":{closed},\
         \"per_connection\":{:.0},\"per_connection_spoken\":{:.0},\"idle_cpu\":{idle_cpu:.4}}}",
        options.connections,
        options.messages,
        each(open),
        each(spoken),
    );
    Ok(())
}

/// Answers pings only; the share of a core that the server used meanwhile.
fn listen(connections: &mut Connections, pid: u32, seconds: f64) -> Result<f64, String> {
    let before = machine::cpu_of(pid);
    let end = now() + nanoseconds(seconds);
    while now() < end {
        // Not by spinning: both may be on one core here.
        sleep(Duration::from_millis(10));
        for event in 0..connections.wait(Duration::ZERO) {
            let Event { at, readable, .. } = connections.event(event);
            if readable {
                connections.read(at, |_| {});
            }
        }
    }
    if connections.lost > 0 {
        return Err(format!("{} connections lost while idle", connections.lost));
    }
    let after = machine::cpu_of(pid);
    Ok((after.user + after.system - before.user - before.system) / seconds)
}

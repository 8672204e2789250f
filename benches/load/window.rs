//! A run is a warm-up, some windows, and a drain in which all that was under
//! way must still arrive. What a window has used is read at its two ends.

use crate::{
    machine::{self, Cpu, nanoseconds, now},
    options::Options,
};

/// What is run.
pub trait Load {
    /// Waits for what is ready and deals with it.
    fn turn(&mut self) -> Result<(), String>;
    /// A window begins: what was counted is forgotten.
    fn begin(&mut self);
    /// What the window has moved: messages, deliveries, handshakes.
    fn count(&self) -> u64;
    /// More figures of the window, as members of a JSON object.
    fn figures(&self) -> String;
    /// No more is sent from now on.
    fn stop(&mut self);
    /// Whether nothing is under way any more.
    fn is_home(&self) -> bool;
    /// What was wrong: the end of the run.
    fn fault(&self) -> Option<String>;
}

pub fn run(load: &mut impl Load, options: &Options) -> Result<(), String> {
    turns(load, options.warmup)?;
    for _ in 0..options.repeat {
        load.begin();
        let before = Usage::now(options);
        turns(load, options.seconds)?;
        let used = before.figures(&Usage::now(options), load.count());
        println!("{{{used},{}}}", load.figures());
        if load.fault().is_some() {
            break;
        }
    }
    load.stop();
    let give_up = now() + nanoseconds(10.0);
    // What comes twice comes now.
    turns(load, 0.1)?;
    while load.fault().is_none() && !load.is_home() && now() < give_up {
        turns(load, 0.05)?;
    }
    match load.fault() {
        Some(fault) => Err(fault),
        None if !load.is_home() => Err("messages under way did not arrive in 10 s".into()),
        None => Ok(()),
    }
}

fn turns(load: &mut impl Load, seconds: f64) -> Result<(), String> {
    let end = now() + nanoseconds(seconds);
    while now() < end && load.fault().is_none() {
        load.turn()?;
    }
    Ok(())
}

struct Usage {
    server: Cpu,
    own: f64,
    core: f64,
    at: u64,
}

impl Usage {
    fn now(options: &Options) -> Usage {
        Usage {
            server: options.server_pid.map(machine::cpu_of).unwrap_or_default(),
            own: machine::own_cpu(),
            core: machine::busy(options.server_core),
            at: now(),
        }
    }

    /// `server_busy` is the server's share of its core and `core_busy` that of
    /// everybody: the difference is somebody else. `load_busy` is our own share
    /// of our own core, and what lacks to 1 when spinning was somebody else.
    fn figures(&self, end: &Usage, count: u64) -> String {
        let seconds = (end.at - self.at) as f64 / 1e9;
        let user = end.server.user - self.server.user;
        let system = end.server.system - self.server.system;
        let cpu = user + system;
        let per_cpu_s = if cpu > 0.0 { count as f64 / cpu } else { 0.0 };
        format!(
            "\"seconds\":{seconds:.4},\"rate\":{:.1},\"per_cpu_s\":{per_cpu_s:.1},\"user_s\":{user:.3},\"system_s\":{system:.3},\
             \"server_busy\":{:.3},\"core_busy\":{:.3},\"load_busy\":{:.3}",
            count as f64 / seconds,
            cpu / seconds,
            (end.core - self.core) / seconds,
            (end.own - self.own) / seconds,
        )
    }
}

//! What the system says of the server, of this process and of the machine
//! (proc(5)), and its clock.

use std::fs::read_to_string;

use rustix::{
    param::clock_ticks_per_second,
    process::{Resource, Rlimit, getrlimit, setrlimit},
    time::{ClockId, clock_gettime},
};

/// Nanoseconds since some moment in the past.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

pub fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

/// The limit of open files, as high as this process may set it.
pub fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Processor seconds.
#[derive(Clone, Copy, Default)]
pub struct Cpu {
    pub user: f64,
    pub system: f64,
}

/// What a process has used. The kernel scales the two so that their sum is
/// the precise run time; it counts in ticks of (mostly) 10 ms.
pub fn cpu_of(pid: u32) -> Cpu {
    let stat = read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // Behind the name in parentheses, which may contain anything.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split_whitespace().collect();
    let seconds = |at: usize| fields.get(at).and_then(|it| it.parse().ok()).map_or(0.0, ticks);
    Cpu { user: seconds(11), system: seconds(12) }
}

/// What this process has used, in seconds, to the nanosecond.
pub fn own_cpu() -> f64 {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Seconds that a core was busy, whoever had it: all but idle and iowait.
pub fn busy(core: usize) -> f64 {
    let stat = read_to_string("/proc/stat").unwrap_or_default();
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).unwrap_or_default();
    let counts = line.split_whitespace().map(|it| it.parse().unwrap_or(0.0));
    counts.take(8).enumerate().filter(|(at, _)| ![3, 4].contains(at)).map(|(_, count)| ticks(count)).sum()
}

fn ticks(count: f64) -> f64 {
    count / clock_ticks_per_second() as f64
}

/// How often, on the whole machine, a connection found a listener's backlog full.
pub fn listen_overflows() -> u64 {
    let text = read_to_string("/proc/net/netstat").unwrap_or_default();
    // A line of names, and one of numbers.
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:")).map(str::split_whitespace);
    let (Some(names), Some(mut numbers)) = (lines.next(), lines.next()) else { return 0 };
    let at = names.into_iter().position(|name| name == "ListenOverflows");
    at.and_then(|at| numbers.nth(at)?.parse().ok()).unwrap_or(0)
}

/// Resident bytes of a process.
pub fn resident(pid: u32) -> f64 {
    kibibytes(&format!("/proc/{pid}/status"), "VmRSS:")
}

fn kibibytes(path: &str, key: &str) -> f64 {
    let text = read_to_string(path).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok());
    value.map_or(0.0, |kibibytes: f64| kibibytes * 1024.0)
}

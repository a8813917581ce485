//! What the kernel knows about a process: processor time and memory, from `/proc`.
//!
//! Processor time is the measure that survives a busy machine: it does not grow while a process waits for its turn.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// The kernel's unit of time in `/proc/PID/stat`: user space has seen 100 Hz on every Linux since 2.6.
const TICK: Duration = Duration::from_millis(10);

/// How often memory is sampled; shorter would cost the two cores more than it would find.
const SAMPLE_EVERY: Duration = Duration::from_millis(25);

/// A process and everything it has started.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pids: Vec<u32>,
}

impl Process {
    /// Takes in the descendants, because several gateways work in children of the process one sees.
    pub(super) fn tree(root: u32) -> Self {
        let mut pids = vec![root];
        let mut next = 0;
        while let Some(&pid) = pids.get(next) {
            pids.extend(children(pid));
            next += 1;
        }
        Self { pids }
    }

    /// The process alone.
    pub(super) fn single(pid: u32) -> Self {
        Self { pids: vec![pid] }
    }

    /// Processor time, user and system, of all threads so far.
    pub(super) fn cpu(&self) -> CpuTime {
        CpuTime {
            coarse: self.pids.iter().map(|&pid| TICK * ticks(pid)).sum(),
            error: TICK * u32::try_from(self.pids.len()).unwrap_or(u32::MAX),
            threads: self.pids.iter().flat_map(|&pid| tasks(pid)).filter_map(exact).collect(),
        }
    }

    /// Resident memory now, in bytes.
    pub(super) fn rss(&self) -> u64 {
        self.pids.iter().map(|&pid| status_bytes(pid, "VmRSS:")).sum()
    }

    /// What of the resident memory is pages of files, which other processes share and the kernel may drop, in bytes.
    pub(super) fn rss_file(&self) -> u64 {
        self.pids.iter().map(|&pid| status_bytes(pid, "RssFile:")).sum()
    }

    /// The kernel's own record of the most memory ever resident; it misses nothing between two samples.
    pub(super) fn rss_peak(&self) -> u64 {
        self.pids.iter().map(|&pid| status_bytes(pid, "VmHWM:")).sum()
    }
}

/// A reading of the processor time of a process tree.
#[derive(Debug)]
pub(super) struct CpuTime {
    coarse: Duration,
    /// By how much `coarse` may be off.
    error: Duration,
    threads: HashMap<PathBuf, Duration>,
}

/// Samples memory on a thread of its own until dropped, so that the load generator is not held up by file reads.
#[derive(Debug)]
pub(super) struct Sampler {
    max: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

impl Sampler {
    pub(super) fn start(process: Process) -> Self {
        let sampler = Self { max: Arc::default(), stop: Arc::default() };
        let (max, stop) = (Arc::clone(&sampler.max), Arc::clone(&sampler.stop));
        thread::spawn(move || {
            while !stop.load(Relaxed) {
                max.fetch_max(process.rss(), Relaxed);
                thread::sleep(SAMPLE_EVERY);
            }
        });
        sampler
    }

    /// The most seen so far, in bytes.
    pub(super) fn max(&self) -> u64 {
        self.max.load(Relaxed)
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// The soft limit on open files of this process.
pub(super) fn open_files_limit() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    let soft = line.split_whitespace().next()?;
    if soft == "unlimited" { Some(u64::MAX) } else { soft.parse().ok() }
}

// === impl CpuTime ===

impl CpuTime {
    /// The time used since an earlier reading.
    ///
    /// Per thread it is exact, but forgets what a thread used that has ended meanwhile; by ticks it forgets nothing, but
    /// may be off by a tick per process. Both are lower bounds once that error is taken off, so the larger is nearer.
    pub(super) fn since(&self, before: &Self) -> Duration {
        let exact = self.threads.iter().map(|(thread, &time)| {
            let earlier = before.threads.get(thread).copied().unwrap_or_default();
            time.saturating_sub(earlier)
        });
        let coarse = self.coarse.saturating_sub(before.coarse).saturating_sub(self.error);
        exact.sum::<Duration>().max(coarse)
    }
}

/// A thread's time to the nanosecond: the first field of its `schedstat`.
fn exact(task: PathBuf) -> Option<(PathBuf, Duration)> {
    let line = fs::read_to_string(task.join("schedstat")).ok()?;
    let nanos = line.split_whitespace().next()?.parse().ok()?;
    Some((task, Duration::from_nanos(nanos)))
}

fn ticks(pid: u32) -> u32 {
    fs::read_to_string(format!("/proc/{pid}/stat")).ok().and_then(|stat| parse_ticks(&stat)).unwrap_or(0)
}

/// Fields 14 and 15 of `/proc/PID/stat`; the name in field 2 may hold spaces, so counting begins behind it.
fn parse_ticks(stat: &str) -> Option<u32> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let user: u32 = fields.next()?.parse().ok()?;
    let system: u32 = fields.next()?.parse().ok()?;
    Some(user + system)
}

fn tasks(pid: u32) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn children(pid: u32) -> Vec<u32> {
    tasks(pid)
        .filter_map(|task| fs::read_to_string(task.join("children")).ok())
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn status_bytes(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    parse_status(&status, field).unwrap_or(0)
}

fn parse_status(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_an_awkward_name() {
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194560 10 0 0 0 123 45 0 0 20 0 3 0 99 1000 10";
        assert_eq!(parse_ticks(stat), Some(168));
    }

    #[test]
    fn status_is_in_kilobytes() {
        assert_eq!(parse_status("VmPeak:\t  9 kB\nVmHWM:\t    20 kB\n", "VmHWM:"), Some(20 * 1024));
        assert_eq!(parse_status("", "VmHWM:"), None);
    }

    #[test]
    fn ended_threads_are_seen_in_the_ticks() {
        let reading = |coarse, threads: &[(&str, u64)]| CpuTime {
            coarse: Duration::from_millis(coarse),
            error: TICK,
            threads: threads.iter().map(|&(name, ms)| (name.into(), Duration::from_millis(ms))).collect(),
        };
        let before = reading(100, &[("a", 60), ("b", 40)]);
        let steady = reading(120, &[("a", 75), ("b", 42), ("new", 4)]).since(&before);
        assert_eq!(steady, Duration::from_millis(21));
        let ended = reading(300, &[("a", 75)]).since(&before);
        assert_eq!(ended, Duration::from_millis(190));
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let this = Process::tree(std::process::id());
        let before = this.cpu();
        let spin = std::time::Instant::now();
        while spin.elapsed() < Duration::from_millis(60) {}
        assert!(this.cpu().since(&before) >= Duration::from_millis(20));
        assert!(this.rss() > 0 && this.rss_peak() >= this.rss() / 2);
        assert!(open_files_limit().is_some());
    }
}

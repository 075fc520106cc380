//! What the kernel says about this process, under the names that every exporter uses.

use std::fs::{read_dir, read_to_string};

use rustix::process::{Resource, getrlimit};

use super::page::Page;

/// `USER_HZ`: what Linux counts processor time in for programs, whatever the kernel's own.
const TICKS: f64 = 100.0;

/// The figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Process {
    cpu_seconds: f64,
    /// Seconds since 1970.
    started: f64,
    resident: u64,
    virtual_memory: u64,
    open_fds: usize,
    most_fds: u64,
}

impl Process {
    /// Look; what the kernel does not tell is 0.
    pub(super) fn look() -> Self {
        let status = read_to_string("/proc/self/status").unwrap_or_default();
        let stat = read_to_string("/proc/self/stat").unwrap_or_default();
        let booted = read_to_string("/proc/stat").unwrap_or_default();
        Self {
            resident: kibibytes(&status, "VmRSS:"),
            virtual_memory: kibibytes(&status, "VmSize:"),
            // The listing itself has one open.
            open_fds: read_dir("/proc/self/fd").map_or(0, |fds| fds.count().saturating_sub(1)),
            most_fds: getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX),
            ..Self::times(&stat, &booted).unwrap_or_default()
        }
    }

    fn times(stat: &str, booted: &str) -> Option<Self> {
        // The name of the program, in brackets, may hold anything; what follows may not.
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
        let boot: f64 =
            booted.lines().find_map(|line| line.strip_prefix("btime "))?.parse().ok()?;
        Some(Self {
            cpu_seconds: (ticks(11)? + ticks(12)?) / TICKS,
            started: boot + ticks(19)? / TICKS,
            ..Self::default()
        })
    }

    pub(super) fn encode(&self, page: &mut Page<'_>) -> std::fmt::Result {
        page.seconds("process_cpu_seconds", "Processor time used", self.cpu_seconds)?;
        page.gauge("process_start_time_seconds", "When the process began", self.started)?;
        page.gauge("process_resident_memory_bytes", "Memory in use", self.resident)?;
        page.gauge("process_virtual_memory_bytes", "Addresses in use", self.virtual_memory)?;
        page.gauge("process_open_fds", "File descriptors in use", self.open_fds)?;
        page.gauge("process_max_fds", "File descriptors allowed", self.most_fds)
    }
}

fn kibibytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let count = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    count.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_brackets_in_its_name_is_read() {
        let stat = "7 (a) b)) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 1200 9 9";
        let process = Process::times(stat, "cpu 1 2\nbtime 1000\n").unwrap();
        assert_eq!((process.cpu_seconds, process.started), (3.0, 1012.0));
    }

    #[test]
    fn this_process_is_seen() {
        let process = Process::look();
        assert!(process.resident > 1 << 20 && process.open_fds > 2, "{process:?}");
        assert!(process.started > 1_600_000_000.0 && process.cpu_seconds >= 0.0, "{process:?}");
        assert!(process.virtual_memory > process.resident, "{process:?}");
    }
}

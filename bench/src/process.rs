//! What a process has used, as the kernel accounts for it.

use std::time::Duration;

use anyhow::Context;
use nix::time::ClockId;
use nix::unistd::Pid;

/// Processor time of a process so far, user and system, of threads that have ended too.
///
/// From its clock, which counts nanoseconds: `/proc/PID/stat` counts ticks of 10 ms.
pub(crate) fn processor_time(pid: u32) -> anyhow::Result<Duration> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?));
    let time = clock.and_then(ClockId::now).context("the processor clock of the server")?;
    Ok(Duration::from(time))
}

/// Resident memory in bytes, from proc(5).
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    let kilobytes = field(pid, "status", "VmRSS:")?;
    Ok(kilobytes * 1024)
}

/// Bytes that a process has made the kernel write to a disk. What is written over before it
/// got there counts once, so that this tells commits that wait for the disk from others.
pub(crate) fn written(pid: u32) -> anyhow::Result<u64> {
    field(pid, "io", "write_bytes:")
}

fn field(pid: u32, file: &str, name: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/{file}");
    let text = std::fs::read_to_string(&path).with_context(|| path.clone())?;
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    let digits = value.and_then(|value| value.split_whitespace().next());
    digits.with_context(|| format!("{path} has no {name}"))?.parse().context(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_what_it_used() {
        let own = std::process::id();
        let before = processor_time(own).unwrap();
        let mut sum = 0_u64;
        while processor_time(own).unwrap() < before + Duration::from_millis(3) {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(processor_time(own).unwrap() >= before + Duration::from_millis(3));
        assert!(resident(own).unwrap() > 100_000);
        written(own).unwrap();
    }
}

//! What this process takes of its machine, as Linux tells. Elsewhere these metrics are absent.

use crate::base::metrics;

/// Reads it anew.
pub(super) fn tell() {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/self/{file}")).ok();
    if let Some(kilobytes) = read("status").as_deref().and_then(resident) {
        metrics::MEMORY.set(&[], kilobytes * 1_024.0);
    }
    if let Some(seconds) = read("stat").as_deref().and_then(|stat| cpu(stat, rustix::param::clock_ticks_per_second())) {
        metrics::CPU.stands_at(seconds);
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // Looking opens one more.
        #[allow(clippy::cast_precision_loss, reason = "nobody has that many")]
        metrics::FILES.set(&[], open.count().saturating_sub(1) as f64);
    }
}

/// `VmRSS:      1234 kB`, proc_pid_status(5).
fn resident(status: &str) -> Option<f64> {
    status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15 of proc_pid_stat(5), in ticks; the second field may hold spaces and brackets, so they are counted from its end.
fn cpu(stat: &str, ticks_per_second: u64) -> Option<u64> {
    let (_, behind) = stat.rsplit_once(')')?;
    let mut fields = behind.split_whitespace().skip(11).map(str::parse::<u64>);
    let (user, system) = (fields.next()?.ok()?, fields.next()?.ok()?);
    (user + system).checked_div(ticks_per_second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_says_is_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194304 5 0 0 0 250 150 0 0 20 0 5 0 99 1000000 400 184467";
        assert_eq!(cpu(stat, 100), Some(4));
        assert_eq!(cpu("7 (x", 100), None);
        assert_eq!(resident("Name:\tx\nVmRSS:\t   2048 kB\nThreads:\t3\n"), Some(2_048.0));
        assert_eq!(resident(""), None);
    }
}

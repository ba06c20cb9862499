//! Ports that stay ours while a process restarts on them. A lock file per port keeps other tests, in this process or
//! another, from taking one in the moment between stop and start; the kernel drops the lock when the holder dies.

use std::fs::File;
use std::net::TcpListener;

/// Below the range from which the kernel takes ports for outgoing connections.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// A port of the loopback address, reserved until this is dropped.
pub struct Port {
    pub number: u16,
    _lock: File,
}

/// Reserves a port on which nothing listens.
pub fn take() -> Port {
    let locks = std::env::temp_dir().join("rundown-world-ports");
    std::fs::create_dir_all(&locks).expect("the directory for port locks");
    // Processes start at different places, so that they seldom meet.
    let start = std::process::id().wrapping_mul(97) % u32::from(RANGE.end - RANGE.start);
    let offset = u16::try_from(start).expect("within the range");
    let numbers = (RANGE.start + offset..RANGE.end).chain(RANGE.start..RANGE.start + offset);
    for number in numbers {
        let Ok(lock) = File::create(locks.join(number.to_string())) else { continue };
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", number)).is_ok() {
            return Port { number, _lock: lock };
        }
    }
    panic!("no free port in {RANGE:?}");
}

//! The keyboard: lines typed by whoever sits here, read beside the run so that nothing waits for them.
//!
//! Lives here: the reading thread. Never lives here: what a line means.

use std::io::BufRead as _;

use futures::channel::mpsc;

/// No line is read further than this, in bytes.
const LONGEST_LINE: u64 = 16 * 1024;

/// Starts reading standard input. The channel ends with the input. The thread lives as long as the process: a read of
/// standard input cannot be taken back.
#[must_use]
pub fn lines() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded();
    let reading = std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            match std::io::Read::take(&mut input, LONGEST_LINE).read_until(b'\n', &mut bytes) {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']).to_owned();
            if sender.unbounded_send(line).is_err() {
                return;
            }
        }
    });
    if let Err(error) = reading {
        tracing::warn!(%error, "nothing typed here can be read");
    }
    receiver
}

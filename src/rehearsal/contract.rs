//! The text of a contract's file, never more of it than a contract may have.

use std::io::Read as _;
use std::path::Path;

use crate::domain::action::contract::MAX_DOCUMENT;

/// Reads the file.
///
/// # Errors
/// A sentence: it is not there, is no plain file, too large, or not text.
pub fn read(path: &Path) -> Result<String, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
        _ => format!("{} cannot be read: {error}", path.display()),
    };
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err(format!("{} is not a file", path.display()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(cannot)?;
    file.take(MAX_DOCUMENT as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > MAX_DOCUMENT {
        return Err(format!("it is larger than {} KiB", MAX_DOCUMENT / 1024));
    }
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))
}

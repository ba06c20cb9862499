//! A file that a child process writes, read once the child has ended.
//!
//! Lives here: telling a report of this run from one that lay there before, limits. Never lives here: what it says.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::SystemTime;

use tokio::io::AsyncReadExt;

use super::REPORT_CAP;

/// A report that is expected.
pub(super) struct Awaited {
    path: PathBuf,
    before: Option<Stamp>,
}

/// What changes when a file is written: when, which file, how long.
#[derive(PartialEq, Eq)]
struct Stamp(Option<SystemTime>, u64, u64);

impl Awaited {
    /// Looks at what is there before the child starts.
    pub(super) async fn new(path: &str) -> Self {
        let path = PathBuf::from(path);
        let before = tokio::fs::metadata(&path).await.ok().map(|data| Stamp::of(&data));
        Self { path, before }
    }

    /// The text, or why there is none.
    pub(super) async fn read(self) -> Result<String, String> {
        let shown = self.path.display();
        let data = match tokio::fs::metadata(&self.path).await {
            Ok(data) => data,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(format!("the program wrote no {shown}"));
            }
            Err(error) => return Err(format!("{shown} cannot be read: {error}")),
        };
        if !data.is_file() {
            return Err(format!("{shown} is not a file"));
        }
        if self.before == Some(Stamp::of(&data)) {
            return Err(format!("the program did not write {shown}; what is there is from before"));
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(REPORT_CAP).unwrap_or(u64::MAX).saturating_add(1);
        let file =
            tokio::fs::File::open(&self.path).await.map_err(|error| format!("{shown} cannot be read: {error}"))?;
        file.take(limit).read_to_end(&mut bytes).await.map_err(|error| format!("{shown} cannot be read: {error}"))?;
        if bytes.len() > REPORT_CAP {
            return Err(format!("{shown} is larger than {} MiB", REPORT_CAP / 1024 / 1024));
        }
        String::from_utf8(bytes).map_err(|_| format!("{shown} is not UTF-8"))
    }
}

impl Stamp {
    fn of(data: &std::fs::Metadata) -> Self {
        Self(data.modified().ok(), data.ino(), data.len())
    }
}

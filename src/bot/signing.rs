//! The key that signs sessions in a browser: a file beside the journal.
//!
//! Lives here: making it once, reading it. It is no part of the journal: whoever has a copy of that can sign in with nothing in it. Never
//! lives here: what is signed (`web/session`).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::SecretSlice;

use super::{Bot, Fault};

/// Its name beside the journal.
const FILE: &str = "web.key";
/// Bytes of it.
const BYTES: usize = 32;

impl Bot {
    /// The key; made where there is none yet.
    ///
    /// # Errors
    /// It cannot be read or made, it is no key, others than its owner can read it.
    pub fn signing_key(&self) -> Result<SecretSlice<u8>, Fault> {
        let file = self.journal_file.with_file_name(FILE);
        match read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(&file).and_then(|()| read(&file)),
            read => read,
        }
        .map_err(|error| Fault::Failed(format!("{}: {error}", file.display())))
    }
}

fn read(path: &Path) -> std::io::Result<SecretSlice<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        return Err(std::io::Error::other("others can read this key; make it yours alone (chmod 600) or remove it"));
    }
    let mut bytes = Vec::with_capacity(BYTES + 1);
    // One more than there should be shows what is too long.
    file.take(BYTES as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() != BYTES {
        return Err(std::io::Error::other("this is no key; remove it, and a new one is made"));
    }
    Ok(SecretSlice::from(bytes))
}

/// Two processes may want to at the same time: whoever is first makes it, whole or not at all.
fn make(path: &Path) -> std::io::Result<()> {
    let mut bytes = [0u8; BYTES];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(format!("no random bytes: {error}")))?;
    let draft = draft(path);
    // One of a process that died over it, and had the same number.
    drop(std::fs::remove_file(&draft));
    let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).and_then(|mut file| {
        file.write_all(&bytes)?;
        file.sync_all()
    });
    let made = written.and_then(|()| std::fs::hard_link(&draft, path));
    // It has its name, or nobody needs it.
    drop(std::fs::remove_file(&draft));
    match made {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.exists() => Ok(()),
        made => made,
    }
}

fn draft(path: &Path) -> PathBuf {
    path.with_file_name(format!("{FILE}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        make(&path).unwrap();
        let key = read(&path).unwrap();
        assert_eq!(key.expose_secret().len(), BYTES);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        make(&path).unwrap();
        assert_eq!(read(&path).unwrap().expose_secret(), key.expose_secret(), "who comes second takes the first one's");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        make(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("chmod 600"));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        std::fs::write(&path, [0; 31]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("no key"));
    }
}

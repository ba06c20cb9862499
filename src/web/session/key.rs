//! The key that signs what a browser brings back, and its use.
//!
//! Pure. Signatures are HMAC-SHA256 and compared in constant time (`ring`). Never lives here: where the key is kept (`bot/signing`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretSlice};

/// What a signature is for. One that was made for something else never fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The cookie of a session.
    Session,
    /// The token that every form carries back.
    Form,
    /// What was said after something was done, until it is shown.
    Said,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Form => "form",
            Self::Said => "said",
        }
    }
}

/// Signs, and checks signatures.
pub struct Key(hmac::Key);

impl Key {
    /// With these bytes.
    #[must_use]
    pub fn new(bytes: &SecretSlice<u8>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes.expose_secret()))
    }

    /// One that nobody has after this process: for sessions that end with it.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn fresh() -> Result<Self, String> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        key.map(Self).map_err(|_| "the system gives no random numbers".to_owned())
    }

    /// The signature of a text, in 43 characters that may stand anywhere.
    #[must_use]
    pub fn sign(&self, purpose: Purpose, text: &str) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, message(purpose, text).as_bytes()))
    }

    /// Whether a signature is ours, and for exactly this.
    #[must_use]
    pub fn fits(&self, purpose: Purpose, text: &str, signature: &str) -> bool {
        let shown = URL_SAFE_NO_PAD.decode(signature).unwrap_or_default();
        hmac::verify(&self.0, message(purpose, text).as_bytes(), &shown).is_ok()
    }
}

/// No purpose has a line break in it: two different pairs never give the same message.
fn message(purpose: Purpose, text: &str) -> String {
    format!("rundown {}\n{text}", purpose.word())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_text_its_purpose_and_its_key_alone() {
        let key = |byte: u8| Key::new(&SecretSlice::from(vec![byte; 32]));
        let signed = key(1).sign(Purpose::Session, "a.1");
        assert!(key(1).fits(Purpose::Session, "a.1", &signed));
        assert!(!key(1).fits(Purpose::Session, "a.2", &signed) && !key(2).fits(Purpose::Session, "a.1", &signed));
        assert!(!key(1).fits(Purpose::Form, "a.1", &signed));
        for foreign in ["", "A", &signed[1..], &format!("{signed}="), "\u{0}"] {
            assert!(!key(1).fits(Purpose::Session, "a.1", foreign), "{foreign:?}");
        }
    }
}

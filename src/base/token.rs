//! Links that sign somebody in: random texts that are shown once, and known afterwards by their hash alone.
//!
//! Lives here: [`Token`]. Never lives here: what a link leads to (`domain/session`), where it is shown (the doors).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

/// Random bytes of a token: nobody guesses that many.
const BYTES: usize = 32;
/// Characters of its name.
const NAME: usize = 32;

/// A random text that whoever has it may use. It is never printed, logged or kept; [`Token::name`] can be.
#[derive(Clone)]
pub struct Token(SecretString);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn fresh() -> Result<Self, String> {
        let mut bytes = [0u8; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| format!("the operating system gave no random bytes: {error}"))?;
        Ok(Self(SecretString::from(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// One that came back; `None` where it cannot be one by its shape.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        // The shape first: nothing longer is decoded.
        let shaped = text.len() == (BYTES * 4).div_ceil(3);
        let bytes = shaped.then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten()?;
        (bytes.len() == BYTES).then(|| Self(SecretString::from(text.to_owned())))
    }

    /// The text itself, for the one place that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What it is known by where it must not stand itself: the beginning of its SHA-256 in hex, 32 characters. Nobody finds the token by it.
    #[must_use]
    pub fn name(&self) -> String {
        let mut name = hex::encode(Sha256::digest(self.expose()));
        name.truncate(NAME);
        name
    }

    /// Whether a text can be the name of a token.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        text.len() == NAME && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_under_the_same_name_and_is_never_printed() {
        let token = Token::fresh().unwrap();
        let back = Token::read(token.expose()).unwrap();
        assert_eq!(back.name(), token.name());
        assert!(Token::is_name(&token.name()) && !token.expose().contains(&token.name()));
        assert_ne!(Token::fresh().unwrap().expose(), token.expose());
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn what_is_not_shaped_like_one_is_none() {
        let token = Token::fresh().unwrap();
        let longer = format!("{}A", token.expose());
        for text in ["", "..", &longer, &token.expose()[1..], &"/".repeat(43), &"ä".repeat(21), &"\n".repeat(43)] {
            assert!(Token::read(text).is_none(), "{text:?}");
        }
    }
}

//! `/login`: a link that only the person who asked sees.
//!
//! Lives here: that answer. Never lives here: when a link can be used (`domain/session`).

use secrecy::ExposeSecret as _;

use super::answer::Reply;
use crate::bot::grammar::Login;
use crate::bot::{Bot, Fault};
use crate::domain::people::Identity;
use crate::view::session::{ABOUT_A_LINK, signed_out};

/// The link, or that they are signed out. Between angle brackets Discord shows no preview, and fetches none.
pub(super) async fn answer(bot: &Bot, who: &Identity, asked: &Login) -> Result<Reply, Fault> {
    if asked.sign_out {
        return Ok(Reply::text(signed_out(bot.sign_out_everywhere(who).await?)));
    }
    let link = bot.login_link(who).await?;
    Ok(Reply::text(format!("<{}>\n-# {ABOUT_A_LINK}", link.url().expose_secret())))
}

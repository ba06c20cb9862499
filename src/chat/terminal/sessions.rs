//! `rundown login`: a link for whoever sits here.
//!
//! Lives here: showing it. Never lives here: when it can be used (`domain/session`).

use secrecy::ExposeSecret as _;
use serde_json::json;

use super::Exit;
use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown};
use crate::bot::Bot;
use crate::bot::grammar::Login;
use crate::domain::people::Identity;
use crate::view::session::{ABOUT_A_LINK, signed_out};

/// A link, alone on its line; or signing out everywhere.
pub(super) async fn login(bot: &Bot, who: &Identity, show: Show, asked: &Login) -> Shown {
    if asked.sign_out {
        let ended = bot.sign_out_everywhere(who).await?;
        match show.json {
            true => telln!("{}", json!({ "ended": ended })),
            false => telln!("{}", signed_out(ended)),
        }
        return Ok(Exit::Succeeded);
    }
    let link = bot.login_link(who).await?;
    let url = link.url();
    if show.json {
        let until = link.until.to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        telln!("{}", json!({ "link": url.expose_secret(), "until": until }));
    } else {
        telln!("{}", url.expose_secret());
        telln!("{}", show.paint.dim(&wrap(ABOUT_A_LINK, "", show.width)));
    }
    Ok(Exit::Succeeded)
}

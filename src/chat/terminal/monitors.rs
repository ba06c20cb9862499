//! Monitors at a terminal.
//!
//! Lives here: the text. Never lives here: what a monitor is (`domain`), its wording (`bot::monitors`).

use super::out::telln;
use super::paint::wrap;
use super::show::{Show, Shown};
use super::{Exit, json};
use crate::base::event::{Actor, Recorded};
use crate::bot::grammar::Monitor;
use crate::bot::monitors::{Seen, Tested};
use crate::bot::{Bot, Fault};
use crate::domain::timeline::Fact;
use crate::view::sentence::Wording;

/// Columns of a sparkline in a list.
const COLUMNS: usize = 20;

pub(super) async fn carry_out(bot: &Bot, show: &Show, me: &Actor, verb: Monitor) -> Result<Exit, Fault> {
    match verb {
        Monitor::List { target } => {
            let (all, whole) = bot.monitors(target.as_deref()).await?;
            if all.is_empty() {
                telln!("monitors.yaml names no monitors, or is not there");
                return Ok(Exit::Succeeded);
            }
            telln!("{}\n", show.paint.bold(&whole.words()));
            let wide = all.iter().map(|one| one.id.chars().count()).max().unwrap_or(0);
            all.iter().for_each(|one| line(show, one, wide));
            Ok(Exit::Succeeded)
        }
        Monitor::Show { monitor } => {
            let shown = bot.monitor(&monitor).await?;
            shown.lines(show.now).iter().for_each(|line| telln!("{}", wrap(line, "", show.width)));
            Ok(Exit::Succeeded)
        }
        Monitor::Test { monitor } => {
            let tested = bot.test_monitors(monitor.as_deref()).await?;
            for one in &tested {
                let mark = if one.ok() { show.paint.good("✓") } else { show.paint.bad("✗") };
                telln!("{mark} {}", one.line());
            }
            if tested.is_empty() {
                telln!("monitors.yaml names nothing that could be asked");
            }
            Ok(if tested.iter().all(Tested::ok) { Exit::Succeeded } else { Exit::Failed })
        }
        Monitor::Mute { monitor, span, why } => written(show, bot, &bot.mute_monitor(me, &monitor, &span, &why).await?),
        Monitor::Unmute { monitor, why } => {
            written(show, bot, &bot.unmute_monitor(me, &monitor, why.as_deref()).await?)
        }
        Monitor::Heard { monitor } => {
            bot.beat(&monitor)?;
            Ok(Exit::Succeeded)
        }
    }
}

fn line(show: &Show, one: &Seen, wide: usize) {
    let mark = match one.word() {
        "healthy" => show.paint.good("✓"),
        "degraded" => show.paint.warn("!"),
        "unknown" => " ".to_owned(),
        _ => show.paint.bad("✗"),
    };
    let gap = " ".repeat(wide - one.id.chars().count());
    let spark = one.spark(COLUMNS);
    telln!("{mark} {}{gap}  {}", one.id, one.words(show.now));
    if !spark.is_empty() {
        telln!("  {}  {}", " ".repeat(wide), show.paint.dim(&spark));
    }
}

fn written(show: &Show, bot: &Bot, fact: &Recorded<Fact>) -> Shown {
    if show.json {
        telln!("{}", json::line(fact));
    } else if let Some(said) = Wording::new(bot.monitors_zone()).tell(&fact.event) {
        telln!("{said}");
    }
    Ok(Exit::Succeeded)
}

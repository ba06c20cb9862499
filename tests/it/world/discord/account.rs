//! What there is to say at the end of a test, and when a test waited in vain.

use super::state::State;

impl State {
    /// Everything that is wrong; `by_gateway` says whether the bot had to come through the gateway.
    pub(super) fn account(&self, by_gateway: bool) -> Vec<String> {
        let mut account = self.findings.clone();
        if by_gateway && self.sessions.asked == 0 {
            account.push("nobody asked for the gateway: was the bot talking to the real Discord?".to_owned());
        }
        for one in self.interactions.values().filter(|one| one.answer.is_none()) {
            account.push(format!("nobody answered: {}", one.what));
        }
        for message in self.messages.values().filter(|message| message.author == self.bot) {
            let place = self.channels.get(&message.channel).map_or("a direct conversation", |one| &one.name);
            if message.is_loading() {
                account.push(format!("the bot is still thinking in {place}"));
            } else if !message.was_looked_at() {
                let text = message.text();
                account.push(format!("nobody looked at what the bot wrote in {place}: {}", line(&text)));
            }
        }
        // Options are filled in here; only a terminal has `--why`.
        for message in self.messages.values().filter(|message| message.author == self.bot) {
            let text = message.text();
            if text.lines().any(|text| text.contains(" --") || text.starts_with("--")) {
                account.push(format!("the bot speaks of an option as a terminal has it: {}", line(&text)));
            }
        }
        if self.faults.left() > 0 {
            account.push(format!("{} planned faults were met by nothing", self.faults.left()));
        }
        account
    }

    /// What happened last, for a test that waited in vain.
    pub(super) fn summary(&self) -> String {
        let mut lines = vec!["the last requests:".to_owned()];
        let last = self.requests.iter().rev().take(8).rev();
        lines.extend(
            last.map(|one| format!("  {} {} → {} {}", one.method, one.path, one.status, line(&one.body.to_string()))),
        );
        lines.extend(self.findings.iter().map(|finding| format!("  finding: {finding}")));
        let open = self.interactions.values().filter(|one| one.answer.is_none());
        lines.extend(open.map(|one| format!("  not answered: {}", one.what)));
        lines.join("\n")
    }
}

fn line(text: &str) -> String {
    let text = text.replace('\n', " / ");
    if text.chars().count() <= 160 { text } else { text.chars().take(160).collect::<String>() + " …" }
}

//! Discord's limits that its own document leaves out or states more loosely: every request of the bot is held against
//! them. Sources: Discord's developer documentation (message, embed, component, command and modal limits).

mod commands;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::changes::snowflake;
use super::rest::{CALLBACK, Route, Upload};

/// Where in the body (`/embeds/0/title`), and what is wrong there.
pub type Finding = (String, String);

const FILES: usize = 25 * 1024 * 1024;

/// Holds a body against the limits of its route.
pub fn check(route: &Route, body: &Value, files: &[Upload]) -> Vec<Finding> {
    let mut findings = Findings::default();
    match (route.method, route.path) {
        ("PUT", path) if path.ends_with("/commands") => commands::check(body, &mut findings),
        ("POST", CALLBACK) => answer(body, files, &mut findings),
        ("POST" | "PATCH", path) if path.contains("/messages") && !path.ends_with("/threads") => {
            message(body, "", files, &mut findings);
        }
        ("POST", path) if path.starts_with("/webhooks/") => message(body, "", files, &mut findings),
        ("POST", "/guilds/{guild_id}/channels") => {
            findings.length(body, "", "name", 1, 100);
            findings.length(body, "", "topic", 0, 1024);
        }
        (_, path) if path.ends_with("/threads") => findings.length(body, "", "name", 1, 100),
        _ => {}
    }
    findings.0
}

/// Holds the first answer to an interaction against its limits.
pub fn answer(body: &Value, files: &[Upload], findings: &mut Findings) {
    let data = &body["data"];
    match body["type"].as_u64() {
        Some(4 | 5 | 7) => message(data, "/data", files, findings),
        Some(8) => {
            findings.count(data, "/data", "choices", 0, 25);
            for (place, choice) in each(data, "/data", "choices") {
                findings.length(choice, &place, "name", 1, 100);
                findings.length(choice, &place, "value", 0, 100);
            }
        }
        Some(9) => modal(data, findings),
        _ => {}
    }
}

#[derive(Default)]
pub struct Findings(pub Vec<Finding>);

impl Findings {
    pub fn add(&mut self, place: impl Into<String>, text: impl Into<String>) {
        self.0.push((place.into(), text.into()));
    }

    /// A text, where there is one, counted in characters.
    fn length(&mut self, holder: &Value, place: &str, key: &str, least: usize, most: usize) {
        let Some(text) = holder[key].as_str() else { return };
        let length = text.chars().count();
        if !(least..=most).contains(&length) {
            self.add(format!("{place}/{key}"), format!("is {length} characters long; {least} to {most} are allowed"));
        }
    }

    fn count(&mut self, holder: &Value, place: &str, key: &str, least: usize, most: usize) {
        let Some(list) = holder[key].as_array() else { return };
        if !(least..=most).contains(&list.len()) {
            self.add(format!("{place}/{key}"), format!("has {} entries; {least} to {most} are allowed", list.len()));
        }
    }
}

/// The entries of a list with their places.
fn each<'v>(holder: &'v Value, place: &str, key: &str) -> Vec<(String, &'v Value)> {
    let list = holder[key].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().enumerate().map(|(at, entry)| (format!("{place}/{key}/{at}"), entry)).collect()
}

fn message(data: &Value, place: &str, files: &[Upload], findings: &mut Findings) {
    findings.length(data, place, "content", 0, 2000);
    embeds(data, place, findings);
    components(data, place, findings);
    attachments(data, place, files, findings);
    mentions(data, place, findings);
}

fn embeds(data: &Value, place: &str, findings: &mut Findings) {
    findings.count(data, place, "embeds", 0, 10);
    let mut total = 0;
    for (place, embed) in each(data, place, "embeds") {
        findings.length(embed, &place, "title", 0, 256);
        findings.length(embed, &place, "description", 0, 4096);
        findings.length(&embed["footer"], &format!("{place}/footer"), "text", 0, 2048);
        findings.length(&embed["author"], &format!("{place}/author"), "name", 0, 256);
        findings.count(embed, &place, "fields", 0, 25);
        let texts = [&embed["title"], &embed["description"], &embed["footer"]["text"], &embed["author"]["name"]];
        total += texts.iter().map(|text| characters(text)).sum::<usize>();
        for (place, field) in each(embed, &place, "fields") {
            findings.length(field, &place, "name", 1, 256);
            findings.length(field, &place, "value", 1, 1024);
            total += characters(&field["name"]) + characters(&field["value"]);
        }
    }
    if total > 6000 {
        findings.add(format!("{place}/embeds"), format!("hold {total} characters together; 6000 are allowed"));
    }
}

fn characters(text: &Value) -> usize {
    text.as_str().unwrap_or_default().chars().count()
}

fn components(data: &Value, place: &str, findings: &mut Findings) {
    findings.count(data, place, "components", 0, 5);
    let mut ids = BTreeSet::new();
    for (place, row) in each(data, place, "components") {
        let controls = each(row, &place, "components");
        let menus = controls.iter().filter(|(_, control)| control["type"] != 2).count();
        if controls.is_empty() || controls.len() > 5 || (menus > 0 && controls.len() > 1) {
            findings.add(&place, "holds 1 to 5 buttons, or one menu");
        }
        for (place, control) in controls {
            if let Some(id) = control["custom_id"].as_str()
                && !ids.insert(id)
            {
                findings.add(format!("{place}/custom_id"), format!("{id} is there twice"));
            }
            findings.length(control, &place, "custom_id", 1, 100);
            if control["type"] == 2 { button(control, &place, findings) } else { menu(control, &place, findings) }
        }
    }
}

fn button(button: &Value, place: &str, findings: &mut Findings) {
    findings.length(button, place, "label", 1, 80);
    let is_link = button["style"] == 5;
    if is_link != button["url"].is_string() || is_link == button["custom_id"].is_string() {
        findings.add(place, "a link button has a url, every other button a custom_id");
    }
    if button["label"].is_null() && button["emoji"].is_null() {
        findings.add(place, "a button has a label or an emoji");
    }
}

fn menu(menu: &Value, place: &str, findings: &mut Findings) {
    findings.length(menu, place, "placeholder", 0, 150);
    if menu["custom_id"].is_null() {
        findings.add(place, "a menu has a custom_id");
    }
    if menu["type"] == 3 {
        findings.count(menu, place, "options", 1, 25);
    }
    let mut values = BTreeSet::new();
    for (place, option) in each(menu, place, "options") {
        for (key, least) in [("label", 1), ("value", 1), ("description", 0)] {
            findings.length(option, &place, key, least, 100);
        }
        if !values.insert(option["value"].as_str()) {
            findings.add(format!("{place}/value"), "is there twice");
        }
    }
    let options = menu["options"].as_array().map_or(25, Vec::len) as u64;
    let (least, most) = (menu["min_values"].as_u64().unwrap_or(1), menu["max_values"].as_u64().unwrap_or(1));
    if menu["type"] == 3 && (least > most || most > options) {
        findings.add(place, format!("{least} to {most} of {options} options cannot be chosen"));
    }
}

fn attachments(data: &Value, place: &str, files: &[Upload], findings: &mut Findings) {
    let size: usize = files.iter().map(|file| file.bytes.len()).sum();
    if files.len() > 10 || size > FILES {
        findings
            .add(place, format!("{} files with {size} bytes; 10 files with {FILES} bytes are allowed", files.len()));
    }
    let listed = each(data, place, "attachments");
    for file in files {
        if !listed.is_empty() && !listed.iter().any(|(_, entry)| snowflake(&entry["id"]) == Some(file.number)) {
            findings.add(format!("{place}/attachments"), format!("does not name file {}", file.number));
        }
    }
    for (place, embed) in each(data, place, "embeds") {
        for key in ["image", "thumbnail"] {
            let Some(name) = embed[key]["url"].as_str().and_then(|url| url.strip_prefix("attachment://")) else {
                continue;
            };
            // A file that stays from before is named in the list by its id only, so only new messages can be judged.
            if !files.iter().any(|file| file.name == name) && listed.is_empty() {
                findings.add(format!("{place}/{key}/url"), format!("no file is called {name}"));
            }
        }
    }
}

/// A text that looks like a mention is sent only by somebody who said whom it may wake.
fn mentions(data: &Value, place: &str, findings: &mut Findings) {
    static MENTION: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"<@[!&]?\d+>|@everyone|@here").expect("a pattern"));
    let Some(content) = data["content"].as_str() else { return };
    if let Some(mention) = MENTION.find(content)
        && !data["allowed_mentions"].is_object()
    {
        let text = format!("says {} without allowed_mentions", mention.as_str());
        findings.add(format!("{place}/content"), text);
    }
}

fn modal(data: &Value, findings: &mut Findings) {
    findings.length(data, "/data", "title", 1, 45);
    findings.length(data, "/data", "custom_id", 1, 100);
    findings.count(data, "/data", "components", 1, 5);
    let mut ids = BTreeSet::new();
    for (place, row) in each(data, "/data", "components") {
        let inputs = each(row, &place, "components");
        if inputs.len() != 1 {
            findings.add(&place, "a row of a modal holds one input");
        }
        for (place, input) in inputs {
            if !ids.insert(input["custom_id"].as_str().unwrap_or_default()) {
                findings.add(format!("{place}/custom_id"), "is there twice");
            }
            findings.length(input, &place, "custom_id", 1, 100);
            findings.length(input, &place, "label", 1, 45);
            findings.length(input, &place, "placeholder", 0, 100);
            let least = input["min_length"].as_u64().unwrap_or(0);
            let most = input["max_length"].as_u64().unwrap_or(4000);
            if least > most || most > 4000 || most == 0 {
                findings.add(&place, format!("{least} to {most} characters; 0 to 4000 are allowed"));
            }
            let length = characters(&input["value"]) as u64;
            if input["value"].is_string() && length > most {
                findings.add(format!("{place}/value"), format!("is {length} characters long; {most} are allowed"));
            }
        }
    }
}

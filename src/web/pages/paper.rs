//! A report as it is read in a browser: its Markdown as HTML, in which every number of an event leads to that event.
//!
//! The Markdown is made here, with all text from outside escaped; still nothing in it may act on who reads it: no HTML of its own, no
//! pictures but the report's charts, links only where they say they lead.

use std::sync::LazyLock;

use maud::{Markup, PreEscaped};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, TextMergeStream, html::push_html};
use regex::Regex;

use super::prose::is_plain;
use crate::base::event::IncidentId;

/// `[#12, #14–#16]`.
#[allow(clippy::expect_used, reason = "a constant that a test reads")]
static CITED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\[#\d{1,18}(?:(?:, |–)#\d{1,18})*\]").expect("a pattern that can be read"));
#[allow(clippy::expect_used, reason = "a constant that a test reads")]
static NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"#(\d{1,18})").expect("a pattern that can be read"));

/// The report as HTML.
#[must_use]
pub fn paper(markdown: &str, incident: &IncidentId) -> Markup {
    let parser = Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS);
    let mut events: Vec<Event<'_>> = Vec::new();
    let (mut quiet, mut picture, mut dead) = (0_u32, 0_u32, 0_u32);
    for event in TextMergeStream::new(parser) {
        match event {
            Event::Html(raw) | Event::InlineHtml(raw) => events.push(Event::Text(raw)),
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            Event::Start(Tag::Image { dest_url, title, link_type, id }) => {
                // Of a picture from elsewhere only its words are shown.
                if let Some(chart) = chart(&dest_url, incident) {
                    picture += 1;
                    events.push(Event::Start(Tag::Image { dest_url: chart.into(), title, link_type, id }));
                }
            }
            Event::End(TagEnd::Image) if picture == 0 => {}
            Event::End(TagEnd::Image) => {
                picture -= 1;
                events.push(Event::End(TagEnd::Image));
            }
            // A box that cannot be ticked would be a field without a name.
            Event::TaskListMarker(done) => events.push(Event::Text(if done { "☑ " } else { "☐ " }.into())),
            Event::Start(Tag::Link { ref dest_url, .. }) if !leads(dest_url) => dead += 1,
            Event::End(TagEnd::Link) if dead > 0 => dead -= 1,
            Event::Start(Tag::Table(columns)) => {
                // Columns that are aligned carry a style of their own, which the policy of these pages forbids.
                events.push(Event::Start(Tag::Table(vec![pulldown_cmark::Alignment::None; columns.len()])));
            }
            Event::Start(ref tag @ (Tag::Link { .. } | Tag::CodeBlock(_))) => {
                quiet += 1;
                events.push(Event::Start(tag.clone()));
            }
            Event::End(tag @ (TagEnd::Link | TagEnd::CodeBlock)) => {
                quiet = quiet.saturating_sub(1);
                events.push(Event::End(tag));
            }
            Event::Text(text) if quiet == 0 && picture == 0 => cite(&text, incident, &mut events),
            other => events.push(other),
        }
    }
    name_headings(&mut events);
    let mut shown = String::with_capacity(markdown.len() * 2);
    push_html(&mut shown, events.into_iter());
    PreEscaped(shown)
}

/// Where an event is shown.
#[must_use]
pub fn event(incident: &IncidentId, number: &str) -> String {
    format!("/incidents/{incident}/events/{number}")
}

fn cite<'a>(text: &CowStr<'a>, incident: &IncidentId, into: &mut Vec<Event<'a>>) {
    let mut from = 0;
    let said = |part: &str| Event::Text(part.to_owned().into());
    for group in CITED.find_iter(text) {
        for number in NUMBER.captures_iter(group.as_str()) {
            let (Some(whole), Some(digits)) = (number.get(0), number.get(1)) else { continue };
            let at = group.start() + whole.start();
            into.push(said(&text[from..at]));
            let (dest_url, title) = (event(incident, digits.as_str()).into(), CowStr::Borrowed(""));
            let link =
                Tag::Link { link_type: pulldown_cmark::LinkType::Inline, dest_url, title, id: CowStr::Borrowed("") };
            into.extend([Event::Start(link), said(whole.as_str()), Event::End(TagEnd::Link)]);
            from = group.start() + whole.end();
        }
    }
    into.push(said(&text[from..]));
}

/// The address of a chart that the report shows; nothing else is a picture.
fn chart(written: &str, incident: &IncidentId) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_chart = written.ends_with(".svg") && written.bytes().all(fits);
    is_chart.then(|| format!("/incidents/{incident}/charts/{written}"))
}

/// Whether a link is one that a person may be led along: elsewhere, or within the report.
fn leads(address: &str) -> bool {
    address.starts_with('#') || is_plain(address)
}

/// Headings get names, by which the report's own links find them.
fn name_headings(events: &mut [Event<'_>]) {
    let mut from = None;
    for at in 0..events.len() {
        match &events[at] {
            Event::Start(Tag::Heading { .. }) => from = Some(at),
            Event::End(TagEnd::Heading(_)) => {
                let Some(begin) = from.take() else { continue };
                let text: String = events[begin..at]
                    .iter()
                    .filter_map(|event| match event {
                        Event::Text(text) | Event::Code(text) => Some(text.as_ref()),
                        _ => None,
                    })
                    .collect();
                if let Event::Start(Tag::Heading { id, .. }) = &mut events[begin] {
                    *id = Some(slug(&text).into());
                }
            }
            _ => {}
        }
    }
}

fn slug(text: &str) -> String {
    let small = text.trim().to_lowercase();
    let kept = small.chars().filter(|char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_'));
    kept.map(|char| if char == ' ' { '-' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_events_lead_there_and_nothing_acts_on_the_reader() {
        let text = "# Title\n\nImpact began [#2]; it ended [#20, #22–#24]. Ticket #7 is none.\n\n`[#5]` ![Chart](active_1.svg) \
                    ![x](https://example.com/x.png) [see](#what-stayed-open) [a](javascript:alert(1)) [b](https://example.com)\n\n\
                    <script>alert(1)</script>\n\n## What stayed open\n\n| a | b |\n|--:|---|\n| 1 [#3] | <b> |\n\n- [ ] A3\n";
        insta::assert_snapshot!(paper(text, &IncidentId::number(4)).into_string());
    }
}

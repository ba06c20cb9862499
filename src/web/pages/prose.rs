//! Markdown of a runbook as HTML that does nothing but show.
//!
//! Pages are written by the operator, and still nothing in one may act on who reads it: no HTML of its own, no picture from elsewhere,
//! links only where they say they lead.
//!
//! Lives here: [`prose`], the parts of a page between its headings. Never lives here: what a step means (`domain/runbook`).

use maud::{Markup, PreEscaped, html};
use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html::push_html};

/// The longest text that is rendered, in bytes; a runbook is not longer.
const LONGEST: usize = 256 * 1024;
/// Addresses that a link may have.
const SCHEMES: [&str; 3] = ["https://", "http://", "mailto:"];

/// A text as HTML; headings in it become smaller than those of the page around it.
#[must_use]
pub fn prose(text: &str) -> Markup {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut events = Vec::new();
    // Whether the link that is open leads anywhere; links do not nest.
    let mut leads = true;
    for event in Parser::new_ext(&text[..end], options()) {
        match event {
            Event::Html(raw) | Event::InlineHtml(raw) => events.push(Event::Text(raw)),
            Event::Start(Tag::HtmlBlock) => events.push(Event::Start(Tag::Paragraph)),
            Event::End(TagEnd::HtmlBlock) => events.push(Event::End(TagEnd::Paragraph)),
            // What a picture shows is said instead of it.
            Event::Start(Tag::Image { .. }) => events.push(Event::Text("[picture: ".into())),
            Event::End(TagEnd::Image) => events.push(Event::Text("]".into())),
            Event::Start(Tag::Link { ref dest_url, .. }) => {
                leads = is_plain(dest_url);
                if leads {
                    events.push(event);
                }
            }
            Event::End(TagEnd::Link) => {
                if leads {
                    events.push(event);
                }
                leads = true;
            }
            // What may be wider than a phone is scrolled by keyboard, too.
            Event::Start(Tag::CodeBlock(_)) => events.push(Event::Html("<pre tabindex=\"0\"><code>".into())),
            Event::End(TagEnd::CodeBlock) => events.push(Event::Html("</code></pre>\n".into())),
            Event::Start(Tag::Table(_)) => {
                events.push(Event::Html(
                    "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Table\">".into(),
                ));
                events.push(event);
            }
            Event::End(TagEnd::Table) => {
                events.push(event);
                events.push(Event::Html("</div>\n".into()));
            }
            Event::Start(Tag::Heading { .. }) => events.push(Event::Start(smaller())),
            Event::End(TagEnd::Heading(_)) => events.push(Event::End(TagEnd::Heading(HeadingLevel::H4))),
            other => events.push(other),
        }
    }
    let mut shown = String::with_capacity(text.len() * 2);
    push_html(&mut shown, without_styles(events).into_iter());
    html! { div class="prose" { (PreEscaped(shown)) } }
}

fn options() -> Options {
    Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH
}

fn smaller() -> Tag<'static> {
    Tag::Heading { level: HeadingLevel::H4, id: None, classes: Vec::new(), attrs: Vec::new() }
}

/// Columns that are aligned are written with a style of their own, which this site's policy forbids; they stand at the left.
fn without_styles(mut events: Vec<Event<'_>>) -> Vec<Event<'_>> {
    for event in &mut events {
        if let Event::Start(Tag::Table(alignments)) = event {
            alignments.fill(pulldown_cmark::Alignment::None);
        }
    }
    events
}

/// Whether an address is one that a person may be led to.
pub(super) fn is_plain(address: &str) -> bool {
    let address = address.trim().to_ascii_lowercase();
    SCHEMES.iter().any(|scheme| address.starts_with(scheme))
}

/// What stands on a runbook's page beside its steps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Around {
    /// Under its title.
    pub intro: String,
    /// Under each phase's heading, before its first step, in order.
    pub phases: Vec<String>,
}

/// The text between the headings of a page, without blocks of `yaml rundown`.
#[must_use]
pub fn around(source: &str) -> Around {
    let start = after_front(source);
    let body = &source[start..];
    let mut found = Around::default();
    let mut under: Option<Under> = None;
    let mut depth = 0_usize;
    let mut from = 0;
    for (event, range) in Parser::new_ext(body, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::List(_) | Tag::BlockQuote(_)) => depth += 1,
            Event::End(TagEnd::List(_) | TagEnd::BlockQuote(_)) => depth = depth.saturating_sub(1),
            Event::Start(Tag::Heading { level, .. }) if depth == 0 && level <= HeadingLevel::H3 => {
                found.take(under, &body[from..range.start]);
                under = match level {
                    HeadingLevel::H1 => Some(Under::Title),
                    HeadingLevel::H2 => Some(Under::Phase),
                    _ => None,
                };
                from = range.end;
            }
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) if info.starts_with("yaml rundown") => {
                found.take(under, &body[from..range.start]);
                // What follows the block belongs to the same heading.
                under = under.map(|under| if under == Under::Phase { Under::SamePhase } else { under });
                from = range.end;
            }
            _ => {}
        }
    }
    found.take(under, &body[from.min(body.len())..]);
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Under {
    Title,
    Phase,
    SamePhase,
}

impl Around {
    fn take(&mut self, under: Option<Under>, text: &str) {
        match under {
            None => {}
            Some(Under::Title) => self.intro.push_str(text),
            Some(Under::Phase) => self.phases.push(text.trim().to_owned()),
            Some(Under::SamePhase) => {
                if let Some(last) = self.phases.last_mut() {
                    last.push_str("\n\n");
                    last.push_str(text.trim());
                }
            }
        }
    }
}

/// Where the text behind the front matter begins.
fn after_front(source: &str) -> usize {
    if !source.starts_with("---") {
        return 0;
    }
    let end = source[3..].find("\n---").map(|at| at + 3 + 4);
    end.and_then(|end| source[end..].find('\n').map(|line| end + line + 1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_page_acts_on_who_reads_it() {
        let text = "# <script>alert(1)</script>\n\n<img src=x onerror=alert(1)>\n\n<script>\nalert(2)\n</script>\n\n\
                    [a](javascript:alert(3)) [b](https://example.com/?a=1&b=\"2\") [c](/hooks) [d](mailto:ana@example.com) \
                    [e](JaVaScRiPt:x) [f](data:text/html,x) ![shot](https://example.com/x.png) <https://example.com> <javascript:alert(4)>\n\n\
                    | a | b |\n|:-:|--:|\n| `<b>` | *x* |\n\n```sh\nkill -9 <pid> # \"quoted\"\n```\n";
        insta::assert_snapshot!(prose(text).into_string());
    }

    #[test]
    fn what_stands_between_the_headings_is_found() {
        let page = "---\nid: x\ntitle: X\n---\n# X\nFor when *x*.\n\n- # not a heading\n\n## One\nFirst of all.\n\n### Step\nDo it.\n\n\
                    ```yaml rundown\nid: step\n```\n\n## Two\n\n### Other\n\n## Success criteria\n- it works\n";
        let around = around(page);
        assert_eq!(around.intro.trim(), "For when *x*.\n\n- # not a heading");
        assert_eq!(around.phases, ["First of all.", "", "- it works"]);
        assert_eq!(super::around("---\nno end"), Around::default());
        assert_eq!(super::around("# T\r\ntext").intro, "text");
    }
}

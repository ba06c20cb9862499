//! The page: what Markdown makes of a runbook's text.
//!
//! Lives here: front matter, headings, prose, `yaml rundown` blocks and the success criteria, each with its place.
//! Never lives here: what stands in a block.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use crate::base::text::{nearest, one_line};
use crate::domain::source::Faults;
use crate::domain::source::yaml::Placed;

/// Largest page, in bytes.
pub const MAX_PAGE: usize = 2 * 1024 * 1024;
/// Most steps of a page, and of a plan.
pub const MAX_STEPS: usize = 5_000;
/// Largest block, in bytes.
pub const MAX_BLOCK: usize = 64 * 1024;
/// Most success criteria.
pub const MAX_CRITERIA: usize = 200;
/// Longest prose of one step that is kept, in bytes.
const MAX_PROSE: usize = 32 * 1024;
const WORD: &str = "rundown";

/// A page taken apart.
#[derive(Debug, Default)]
pub struct Page {
    /// The YAML between the `---` lines.
    pub front: Option<Placed>,
    /// The H1.
    pub title: Option<String>,
    /// H2s that are phases.
    pub phases: Vec<Heading>,
    /// Headings that are steps, in order.
    pub steps: Vec<Section>,
    /// Items under `## Success criteria`.
    pub criteria: Vec<Item>,
}

/// A heading and its place.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Its text.
    pub title: String,
    /// Its bytes.
    pub at: Range<usize>,
}

/// A step's part of the page.
#[derive(Debug)]
pub struct Section {
    /// The heading.
    pub heading: Heading,
    /// Index of its phase.
    pub phase: usize,
    /// What stands under the heading, without the block.
    pub prose: String,
    /// The YAML of its block.
    pub block: Option<Placed>,
}

/// An item of the success criteria.
#[derive(Debug)]
pub struct Item {
    /// As people read it, without the condition.
    pub text: String,
    /// The condition and its place.
    pub condition: Option<Placed>,
}

/// Takes a page apart.
pub fn read(source: &str, name: &str, faults: &mut Faults<'_>) -> Page {
    let mut page = Page::default();
    let start = if source.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = front_matter(source, start, &mut page, faults);
    let parts = Scan::run(source, body, faults);
    Assembly { source, parts, page, full: false, faults }.run(name)
}

/// Finds the front matter; where the Markdown begins.
fn front_matter(source: &str, start: usize, page: &mut Page, faults: &mut Faults<'_>) -> usize {
    let mut lines = source[start..].split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else { return start };
    let from = start + first.len();
    let mut at = from;
    for line in lines {
        if matches!(line.trim_end(), "---" | "...") {
            let text = &source[from..at];
            if text.len() > MAX_BLOCK {
                faults.add("too-large", from..from + 1, "the front matter is larger than 64 KiB");
            } else {
                page.front = Some(Placed::whole(text, from));
            }
            return at + line.len();
        }
        at += line.len();
    }
    faults.add_hint("front-matter", start..start + 3, "the front matter never ends", "end it with a line `---`");
    source.len()
}

struct Found {
    level: u8,
    heading: Heading,
}

struct Block {
    yaml: Placed,
    at: Range<usize>,
}

#[derive(Default)]
struct Scan {
    headings: Vec<Found>,
    blocks: Vec<Block>,
    /// `(item, where it stands)` of every list on the top level.
    items: Vec<(Item, usize)>,
}

/// An item while it is read.
#[derive(Default)]
struct OpenItem {
    at: usize,
    text: String,
    /// The last inline code, and how long the text was before it.
    code: Option<(Placed, usize)>,
}

impl Scan {
    fn run(source: &str, body: usize, faults: &mut Faults<'_>) -> Self {
        let mut scan = Self::default();
        let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
        let events = Parser::new_ext(&source[body..], options).into_offset_iter();
        // How deep in lists and quotes: headings there are prose.
        let mut depth = 0_usize;
        let mut heading: Option<Found> = None;
        let mut item: Option<OpenItem> = None;
        let mut block: Option<(Placed, Option<String>, Range<usize>)> = None;
        for (event, range) in events {
            let at = range.start + body..range.end + body;
            match event {
                Event::Start(Tag::Heading { level, .. }) if depth == 0 => {
                    let title = String::new();
                    heading = Some(Found { level: number(level), heading: Heading { title, at: at.clone() } });
                }
                Event::End(TagEnd::Heading(_)) => scan.headings.extend(heading.take()),
                Event::Start(Tag::CodeBlock(kind)) => {
                    let info = match kind {
                        CodeBlockKind::Fenced(info) => Some(info.to_string()),
                        CodeBlockKind::Indented => None,
                    };
                    block = Some((Placed::default(), info, at));
                }
                Event::End(TagEnd::CodeBlock) => {
                    if let Some((yaml, Some(info), at)) = block.take() {
                        scan.fence(source, yaml, &info, at, faults);
                    }
                }
                Event::Start(Tag::List(_) | Tag::BlockQuote(_)) => depth += 1,
                Event::End(TagEnd::List(_) | TagEnd::BlockQuote(_)) => depth = depth.saturating_sub(1),
                Event::Start(Tag::Item) if depth == 1 => item = Some(OpenItem { at: at.start, ..OpenItem::default() }),
                Event::End(TagEnd::Item) if depth == 1 => {
                    scan.items.extend(item.take().map(|open| (open.at, open)).map(|(at, open)| (open.close(), at)));
                }
                Event::Text(text) => match (&mut block, &mut heading, &mut item) {
                    (Some((yaml, _, _)), _, _) => yaml.append(&text, at.start),
                    (None, Some(found), _) => found.heading.title.push_str(&text),
                    (None, None, Some(open)) if depth == 1 => open.text.push_str(&text),
                    _ => {}
                },
                Event::Code(code) => {
                    if let Some(found) = &mut heading {
                        found.heading.title.push_str(&code);
                    } else if let Some(open) = item.as_mut().filter(|_| depth == 1) {
                        open.code(source, &code, at);
                    }
                }
                Event::SoftBreak | Event::HardBreak => {
                    if let Some(found) = &mut heading {
                        found.heading.title.push(' ');
                    } else if let Some(open) = &mut item {
                        open.text.push(' ');
                    }
                }
                _ => {}
            }
        }
        scan
    }

    /// A fenced block has ended.
    fn fence(&mut self, source: &str, yaml: Placed, info: &str, at: Range<usize>, faults: &mut Faults<'_>) {
        let raw = &source[at.clone()];
        let first = at.start..at.start + raw.lines().next().map_or(0, str::len);
        let mut words = info.split_whitespace();
        let (language, word) = (words.next().unwrap_or_default(), words.next());
        let yaml_language = matches!(language, "yaml" | "yml");
        if !is_closed(raw) {
            let hint = "end it with a line of the same characters: everything behind it counts as code";
            faults.add_hint("unclosed-fence", first.clone(), "this block never ends", hint);
        }
        if yaml_language && word == Some(WORD) {
            if yaml.text.len() > MAX_BLOCK {
                faults.add(
                    "too-large",
                    first,
                    format!("a block may be 64 KiB; this one has {} bytes", yaml.text.len()),
                );
            } else {
                self.blocks.push(Block { yaml, at });
            }
        } else if yaml_language && word.is_some_and(|word| nearest(word, [WORD]).is_some())
            || nearest(language, [WORD]).is_some()
        {
            let message = format!("`{}` is not read as a step", one_line(info, 40));
            faults.add_hint("block-name", first, message, "write ```yaml rundown");
        }
    }
}

impl OpenItem {
    fn code(&mut self, source: &str, code: &str, at: Range<usize>) {
        // Inside its backquotes, and the space that may pad them.
        let raw = &source[at.clone()];
        let inner = raw.find(code).unwrap_or_else(|| raw.len() - raw.trim_start_matches('`').len());
        self.code = Some((Placed::whole(code, at.start + inner), self.text.len()));
        self.text.push('`');
        self.text.push_str(code);
        self.text.push('`');
    }

    /// The condition is the code at the end of the item, behind a colon.
    fn close(self) -> Item {
        let whole = self.text.trim_end();
        let condition = self.code.filter(|(code, at)| {
            let before = self.text[..*at].trim_end();
            before.ends_with(':') && whole.len() <= at + code.text.len() + 2
        });
        let text = match &condition {
            Some((_, at)) => self.text[..*at].trim_end().trim_end_matches(':'),
            None => whole,
        };
        let text = ["[ ]", "[x]", "[X]"].iter().find_map(|tick| text.trim_start().strip_prefix(tick)).unwrap_or(text);
        Item { text: one_line(text, 500), condition: condition.map(|(code, _)| code) }
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 | HeadingLevel::H5 | HeadingLevel::H6 => 4,
    }
}

/// Whether the last line of a fenced block ends it.
fn is_closed(raw: &str) -> bool {
    let mut lines = raw.lines();
    let Some(first) = lines.next() else { return false };
    let mark = if first.trim_start().starts_with('~') { '~' } else { '`' };
    let wanted = first.trim_start().chars().take_while(|char| *char == mark).count();
    let last = lines.next_back().unwrap_or_default().trim_start_matches([' ', '\t', '>']).trim_end();
    last.len() >= wanted && last.chars().all(|char| char == mark)
}

/// Puts headings, blocks and items together.
struct Assembly<'a, 'f, 's> {
    source: &'a str,
    parts: Scan,
    page: Page,
    /// Whether there were more steps than a page may have.
    full: bool,
    faults: &'f mut Faults<'s>,
}

impl Assembly<'_, '_, '_> {
    fn run(mut self, name: &str) -> Page {
        let headings: Vec<Found> =
            std::mem::take(&mut self.parts.headings).into_iter().filter(|found| found.level <= 3).collect();
        let mut blocks = std::mem::take(&mut self.parts.blocks).into_iter().peekable();
        let flat = !headings.iter().any(|found| found.level == 3);
        let mut criteria: Vec<Range<usize>> = Vec::new();
        let mut in_criteria = false;
        self.before_headings(headings.first().map_or(self.source.len(), |first| first.heading.at.start), &mut blocks);
        let ends: Vec<usize> =
            headings.iter().skip(1).map(|next| next.heading.at.start).chain([self.source.len()]).collect();
        for (found, end) in headings.into_iter().zip(ends) {
            let body = found.heading.at.end..end.max(found.heading.at.end);
            let mut own = Vec::new();
            while let Some(block) = blocks.next_if(|block| block.at.start < end) {
                own.push(block);
            }
            let mut heading = found.heading;
            heading.title = one_line(&heading.title, 200);
            if heading.title.is_empty() {
                self.faults.add("empty-heading", heading.at.clone(), "the heading is empty");
                "untitled".clone_into(&mut heading.title);
            }
            let level = if found.level == 1 && self.page.title.is_some() { 2 } else { found.level };
            if level == 1 {
                self.page.title = Some(heading.title);
                self.stray(&own, "a block stands under the page's title");
                continue;
            }
            in_criteria = if level == 2 { heading.title.eq_ignore_ascii_case("success criteria") } else { in_criteria };
            if in_criteria {
                self.stray(&own, "a block stands under the success criteria");
                criteria.push(body);
            } else if level == 2 && !flat {
                self.page.phases.push(heading.clone());
                if !own.is_empty() {
                    self.step(heading, &body, own);
                }
            } else {
                self.step(heading, &body, own);
            }
        }
        self.finish(&criteria, name)
    }

    fn before_headings(&mut self, end: usize, blocks: &mut std::iter::Peekable<std::vec::IntoIter<Block>>) {
        let mut own = Vec::new();
        while let Some(block) = blocks.next_if(|block| block.at.start < end) {
            own.push(block);
        }
        self.stray(&own, "a block stands before the first heading");
    }

    fn stray(&mut self, blocks: &[Block], message: &str) {
        for block in blocks {
            let at = block.at.start..block.at.start + 3;
            self.faults.add_hint("stray-block", at, message, "give the step a heading of its own: ### …");
        }
    }

    fn step(&mut self, heading: Heading, body: &Range<usize>, mut blocks: Vec<Block>) {
        if blocks.len() > 1 {
            let first = self.faults.line(blocks[0].at.start);
            for block in &blocks[1..] {
                let at = block.at.start..block.at.start + 3;
                let message = format!("a second block under '{}'; the first is on line {first}", heading.title);
                self.faults.add_hint("two-blocks", at, message, "give it a heading of its own: ### …");
            }
        }
        if self.page.steps.len() >= MAX_STEPS {
            // Once: the others would only repeat it.
            if !std::mem::replace(&mut self.full, true) {
                let message = format!("a runbook may have {MAX_STEPS} steps; this is one more");
                self.faults.add_hint("too-large", heading.at, message, "split it into sub-runbooks");
            }
            return;
        }
        let prose = self.prose(body, &blocks);
        let phase = self.page.phases.len().saturating_sub(1);
        let block = if blocks.is_empty() { None } else { Some(blocks.swap_remove(0).yaml) };
        self.page.steps.push(Section { heading, phase, prose, block });
    }

    /// The Markdown under a heading, without its blocks.
    fn prose(&self, body: &Range<usize>, blocks: &[Block]) -> String {
        let mut prose = String::new();
        let mut from = body.start;
        for block in blocks {
            prose.push_str(self.source.get(from..block.at.start).unwrap_or_default().trim_end());
            prose.push_str("\n\n");
            from = block.at.end;
        }
        prose.push_str(self.source.get(from..body.end).unwrap_or_default());
        let prose = prose.trim();
        let mut end = prose.len().min(MAX_PROSE);
        while !prose.is_char_boundary(end) {
            end -= 1;
        }
        prose[..end].to_owned()
    }

    fn finish(mut self, criteria: &[Range<usize>], name: &str) -> Page {
        if self.page.phases.is_empty() {
            let title = self.page.title.clone().unwrap_or_else(|| name.to_owned());
            self.page.phases.push(Heading { title, at: 0..0 });
        }
        let items = std::mem::take(&mut self.parts.items);
        self.page.criteria = items
            .into_iter()
            .filter(|(item, at)| {
                // The bodies are in order, so only the last one that begins before the item can hold it.
                let before = criteria.partition_point(|body| body.start <= *at);
                !item.text.is_empty() && before > 0 && criteria[before - 1].contains(at)
            })
            .map(|(item, _)| item)
            .collect();
        if self.page.criteria.len() > MAX_CRITERIA {
            let at = criteria.first().map_or(0, |body| body.start);
            self.faults.add("too-large", at..at, format!("a runbook may have {MAX_CRITERIA} success criteria"));
            self.page.criteria.truncate(MAX_CRITERIA);
        }
        if self.page.steps.is_empty() && self.faults.is_empty() {
            let hint = "a heading ## or ### is a step; a block ```yaml rundown under it makes the bot run it";
            self.faults.add_hint("empty-page", 0..0, "the page has no steps", hint);
        }
        self.page
    }
}

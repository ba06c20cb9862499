//! Which names a template uses, and whether it keeps to the allowed part of Handlebars.
//!
//! Lives here: the scan before parsing, the walk over the parsed tree. Never lives here: rendering.

use handlebars::template::{BlockParam, HelperTemplate, Parameter, TemplateElement};
use handlebars::{Template as Compiled, TemplateError};

use super::template::{MAX_SOURCE, TemplateReference};
use super::{ExprFault, helpers};

/// How deep blocks, and helpers inside helpers, may nest.
const MAX_NESTING: usize = 8;
/// How many blocks a template may open: the parser recurses into each that is not closed yet.
const MAX_BLOCKS: usize = 200;
/// How many tags a template may hold.
const MAX_TAGS: usize = 300;
/// For each tag the parser counts lines from the beginning of the source: so many bytes it may pass in doing so.
const MAX_LINE_COUNTING: usize = 1024 * 1024;
/// Longest run of backslashes: for each of a run the parser looks through the rest of it.
const MAX_BACKSLASHES: usize = 16;
/// How many brackets one tag may open: the parser recurses into them.
const MAX_BRACKETS: usize = 24;

/// What a walk over a template found.
#[derive(Debug, Default)]
pub(super) struct Outline {
    pub references: Vec<TemplateReference>,
    /// The path of a template that is one `{{path}}` and nothing else.
    pub whole: Option<Vec<String>>,
    /// Texts and tags, those inside `each` counted once.
    pub parts: usize,
    /// Those inside `each`, and one for its going round.
    pub repeated: usize,
}

/// Refuses what must not reach the parser.
pub(super) fn scan(source: &str) -> Result<(), ExprFault> {
    if source.len() > MAX_SOURCE {
        let message = format!("a template may be {} KiB long; this one has {} bytes", MAX_SOURCE / 1024, source.len());
        return Err(ExprFault::new(message, 0, 0));
    }
    if let Some(offset) = source.find(&"\\".repeat(MAX_BACKSLASHES + 1)) {
        let message = format!("more than {MAX_BACKSLASHES} backslashes in a row");
        return Err(ExprFault::new(message, offset, MAX_BACKSLASHES));
    }
    let (mut tags, mut blocks, mut counting) = (0, 0, 0);
    let mut at = 0;
    while let Some(found) = source[at..].find("{{") {
        let start = at + found;
        let tag = &source[start..];
        tags += 1;
        counting += start;
        if tags > MAX_TAGS || counting > MAX_LINE_COUNTING {
            let message = format!("more than {MAX_TAGS} tags, or too many for so long a template");
            return Err(ExprFault::new(message, start, 2).hint("split it into several texts"));
        }
        if tag.starts_with("{{{{") {
            return Err(ExprFault::new("raw blocks are not allowed", start, 4).hint("write \\{{ for two braces"));
        }
        let inside = tag.trim_start_matches('{').trim_start_matches(['~', ' ', '\t', '\r', '\n']);
        blocks += usize::from(inside.starts_with(['#', '^']));
        if blocks > MAX_BLOCKS {
            return Err(ExprFault::new(format!("more than {MAX_BLOCKS} blocks in one template"), start, 2));
        }
        let end = tag.find("}}").unwrap_or(tag.len());
        // Closing brackets are not counted against: one inside a text would make room for another that is not.
        let brackets = tag[2..end.max(2)].bytes().filter(|byte| matches!(byte, b'(' | b'[' | b'{')).count();
        if brackets > MAX_BRACKETS {
            return Err(ExprFault::new(format!("more than {MAX_BRACKETS} brackets in one tag"), start, 2));
        }
        at = start + 2;
    }
    Ok(())
}

/// The library's syntax error in our words.
pub(super) fn syntax_fault(source: &str, error: &TemplateError) -> ExprFault {
    let offset = error.pos().map_or(0, |(line, column)| offset_of(source, line, column));
    let rest = source.get(offset..).unwrap_or_default();
    let line = crate::base::text::one_line(rest, 24);
    let message = match line.as_str() {
        "" => "the template ends inside a tag or a block".to_owned(),
        _ => format!("the template cannot be read from `{line}` on"),
    };
    let fault = ExprFault::new(message, offset, rest.chars().next().map_or(0, char::len_utf8));
    fault.hint("a tag is {{path.to.value}} or {{#if x}}…{{/if}}; write \\{{ for two braces")
}

/// Lines and columns count from 1, columns in characters.
fn offset_of(source: &str, line: usize, column: usize) -> usize {
    let start: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(offset, _)| offset)
}

/// Checks the tree and gathers what it uses.
pub(super) fn outline(source: &str, compiled: &Compiled) -> Result<Outline, ExprFault> {
    let mut walk = Walk { source, at: 0, outline: Outline::default(), blocks: Vec::new(), depth: 0 };
    walk.template(compiled)?;
    let mut outline = walk.outline;
    if let ([TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag)], [reference]) =
        (compiled.elements.as_slice(), outline.references.as_slice())
        && tag.params.is_empty()
    {
        outline.whole = Some(reference.path.clone());
    }
    Ok(outline)
}

/// What names mean inside a block.
struct Block {
    /// What paths begin from; `None` when that is an entry of `each`, or computed.
    base: Option<Vec<String>>,
    /// Names that the block gives to its value: `as |entry|`.
    names: Vec<String>,
    each: bool,
}

struct Walk<'a> {
    source: &'a str,
    /// Where the tag at hand begins.
    at: usize,
    outline: Outline,
    /// Blocks that move the place where paths begin.
    blocks: Vec<Block>,
    /// All blocks, those of `if` and of `else` chains included: rendering recurses this far, on any thread.
    depth: usize,
}

impl Walk<'_> {
    fn template(&mut self, template: &Compiled) -> Result<(), ExprFault> {
        for (index, element) in template.elements.iter().enumerate() {
            if let Some(mapping) = template.mapping.get(index) {
                self.at = offset_of(self.source, mapping.0, mapping.1);
            }
            self.outline.parts += 1;
            self.outline.repeated += usize::from(self.blocks.iter().any(|block| block.each));
            match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => {}
                TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => self.tag(tag, 0)?,
                TemplateElement::HelperBlock(tag) => self.block(tag)?,
                TemplateElement::PartialExpression(_) | TemplateElement::PartialBlock(_) => {
                    return Err(self.fault("partials are not allowed here", "{{>").hint("write the text out"));
                }
                TemplateElement::DecoratorExpression(_) | TemplateElement::DecoratorBlock(_) => {
                    return Err(self.fault("decorators are not allowed here", "{{"));
                }
                _ => return Err(self.fault("this tag is not allowed here", "{{")),
            }
        }
        Ok(())
    }

    /// `{{path}}`, `{{helper a b}}` and `(helper a b)`.
    fn tag(&mut self, tag: &HelperTemplate, depth: usize) -> Result<(), ExprFault> {
        let name = self.name(tag)?;
        if !tag.hash.is_empty() {
            return Err(self.fault("named arguments are not allowed here", &name));
        }
        match (helpers::arguments(&name), tag.params.len()) {
            (None, 0) => return self.path(&name),
            (Some(allowed), given) if allowed.contains(&given) => {}
            (Some(_), _) => {
                return Err(self.fault(&format!("`{name}` does not take that many arguments"), &name));
            }
            (None, _) => return Err(self.unknown(&name)),
        }
        self.parameters(&tag.params, depth)
    }

    fn unknown(&self, name: &str) -> ExprFault {
        let fault = self.fault(&format!("there is no helper `{name}`"), name);
        match crate::base::text::nearest(name, helpers::names()) {
            Some(near) => fault.hint(format!("did you mean `{near}`?")),
            None => fault.hint("a path is written with dots and no spaces: {{steps.health.ok}}"),
        }
    }

    fn parameters(&mut self, parameters: &[Parameter], depth: usize) -> Result<(), ExprFault> {
        if depth > MAX_NESTING {
            return Err(self.fault(&format!("helpers nest deeper than {MAX_NESTING}"), "("));
        }
        for parameter in parameters {
            match parameter {
                Parameter::Literal(_) => {}
                Parameter::Name(name) => self.path(name)?,
                Parameter::Path(_) => match parameter.as_name() {
                    Some(path) => self.path(path)?,
                    None => return Err(self.fault("this is no path", "{{")),
                },
                Parameter::Subexpression(inner) => match inner.as_element() {
                    TemplateElement::Expression(tag) => self.tag(tag, depth + 1)?,
                    _ => return Err(self.fault("this is no argument", "(")),
                },
                _ => return Err(self.fault("this is no argument", "{{")),
            }
        }
        Ok(())
    }

    fn block(&mut self, tag: &HelperTemplate) -> Result<(), ExprFault> {
        let name = self.name(tag)?;
        if !matches!(name.as_str(), "if" | "unless" | "each" | "with") {
            let fault = self.fault(&format!("there is no block `{name}`"), &name);
            return Err(fault.hint("blocks are if, unless, each and with"));
        }
        if !tag.hash.is_empty() || tag.params.len() != 1 {
            return Err(self.fault(&format!("the block `{name}` takes one argument"), &name));
        }
        let each = name == "each";
        if each && self.blocks.iter().any(|block| block.each) {
            let fault = self.fault("`each` inside `each`", &name);
            return Err(fault.hint("save the inner list as text with a `set` step"));
        }
        self.depth += 1;
        if self.depth > MAX_NESTING {
            return Err(self.fault(&format!("blocks nest deeper than {MAX_NESTING}"), &name));
        }
        self.parameters(&tag.params, 0)?;
        let argument = tag.params.first().and_then(Parameter::as_name).and_then(|path| self.resolve(path).ok());
        // `if` and `unless` leave names as they are; the others move the place where paths begin.
        self.outline.repeated += usize::from(each);
        let moves = each || name == "with";
        if moves {
            let base = if each { None } else { argument.flatten() };
            self.blocks.push(Block { base, names: block_names(tag), each });
        }
        if let Some(body) = &tag.template {
            self.template(body)?;
        }
        if moves {
            self.blocks.pop();
        }
        if let Some(otherwise) = &tag.inverse {
            self.template(otherwise)?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn name(&self, tag: &HelperTemplate) -> Result<String, ExprFault> {
        match tag.name.as_name() {
            Some(name) => Ok(name.to_owned()),
            None => match &tag.name {
                Parameter::Subexpression(_) => Err(self.fault("a helper is written without brackets here", "(")),
                _ => Err(self.fault("this is no path", "{{").hint("write the text itself, without braces")),
            },
        }
    }

    /// Notes a path that begins in the scope.
    fn path(&mut self, raw: &str) -> Result<(), ExprFault> {
        let resolved = self.resolve(raw)?;
        if let Some(path) = resolved {
            if path.is_empty() {
                return Err(self.fault("this is everything at once", raw).hint("name what you mean: {{inputs.x}}"));
            }
            let offset = self.find(raw);
            self.outline.references.push(TemplateReference { path, offset, len: raw.len() });
        }
        Ok(())
    }

    /// The path from the root; `None` when it begins at something that only exists while rendering.
    fn resolve(&self, raw: &str) -> Result<Option<Vec<String>>, ExprFault> {
        let mut blocks = self.blocks.as_slice();
        let mut rest = raw;
        if let Some(local) = raw.strip_prefix('@') {
            let known = matches!(local, "index" | "key" | "first" | "last");
            return match local.strip_prefix("root") {
                Some(path) if path.starts_with(['.', '/']) => Ok(Some(segments(&path[1..]))),
                _ if known && blocks.iter().any(|block| block.each) => Ok(None),
                _ => Err(self.fault(&format!("there is no `{raw}` here"), raw)),
            };
        }
        if let Some(path) = rest.strip_prefix("./") {
            rest = path;
        }
        let first = segments(rest).into_iter().next().unwrap_or_default();
        if blocks.iter().any(|block| block.names.contains(&first)) {
            return Ok(None);
        }
        while let Some(path) = rest.strip_prefix("../") {
            let Some((_, outer)) = blocks.split_last() else {
                return Err(self.fault("there is nothing outside to go up to", raw));
            };
            (blocks, rest) = (outer, path);
        }
        let own = segments(rest);
        match blocks.last() {
            None => Ok(Some(own)),
            Some(Block { base: Some(base), .. }) => Ok(Some(base.iter().cloned().chain(own).collect())),
            Some(Block { base: None, .. }) => Ok(None),
        }
    }

    fn find(&self, text: &str) -> usize {
        let from = self.at.min(self.source.len());
        self.source.get(from..).and_then(|rest| rest.find(text)).map_or(from, |offset| from + offset)
    }

    fn fault(&self, message: &str, about: &str) -> ExprFault {
        ExprFault::new(message, self.find(about), about.len())
    }
}

fn block_names(tag: &HelperTemplate) -> Vec<String> {
    let names = match &tag.block_param {
        None => vec![],
        Some(BlockParam::Single(name)) => vec![name],
        Some(BlockParam::Pair((value, key))) => vec![value, key],
        Some(_) => vec![],
    };
    names.into_iter().filter_map(|name| name.as_name().map(str::to_owned)).collect()
}

/// `a.b/[c d]` as its three parts; `this` is no part.
fn segments(path: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = path;
    while !rest.is_empty() {
        let (segment, tail) = match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
            Some((key, tail)) => (key, tail),
            None => rest.split_at(rest.find(['.', '/']).unwrap_or(rest.len())),
        };
        if segment != "this" && !segment.is_empty() {
            found.push(segment.to_owned());
        }
        rest = tail.trim_start_matches(['.', '/']);
    }
    found
}

//! Text with holes: Handlebars without partials, with a fixed set of helpers and fixed limits.
//!
//! Lives here: [`Template`], the limits of a rendering. Never lives here: checks of a source (`outline`), helpers'
//! bodies (`helpers`), templates of reports (those are the operator's, and may use all of Handlebars).
//!
//! `{{path.to.value}}` prints a value as it is (nothing is escaped); a name that is missing is an error, unless it is
//! the argument of a helper: there it is null. Blocks: `if`, `unless`, `each`, `with`, each with `else`. Helpers:
//! `lookup`, `eq`, `ne`, `gt`, `lt`, `and`, `or`, `not`, `json`, `default`. A literal `{{` is written `\{{`.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::sync::Arc;

use handlebars::template::{Parameter, TemplateElement};
use handlebars::{Path, RenderError, RenderErrorReason, Template as Compiled};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use super::helpers::{self, Meter};
use super::known::Known;
use super::outline::{self, Outline};
use super::room::guarded;
use super::{EvalError, ExprFault, Scope};

/// Longest template, in bytes.
pub(super) const MAX_SOURCE: usize = 64 * 1024;
/// Longest text a template may print, in bytes.
pub const MAX_OUTPUT: usize = 256 * 1024;
/// Most that the values a template uses may hold together, in bytes.
const MAX_INPUT: usize = 1024 * 1024;
/// Most entries of any list or map in a template that repeats something.
const MAX_ENTRIES: usize = 10_000;
/// Most parts (texts and tags) a rendering may print, repetitions counted.
const MAX_PARTS: usize = 25_000;

thread_local! {
    static KNOWN: RefCell<Known<Template>> = RefCell::default();
}

/// A checked template; a copy shares its tree. Equal when their sources are. Written and read as its source.
#[derive(Clone)]
pub struct Template(Arc<Checked>);

struct Checked {
    source: String,
    compiled: Compiled,
    outline: Outline,
}

/// A name that a template uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateReference {
    /// The path from the root of the scope: `["steps", "tomar", "spool"]`. Names that belong to an entry of `each` are
    /// not listed.
    pub path: Vec<String>,
    /// Where it is written, in bytes of the source.
    pub offset: usize,
    /// How many bytes it takes.
    pub len: usize,
}

impl Template {
    /// Reads and checks a template.
    ///
    /// # Errors
    /// The first fault of the source.
    pub fn parse(source: &str) -> Result<Self, ExprFault> {
        if let Some(known) = KNOWN.with_borrow(|known| known.get(source)) {
            return Ok(known);
        }
        outline::scan(source)?;
        let compiled = guarded("template", || compile(source)).map_err(|why| ExprFault::new(why, 0, 0))?;
        let (compiled, outline) = compiled?;
        let template = Self(Arc::new(Checked { source: source.to_owned(), compiled, outline }));
        KNOWN.with_borrow_mut(|known| known.keep(source, &template));
        Ok(template)
    }

    /// As it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The names it uses, in the order of the source.
    #[must_use]
    pub fn references(&self) -> &[TemplateReference] {
        &self.0.outline.references
    }

    /// The path, when the template is exactly one `{{path}}`: then the value can be taken as it is, with its type.
    #[must_use]
    pub fn whole_path(&self) -> Option<Vec<String>> {
        self.0.outline.whole.clone()
    }

    /// The text.
    ///
    /// # Errors
    /// A name that is missing, an argument of the wrong type, a limit.
    pub fn render(&self, scope: &Scope) -> Result<String, EvalError> {
        let checked = &*self.0;
        let input = self.input(scope)?;
        let meter = Meter::default();
        let mut registry = helpers::registry(&meter);
        registry.register_template("text", checked.compiled.clone());
        let mut output = Capped::default();
        let rendered = registry.render_to_write("text", &input, &mut output);
        if output.over {
            return Err(EvalError::TooMuch(format!("the text is longer than {} KiB", MAX_OUTPUT / 1024)));
        }
        rendered.map_err(|error| render_error(&error))?;
        String::from_utf8(output.bytes).map_err(|_| EvalError::Wrong("the text is not UTF-8".to_owned()))
    }

    /// Copies out of the scope what the template names, and nothing else, up to the limit.
    fn input(&self, scope: &Scope) -> Result<Value, EvalError> {
        let outline = &self.0.outline;
        let mut input = Map::new();
        let mut size = 0;
        let mut longest = 0;
        for reference in &outline.references {
            let path = reference.path.join(".");
            if let Some(value) = scope.at(&reference.path) {
                size += measure(value, &mut longest);
                if size > MAX_INPUT {
                    let message = format!("`{path}` is too large: a template may use {} KiB", MAX_INPUT / 1024);
                    return Err(EvalError::TooMuch(message));
                }
                if outline.repeated > 0 && longest > MAX_ENTRIES {
                    let message = format!("`{path}` holds {longest} entries; at most {MAX_ENTRIES} can be repeated");
                    return Err(EvalError::TooMuch(message));
                }
            }
            put(&mut input, &reference.path, scope);
        }
        if outline.parts + outline.repeated.saturating_mul(longest) > MAX_PARTS {
            let message = format!("the template repeats {} parts for {longest} entries", outline.repeated);
            return Err(EvalError::TooMuch(format!("{message}; at most {MAX_PARTS} parts can be printed")));
        }
        Ok(Value::Object(input))
    }
}

/// Puts the value at `path` where the template will look for it; of a path that ends early, what there is of it.
fn put(input: &mut Map<String, Value>, path: &[String], scope: &Scope) {
    let mut into = input;
    for depth in 1..=path.len() {
        let (here, name) = (&path[..depth], &path[depth - 1]);
        let Some(value) = scope.at(here) else { return };
        if depth == path.len() {
            // A whole replaces the parts of it that were put there before.
            into.insert(name.clone(), value.clone());
            return;
        }
        if !value.is_object() {
            into.insert(name.clone(), value.clone());
            return;
        }
        let inner = into.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
        match inner {
            Value::Object(inner) => into = inner,
            _ => return,
        }
    }
}

/// Bytes a value takes, about, and its longest list or map.
fn measure(value: &Value, longest: &mut usize) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 32,
        Value::String(text) => 32 + text.len(),
        Value::Array(items) => {
            *longest = (*longest).max(items.len());
            32 + items.iter().map(|item| measure(item, longest)).sum::<usize>()
        }
        Value::Object(map) => {
            *longest = (*longest).max(map.len());
            32 + map.iter().map(|(key, value)| 96 + key.len() + measure(value, longest)).sum::<usize>()
        }
    }
}

/// Takes a text up to the limit; what would go over is refused before it is stored.
#[derive(Default)]
struct Capped {
    bytes: Vec<u8>,
    over: bool,
}

impl io::Write for &mut Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > MAX_OUTPUT {
            self.over = true;
            return Err(io::Error::other("too long"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn render_error(error: &RenderError) -> EvalError {
    match error.reason() {
        RenderErrorReason::MissingVariable(Some(path)) => EvalError::Missing { path: path.clone() },
        RenderErrorReason::MissingVariable(None) => EvalError::Wrong("a value is missing".to_owned()),
        RenderErrorReason::Other(message) if message.starts_with(helpers::TOO_MUCH) => {
            EvalError::TooMuch(message.clone())
        }
        reason => EvalError::Wrong(reason.to_string()),
    }
}

fn compile(source: &str) -> Result<(Compiled, Outline), ExprFault> {
    let mut compiled = Compiled::compile(source).map_err(|error| outline::syntax_fault(source, &error))?;
    let outline = outline::outline(source, &compiled)?;
    mean_the_item(&mut compiled);
    Ok((compiled, outline))
}

/// Makes `{{each}}`, the item of a repeated step, a name: the library would call its helper `each` without arguments.
/// Inside `#each` and `#with` names belong to the entry, so these are left alone.
fn mean_the_item(template: &mut Compiled) {
    for element in &mut template.elements {
        match element {
            TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag)
                if tag.params.is_empty() && tag.hash.is_empty() && tag.name.as_name() == Some("each") =>
            {
                if let Ok(path) = Path::parse("this.each") {
                    tag.name = Parameter::Path(path);
                }
            }
            TemplateElement::HelperBlock(block) if matches!(block.name.as_name(), Some("if" | "unless")) => {
                block.template.iter_mut().chain(&mut block.inverse).for_each(mean_the_item);
            }
            _ => {}
        }
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.0.source == other.0.source
    }
}
impl Eq for Template {}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Template").field(&self.0.source).finish()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.source)
    }
}

impl Serialize for Template {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.source)
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let source = String::deserialize(deserializer)?;
        Self::parse(&source).map_err(serde::de::Error::custom)
    }
}

//! A step while its page is checked: what was read, and what it refers to.
//!
//! Lives here: [`Draft`], [`Use`], [`Link`]. Never lives here: reading and judging them.

use std::ops::Range;

use super::model::Step;
use crate::base::expr::Condition;
use crate::domain::action::Kind;
use crate::domain::action::check::Text;
use crate::domain::source::Node;

/// A step, the places of its parts, and everything it refers to.
#[derive(Debug)]
pub struct Draft {
    /// The step as far as it could be read.
    pub step: Step,
    /// The heading.
    pub heading: Range<usize>,
    /// Where its explicit id stands.
    pub id: Option<Range<usize>>,
    /// Whether it may change the world.
    pub changes: bool,
    /// Conditions and templates, for their names.
    pub uses: Vec<Use>,
    /// Other steps it names.
    pub links: Vec<Link>,
    /// Targets it names.
    pub targets: Vec<(String, Range<usize>)>,
}

/// A place that uses names.
#[derive(Debug)]
pub enum Use {
    /// A condition, where it stands, what it sees.
    Condition(Condition, Place, Sees),
    /// A text that may hold a template.
    Text(Text),
}

/// Where a condition stands.
#[derive(Debug)]
pub enum Place {
    /// A value of a block.
    Yaml(Node),
    /// A text at an offset of the page, as it is.
    Plain(usize),
}

/// What a condition can see besides `inputs`, `target`, `steps`, `incident`, `run`.
#[derive(Clone, Debug)]
pub enum Sees {
    /// Nothing else.
    Flow,
    /// The facts of the step's own answer.
    Answer(Kind),
    /// Only the facts of a sample.
    Sample(Kind),
    /// Only the series of a watch.
    Series(Vec<String>),
    /// Only inputs and targets: it is judged when the run is planned.
    Plan,
}

/// A step that names another.
#[derive(Debug)]
pub struct Link {
    /// The other.
    pub to: String,
    /// Where it is named.
    pub at: Range<usize>,
    /// What for.
    pub kind: LinkKind,
}

/// What a step names another for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkKind {
    /// The run goes on there: forward.
    Go,
    /// The run goes back there.
    Redo,
    /// This step cleans up after it.
    Always,
    /// This step takes it back.
    Undo,
    /// This step runs while it goes on.
    During,
    /// The branch that a missed deadline takes leads there: it must not change anything.
    Untaken,
}

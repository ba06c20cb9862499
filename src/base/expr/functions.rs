//! The functions a condition may call.
//!
//! Lives here: their names and how many arguments they take. Never lives here: what they do (`eval`).

use crate::base::text::nearest;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
    Int,
    Double,
    Text,
    Bool,
    Duration,
    Timestamp,
    Min,
    Max,
}

/// How a function is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x)`
    Global,
    /// `x.f()`
    Member,
    /// Either.
    Both,
}

pub(super) struct Signature {
    pub name: &'static str,
    pub function: Function,
    pub style: Style,
    /// Fewest and most arguments, the receiver counted.
    pub arguments: (usize, usize),
}

const fn signature(name: &'static str, function: Function, style: Style, arguments: (usize, usize)) -> Signature {
    Signature { name, function, style, arguments }
}

/// Every function, but for `has`, `matches`, `runs` and the comprehensions, which have forms of their own.
const SIGNATURES: [Signature; 17] = [
    signature("size", Function::Size, Style::Both, (1, 1)),
    signature("contains", Function::Contains, Style::Member, (2, 2)),
    signature("startsWith", Function::StartsWith, Style::Member, (2, 2)),
    signature("endsWith", Function::EndsWith, Style::Member, (2, 2)),
    signature("lowerAscii", Function::LowerAscii, Style::Member, (1, 1)),
    signature("upperAscii", Function::UpperAscii, Style::Member, (1, 1)),
    signature("trim", Function::Trim, Style::Member, (1, 1)),
    signature("split", Function::Split, Style::Member, (2, 2)),
    signature("join", Function::Join, Style::Member, (1, 2)),
    signature("int", Function::Int, Style::Global, (1, 1)),
    signature("double", Function::Double, Style::Global, (1, 1)),
    signature("string", Function::Text, Style::Global, (1, 1)),
    signature("bool", Function::Bool, Style::Global, (1, 1)),
    signature("duration", Function::Duration, Style::Global, (1, 1)),
    signature("timestamp", Function::Timestamp, Style::Global, (1, 1)),
    signature("min", Function::Min, Style::Global, (1, 64)),
    signature("max", Function::Max, Style::Global, (1, 64)),
];

/// The function of that name.
pub(super) fn find(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|signature| signature.name == name)
}

/// The name most like `name`, for a hint.
pub(super) fn nearest_name(name: &str) -> Option<&'static str> {
    let special = ["has", "matches", "runs", "all", "exists", "exists_one", "map", "filter"];
    nearest(name, SIGNATURES.iter().map(|signature| signature.name).chain(special))
}

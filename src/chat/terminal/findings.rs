//! Action items as lines.
//!
//! Lives here: one line. Never lives here: printing them, the wording of single facts (`view`).

use super::paint::Paint;
use crate::base::text::one_line;
use crate::bot::findings::Listed;

/// An action item in one line.
pub(super) fn action(item: &Listed, paint: Paint) -> String {
    let stated = &item.action.stated;
    let mark = if item.action.done { "x" } else { " " };
    let priority = stated.priority.map_or("--".to_owned(), |priority| priority.to_string());
    let owner = stated.owner.as_ref().map_or("nobody".to_owned(), |owner| one_line(owner.name(), 40));
    let due = stated.due.map_or("no date".to_owned(), |due| due.to_string());
    let due = if item.overdue { paint.bad(&format!("{due} overdue")) } else { due };
    let id = format!("{} {}", item.incident, item.id);
    format!("[{mark}] {id:<10} {priority}  {due:<10}  {owner:<12}  {}", one_line(&stated.text, 120))
}

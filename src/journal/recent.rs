//! A quick look at the end of a journal: whether its last events are as they were written.
//!
//! Lives here: the look and what it came to. Never lives here: everything before (`verify` reads the whole chain), and whether
//! a body that is gone was erased or taken away, which takes the whole chain as well.

use std::collections::BTreeMap;

use super::verify::{FaultKind, VerifyError, fault};
use super::{ChainHead, Journal, Row, Select, chain};
use crate::base::event::Stream;

/// Rows per page.
const PAGE: usize = 100;

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// How many events.
    pub checked: u64,
    /// Of how many.
    pub of: u64,
}

/// Checks the links, the places in their streams and the bodies of the last `most` events.
///
/// # Errors
/// The first that is not as it was written; the journal cannot be read.
pub async fn recent(journal: &dyn Journal, most: u64) -> Result<Recent, VerifyError> {
    let head = journal.head().await?;
    let from = head.pos.saturating_sub(most);
    let mut last = match from {
        0 => ChainHead { pos: 0, hash: [0; 32] },
        from => before(journal, from, head).await?,
    };
    let mut counts: BTreeMap<Stream, u64> = BTreeMap::new();
    while last.pos < head.pos {
        let rows = journal.read(Select::All, last.pos, PAGE).await?;
        if rows.is_empty() {
            return Err(cut_off(last.pos + 1, head.pos));
        }
        for row in rows.iter().take_while(|row| row.pos <= head.pos) {
            check(&last, row, &mut counts)?;
            last = ChainHead { pos: row.pos, hash: row.hash };
        }
        if rows.first().is_some_and(|row| row.pos > head.pos) {
            return Err(cut_off(last.pos + 1, head.pos));
        }
    }
    if last.hash != head.hash {
        return Err(VerifyError::Unread(format!(
            "the record of where the chain stands does not fit its last event, #{}; run `rundown verify`",
            head.pos
        )));
    }
    Ok(Recent { checked: head.pos - from, of: head.pos })
}

/// The event that the first checked one is linked to.
async fn before(journal: &dyn Journal, pos: u64, head: ChainHead) -> Result<ChainHead, VerifyError> {
    let rows = journal.read(Select::All, pos - 1, 1).await?;
    let row = rows.first().filter(|row| row.pos == pos).ok_or_else(|| cut_off(pos, head.pos))?;
    Ok(ChainHead { pos: row.pos, hash: row.hash })
}

fn cut_off(pos: u64, until: u64) -> VerifyError {
    VerifyError::Unread(format!("#{pos} is missing, though the journal goes on to #{until}; run `rundown verify`"))
}

fn check(last: &ChainHead, row: &Row, counts: &mut BTreeMap<Stream, u64>) -> Result<(), VerifyError> {
    if row.pos != last.pos + 1 {
        return Err(cut_off(last.pos + 1, row.pos));
    }
    let changed = |what: &str| Err(fault(FaultKind::Changed, row, what.to_owned()).into());
    if chain::link(&last.hash, row) != row.hash {
        return changed(
            "its hash does not fit its content and the events before it. It was changed after it was written",
        );
    }
    if row.body.as_ref().is_some_and(|body| chain::commitment(&body.salt, &body.bytes) != row.commitment) {
        return changed("its body is not the one it was recorded with. It was changed after it was written");
    }
    // A stream that began earlier is counted from its first event in sight.
    match counts.insert(row.stream.clone(), row.seq) {
        Some(seq) if row.seq != seq + 1 => changed("it does not follow the event before it in its stream"),
        _ => Ok(()),
    }
}

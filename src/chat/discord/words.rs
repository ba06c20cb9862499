//! Foreign text in Discord's Markdown.
//!
//! Lives here: [`markdown`], as Discord reads it. Never lives here: what is said.

/// A text in one line, at most `limit` characters of it, for a place in Discord's Markdown: it reads as it was written and neither
/// formats, links nor calls anybody. Discord knows no HTML: what pages write as an entity is a character here.
#[must_use]
pub fn markdown(text: &str, limit: usize) -> String {
    let escaped = crate::base::text::markdown(text, limit);
    escaped.replace("&lt;", "\\<").replace("&gt;", "\\>").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_was_written_and_calls_nobody() {
        assert_eq!(markdown("5 < 7 && 7 > 5", 100), "5 \\< 7 && 7 \\> 5");
        assert_eq!(markdown("&lt; is written so", 100), "&lt; is written so");
        for call in ["<@1>", "<@&1>", "@everyone", "@here", "<#1>"] {
            let shown = markdown(call, 100);
            assert!(shown.split('@').skip(1).all(|rest| rest.starts_with('\u{200b}')), "{shown}");
            assert!(!shown.starts_with('<'), "{shown}");
        }
    }
}

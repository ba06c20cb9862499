//! A single action without a runbook, under the same rules: it becomes a page of one step, which is checked, planned and run
//! like any other.
//!
//! Lives here: writing that page. Never lives here: what an action means (`domain/action`).

use serde_json::{Map, Value, json};

use super::grammar::{Do, Pair};
use super::library::{At, Page, Planned};
use super::{Bot, Fault};
use crate::base::text::{nearest, one_line};
use crate::domain::action::Kind;

impl Bot {
    /// Plans a single action.
    ///
    /// # Errors
    /// No such kind, parameters that do not fit it.
    pub fn single(&self, asked: Do) -> Result<Planned, Fault> {
        let page = page(&asked)?;
        self.library.plan_page(&page, &At { environment: asked.env, ..At::default() })
    }
}

/// The page of one step.
fn page(asked: &Do) -> Result<Page, Fault> {
    let kinds: Vec<_> = Kind::ALL.iter().map(|kind| kind.key()).collect();
    if !kinds.contains(&asked.action.as_str()) {
        let hint = nearest(&asked.action, kinds.iter().copied())
            .map_or_else(|| format!("; there are {}", kinds.join(", ")), |near| format!("; did you mean '{near}'?"));
        return Err(Fault::Usage(format!("there is no action '{}'{hint}", one_line(&asked.action, 60))));
    }
    let mut block = Map::new();
    block.insert("id".into(), json!("act"));
    block.insert(asked.action.clone(), params(&asked.params)?);
    if !asked.expect.is_empty() {
        block.insert("expect".into(), json!(asked.expect));
    }
    if let Some(timeout) = &asked.timeout {
        block.insert("timeout".into(), json!(timeout));
    }
    // What goes wrong goes back to whoever typed it, who is there to type it again.
    block.insert("on_failure".into(), json!("stop"));
    let said: Vec<String> = asked.params.iter().map(|pair| format!("{}={}", pair.name, pair.value)).collect();
    let title = one_line(&format!("{} {}", asked.action, said.join(" ")), 100);
    // JSON is YAML, and has no line breaks that could end the block.
    let block = Value::Object(block);
    let source = format!("---\nid: do\n---\n# {title}\n\n## Do\n\n### {title}\n\n```yaml rundown\n{block}\n```\n");
    Ok(Page { file: "the action".to_owned(), name: "do".to_owned(), source })
}

/// `a=1 b.c=x` as an object; numbers, `true`, `false`, lists and objects are read as such, all else is text.
fn params(pairs: &[Pair]) -> Result<Value, Fault> {
    let mut object = Map::new();
    for Pair { name, value } in pairs {
        let value = match serde_json::from_str::<Value>(value) {
            Ok(Value::String(_)) | Err(_) => Value::String(value.clone()),
            Ok(other) => other,
        };
        let twice = || Fault::Usage(format!("{name} is given twice"));
        let mut at = &mut object;
        let mut names = name.split('.').peekable();
        while let Some(part) = names.next() {
            if names.peek().is_none() {
                if at.insert(part.to_owned(), value).is_some() {
                    return Err(twice());
                }
                break;
            }
            let inner = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
            at = inner.as_object_mut().ok_or_else(twice)?;
        }
    }
    Ok(Value::Object(object))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(action: &str, params: &[&str]) -> Do {
        let params = params.iter().map(|text| text.parse().unwrap()).collect();
        Do { action: action.into(), params, expect: vec![], timeout: None, env: None, incident: None }
    }

    #[test]
    fn an_action_becomes_a_page_of_one_step() {
        let page = page(&asked("http", &["post=https://api.test/x", "json.tag=TEST-02", "json.worker=93"])).unwrap();
        assert!(
            page.source.contains(r#""http":{"json":{"tag":"TEST-02","worker":93},"post":"https://api.test/x"}"#),
            "{}",
            page.source
        );
    }

    #[test]
    fn a_value_cannot_end_the_block() {
        let page = page(&asked("http", &["get=x\n```\n### Another step"])).unwrap();
        assert_eq!(page.source.matches("\n```").count(), 2, "{}", page.source);
        assert_eq!(page.source.matches("\n###").count(), 1);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert!(
            page(&asked("railway.restar", &[])).unwrap_err().to_string().contains("did you mean 'railway.restart'")
        );
        assert!(page(&asked("http", &["a=1", "a=2"])).unwrap_err().to_string().contains("twice"));
        assert!(page(&asked("http", &["a=1", "a.b=2"])).unwrap_err().to_string().contains("twice"));
    }
}

//! What is done on a page, by the forms that the page has.

use std::time::Duration;

use rundown::base::event::IncidentId;
use rundown::bot::monitors::Proposed;
use rundown::bot::offers::of_runbooks;

use super::signed::{Answer, Browser, Pages};
use crate::rundown::Desk;

pub const PEOPLE: &str = "people:
  Ana: { terminal: ana, role: responder }
  Ben: { terminal: ben, role: commander }
  Vic: { terminal: vic, role: viewer }
";
pub const TARGETS: &str = "environments:
  test:
    targets:
      backend: { url: http://127.0.0.1:9, approval: { quorum: 2, approvers: [Ana, Ben] } }
";
pub const RESTART: &str = "# Restart

## Go

### Restart it
```yaml rundown
id: restart
http: { post: \"{{target.backend.url}}/restart\" }
```

## Success criteria

- Customers can buy again
";

/// A server with a run (and its incident) that waits for two persons to agree, and another incident that nobody took on.
pub async fn waiting_for_approval() -> Pages {
    let desk = Desk::with_pages(&[("people.yaml", PEOPLE), ("targets.yaml", TARGETS), ("restart.md", RESTART)]);
    desk.rundown(&["run", "restart", "--env", "test"]).exits(3);
    desk.rundown(&["incident", "declare", "The shop is slow"]).exits(0);
    Pages::of(desk).await
}

/// The id of the offer whose button has this label, as the incident's page shows it.
pub async fn offered(browser: &Browser, label: &str) -> String {
    offered_on(browser, "/incidents/inc-1", label).await
}

/// The same on another page.
async fn offered_on(browser: &Browser, path: &str, label: &str) -> String {
    let page = browser.get(path).await.is(200).text;
    let forms = page.split("<form").skip(1).map(|form| form.split("</form>").next().unwrap_or_default());
    let form = forms.into_iter().find(|form| form.contains("name=\"offer\"") && form.contains(&format!(">{label}")));
    let form = form.unwrap_or_else(|| panic!("no button '{label}' in {page}"));
    value(form, "offer")
}

fn value(form: &str, name: &str) -> String {
    let (_, behind) = form.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    behind.split('"').next().unwrap_or_default().to_owned()
}

fn timeline(pages: &Pages) -> String {
    let said = pages.desk.rundown(&["timeline", "inc-1"]).exits(0).out;
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Kinds of everything recorded about the incident.
pub fn kinds(pages: &Pages) -> Vec<String> {
    let events = pages.desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    events.iter().map(|event| event["kind"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn two_persons_approve_on_the_page_and_each_confirms_what_it_is() {
    let pages = waiting_for_approval().await;
    let (ana, ben) = (pages.signed_in("ana").await, pages.signed_in("ben").await);
    let approve = offered(&ana, "Approve").await;
    // A bare button leads to what exactly is agreed to; nothing is done yet.
    let asked = ana.post("/act", &[("offer", &approve)]).await.is(200);
    assert!(asked.text.contains("POST http://127.0.0.1:9/restart"), "{}", asked.text);
    assert!(!kinds(&pages).contains(&"approval.given".to_owned()));
    let agreed = ana.post("/act", &[("offer", &approve), ("confirmed", "1"), ("back", "/incidents/inc-1#runs")]).await;
    assert_eq!(agreed.is(303).location(), "/incidents/inc-1#runs");
    let again = ana.post("/act", &[("offer", &approve), ("confirmed", "1")]).await.is(409);
    assert!(again.text.contains("Ana has approved it already"), "{}", again.text);
    ben.post("/act", &[("offer", &approve), ("confirmed", "1")]).await.is(303);
    let events = pages.desk.rundown(&["timeline", "inc-1", "--json"]).exits(0).events();
    let given: Vec<_> = events.iter().filter(|event| event["kind"] == "approval.given").collect();
    let by = |index: usize| given[index]["actor"]["person"].clone();
    assert_eq!((by(0)["name"].as_str(), by(0)["door"].as_str()), (Some("Ana"), Some("web")), "{}", given[0]);
    assert_eq!((by(1)["name"].as_str(), by(1)["login"].as_str()), (Some("Ben"), Some("terminal:ben")));
    // Both agreed: the page that asked is older than the answer.
    let late = ana.post("/act", &[("offer", &approve), ("confirmed", "1")]).await.is(409);
    assert!(late.text.contains("answered already") && late.text.contains("Last, Ben: "), "{}", late.text);
}

#[tokio::test]
async fn what_came_of_it_is_told_once_on_the_next_page() {
    let pages = waiting_for_approval().await;
    let ana = pages.signed_in("ana").await;
    let done = ana.post("/incidents/inc-1/note", &[("text", "Redis <b>is</b> full"), ("at", "5m ago")]).await.is(303);
    assert_eq!(done.location(), "/incidents/inc-1");
    let said = done.cookies().into_iter().find(|cookie| cookie.starts_with("rundown-said=")).expect("a cookie");
    let with = |said: &str| Browser { cookie: format!("{}; {said}", ana.cookie), ..ana.clone() };
    let next = with(&said).get("/incidents/inc-1").await.is(200);
    assert!(next.text.contains("role=\"status\">note by Ana: Redis &lt;b&gt;is&lt;/b&gt; full</p>"), "{}", next.text);
    assert!(next.cookies().contains(&"rundown-said=".to_owned()), "it is taken away: {:?}", next.cookies());
    // Nobody else can put words there: not by changing them, and not by taking another session's.
    let forged = said.replace("rundown-said=1", "rundown-said=0");
    let quiet = |page: &Answer| !page.text.contains("class=\"notice");
    assert!(quiet(&with(&forged).get("/").await));
    let ben = pages.signed_in("ben").await;
    let taken = Browser { cookie: format!("{}; {said}", ben.cookie), ..ben.clone() };
    assert!(quiet(&taken.get("/").await));
}

#[tokio::test]
async fn a_run_is_paused_resumed_and_cancelled_an_incident_taken_on_a_criterion_ticked() {
    let pages = waiting_for_approval().await;
    let ana = pages.signed_in("ana").await;
    ana.post("/incidents/inc-2/ack", &[]).await.is(303);
    ana.post("/runs/run-1/steer", &[("verb", "pause"), ("why", "a look first")]).await.is(303);
    ana.post("/runs/run-1/steer", &[("verb", "resume")]).await.is(303);
    ana.post("/runs/run-1/tick", &[("criterion", "1")]).await.is(303);
    ana.post("/runs/run-1/tick", &[("criterion", "99")]).await.is(409);
    ana.post("/runs/run-1/steer", &[("verb", "explode")]).await.is(400);
    let cancel = offered(&ana, "Cancel run").await;
    // Without a field for the reason it is asked for one first; left empty it is an answer.
    let asked = ana.post("/act", &[("offer", &cancel)]).await.is(200);
    assert!(asked.text.contains("<textarea"), "{}", asked.text);
    ana.post("/act", &[("offer", &cancel), ("text", "")]).await.is(303);
    let told = timeline(&pages);
    assert!(told.contains("a look first") && told.contains("Ana"), "{told}");
    let kinds = kinds(&pages);
    for kind in ["run.paused", "run.resumed", "criterion.ticked", "run.cancelled"] {
        assert!(kinds.iter().any(|known| known == kind), "{kind} in {kinds:?}");
    }
}

#[tokio::test]
async fn who_knows_better_than_the_gate_says_why() {
    let pages = waiting_for_approval().await;
    let ben = pages.signed_in("ben").await;
    let resolve = offered(&ben, "Resolve").await;
    // The run is open still: that is said, with a field for the reason.
    let refused = ben.post("/act", &[("offer", &resolve)]).await.is(409);
    assert!(refused.text.contains("run-1") && refused.text.contains("<textarea"), "{}", refused.text);
    ben.post("/act", &[("offer", &resolve), ("text", "customers are fine; the run goes on")]).await.is(303);
    assert!(timeline(&pages).contains("customers are fine"));
}

#[tokio::test]
async fn a_run_begun_on_a_page_is_driven_by_the_server() {
    let by_hand = "---\nid: look\ntitle: Look at it\nuse_when: [the shop is slow]\n---\n# Look at it\n\n## Go\n\n### Look\nWith your own eyes.\n";
    let desk = Desk::with_pages(&[("people.yaml", PEOPLE), ("targets.yaml", TARGETS), ("look.md", by_hand)]);
    desk.rundown(&["incident", "declare", "The shop is slow", "--env", "test"]).exits(0);
    let pages = Pages::of(desk).await;
    let (ana, vic) = (pages.signed_in("ana").await, pages.signed_in("vic").await);
    let fits = Proposed { id: "look".to_owned(), title: "Look at it".to_owned(), by_operator: false };
    let start = of_runbooks(&IncidentId::number(1), &[fits]).remove(0).id().to_string();
    // Where only words fit, it is confirmed first.
    ana.post("/act", &[("offer", &start)]).await.is(200);
    vic.post("/act", &[("offer", &start), ("confirmed", "1")]).await.is(403);
    assert!(!kinds(&pages).contains(&"run.opened".to_owned()));
    ana.post("/act", &[("offer", &start), ("confirmed", "1")]).await.is(303);
    // The server takes the run on by itself: its first question is there to be answered.
    let asked = async { while !ana.get("/incidents/inc-1").await.is(200).text.contains(">Done</button>") {} };
    tokio::time::timeout(Duration::from_secs(20), asked).await.expect("it is asked in time");
    let done = offered(&ana, "Done").await;
    ana.post("/act", &[("offer", &done)]).await.is(303);
    let again = ana.post("/act", &[("offer", &done)]).await.is(409);
    assert!(again.text.contains("answered already") && again.text.contains("Last, Ana: "), "{}", again.text);
}

#[tokio::test]
async fn a_call_is_answered_and_cover_is_taken_where_both_are_listed() {
    let oncall = "zone: UTC\nschedules:\n  primary:\n    layers: [{ name: Always, people: [Ana], rotate: weekly, handoff: mon 09:00, \
                  from: 2026-01-05 }]\npolicies:\n  default: { steps: [{ notify: [{ schedule: primary }], \
                  escalate_after: 5m }], finally: [{ person: Ana }] }\n";
    let desk = Desk::with_pages(&[("people.yaml", PEOPLE), ("targets.yaml", TARGETS), ("oncall.yaml", oncall)]);
    let call = |arguments: &[&str]| {
        let said = desk.command(arguments).env("USER", "ana").env("LOGNAME", "ana").output().expect("the binary runs");
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    };
    call(&["page", "call", "The shop is slow"]);
    call(&["oncall", "cover", "primary", "--from", "wed 10:00", "--until", "wed 12:00"]);
    let pages = Pages::of(desk).await;
    let ben = pages.signed_in("ben").await;
    let mine = offered_on(&ben, "/oncall", "I have it").await;
    ben.post("/act", &[("offer", &mine), ("back", "/oncall")]).await.is(303);
    assert!(!ben.get("/oncall").await.is(200).text.contains("I have it"));
    let listed = pages.desk.rundown(&["page", "list", "--all"]).exits(0).out;
    assert!(listed.contains("Ben"), "{listed}");
    let taken = offered_on(&ben, "/oncall", "I take it").await;
    ben.post("/act", &[("offer", &taken), ("back", "/oncall")]).await.is(303);
    assert!(!ben.get("/oncall").await.is(200).text.contains("Somebody asks for cover"));
}
